#include <set>
#include <string>
#include <vector>

#include "supervisor_body.hpp"

namespace coppice::detail {
namespace {

[[nodiscard]] bool is_negative(const Shutdown& shutdown) noexcept {
  return !shutdown.is_brutal() && shutdown.within() < Duration::zero();
}

[[nodiscard]] std::string fault_of(const HealthCheck& check) {
  if (check.interval <= Duration::zero()) return "health.interval must be longer than zero";
  if (check.timeout <= Duration::zero()) return "health.timeout must be longer than zero";
  if (check.failures == 0) return "health.failures must be at least one";
  if (check.recovery == 0) return "health.recovery must be at least one";
  if (check.queue_age_max <= Duration::zero()) return "health.queue_age_max must be longer than zero";
  if (check.interval == kForever && check != HealthCheck{})
    return "health has options, but without health.interval there are no checks";
  return {};
}

/// What is wrong with one child itself. Source: OTP's check_childspec.
std::string fault_of_options(const ChildSpec& child, AutoShutdown auto_shutdown) {
  const ChildOptions& c = child.options();
  if (c.id.empty()) return "a child has an empty id";
  if (c.id.find('/') != std::string::npos) return "the id \"" + c.id + "\" contains a '/'";
  const std::string who = "child \"" + c.id + "\": ";
  if (c.start_within <= Duration::zero()) return who + "start_within must be longer than zero";
  if (is_negative(c.shutdown)) return who + "shutdown must not be negative";
  if (const auto* const bounded = c.mailbox.bounded(); bounded != nullptr && bounded->capacity == 0)
    return who + "a bounded mailbox needs a capacity of at least one";
  if (std::string fault = fault_of(c.health); !fault.empty()) return who + fault;
  if (c.significant && auto_shutdown == AutoShutdown::Never)
    return who + "it is significant, but its supervisor's auto_shutdown is Never";
  if (c.significant && c.restart == Restart::Permanent) return who + "a significant child may not be Permanent";
  return {};
}

/// What is wrong with one supervisor's own options and ids; empty: nothing.
std::string fault_of(const SupervisorSpec& spec) {
  const SupervisorOptions& options = spec.options();
  if (options.id.empty()) return "a supervisor has an empty id";
  if (options.id.find('/') != std::string::npos) return "the id \"" + options.id + "\" contains a '/'";
  if (options.intensity.within <= Duration::zero())
    return "supervisor \"" + options.id + "\": intensity.within must be longer than zero";
  if (is_negative(options.shutdown)) return "supervisor \"" + options.id + "\": shutdown must not be negative";
  if (options.significant && options.restart == Restart::Permanent)
    return "supervisor \"" + options.id + "\": a significant child may not be Permanent";
  if (options.backoff.is_on()) {
    const Exponential& e = options.backoff.exponential();
    if (e.first < Duration::zero() || e.cap < e.first || !(e.factor >= 1.0) || !(e.jitter >= 0.0 && e.jitter <= 0.5) ||
        e.reset_after < Duration::zero()) {
      return "supervisor \"" + options.id +
             "\": backoff needs 0 <= first <= cap, factor >= 1, 0 <= jitter <= 0.5 and reset_after >= 0";
    }
  }
  std::set<std::string> ids;
  for (const ChildSpec& child : spec.children()) {
    if (std::string fault = fault_of_options(child, options.auto_shutdown); !fault.empty())
      return "supervisor \"" + options.id + "\": " + fault;
    if (!ids.insert(child.id()).second)
      return "supervisor \"" + options.id + "\" has two children with the id \"" + child.id() + "\"";
  }
  return {};
}

}  // namespace

std::string fault_of_child(const ChildSpec& child, AutoShutdown auto_shutdown) {
  if (std::string fault = fault_of_options(child, auto_shutdown); !fault.empty()) return fault;
  return child.is_supervisor() ? fault_in(*child.tree()) : std::string{};
}

std::string fault_in(const SupervisorSpec& root) {
  std::vector<const SupervisorSpec*> left{&root};
  while (!left.empty()) {
    const SupervisorSpec& spec = *left.back();
    left.pop_back();
    if (std::string fault = fault_of(spec); !fault.empty()) return fault;
    for (const ChildSpec& child : spec.children()) {
      if (child.is_supervisor()) left.push_back(child.tree());
    }
  }
  return {};
}

}  // namespace coppice::detail
