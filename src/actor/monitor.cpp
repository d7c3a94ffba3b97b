#include "coppice/actor/monitor.hpp"

namespace coppice {
namespace {

struct KindRow {
  const char* name;
  EventFamily family;
  Severity severity;
};

using enum EventFamily;

constexpr KindRow kKinds[] = {
    {"actor started", Actor, Severity::Info},
    {"actor start failed", Actor, Severity::Error},
    {"actor restarted", Actor, Severity::Warning},
    {"actor stopped", Actor, Severity::Info},
    {"actor failed", Actor, Severity::Error},
    {"actor killed", Actor, Severity::Error},
    {"message handled", Mailbox, Severity::Debug},
    {"message rejected", Mailbox, Severity::Warning},
    {"message dropped", Mailbox, Severity::Warning},
    {"dead letter", Mailbox, Severity::Warning},
    {"subscribed", Broker, Severity::Info},
    {"unsubscribed", Broker, Severity::Info},
    {"published", Broker, Severity::Debug},
    {"child started", Supervisor, Severity::Info},
    {"child start failed", Supervisor, Severity::Error},
    {"child failed", Supervisor, Severity::Error},
    {"child restarted", Supervisor, Severity::Warning},
    {"child stopped", Supervisor, Severity::Info},
    {"backoff scheduled", Supervisor, Severity::Info},
    {"restart limit exceeded", Supervisor, Severity::Error},
    {"escalated", Supervisor, Severity::Error},
    {"auto shutdown", Supervisor, Severity::Warning},
    {"child shutdown error", Supervisor, Severity::Error},
    {"child gave up", Supervisor, Severity::Warning},
    {"child left behind", Supervisor, Severity::Error},
    {"child healthy", Supervisor, Severity::Info},
    {"child degraded", Supervisor, Severity::Warning},
    {"child unhealthy", Supervisor, Severity::Error},
    {"system started", System, Severity::Info},
    {"shutdown begun", System, Severity::Info},
    {"shutdown late", System, Severity::Error},
    {"system stopped", System, Severity::Info},
};
static_assert(sizeof kKinds / sizeof kKinds[0] == kEventKinds, "a row for each kind, in their order");

}  // namespace

EventFamily family_of(EventKind kind) noexcept { return kKinds[static_cast<int>(kind)].family; }
Severity severity_of(EventKind kind) noexcept { return kKinds[static_cast<int>(kind)].severity; }
const char* to_string(EventKind kind) noexcept { return kKinds[static_cast<int>(kind)].name; }

const char* to_string(EventFamily family) noexcept {
  switch (family) {
    case Actor: return "actor";
    case Mailbox: return "mailbox";
    case Broker: return "broker";
    case Supervisor: return "supervisor";
    case System: return "system";
  }
  return "unknown";
}

const char* to_string(Severity severity) noexcept {
  switch (severity) {
    case Severity::Debug: return "debug";
    case Severity::Info: return "info";
    case Severity::Warning: return "warning";
    case Severity::Error: return "error";
  }
  return "unknown";
}

}  // namespace coppice
