#include <set>
#include <string>
#include <vector>

#include "dynamic_factory.hpp"
#include "spec_faults.hpp"

namespace coppice::detail {
namespace {

[[nodiscard]] bool is_negative(const Shutdown& shutdown) noexcept {
  return !shutdown.is_brutal() && shutdown.within() < Duration::zero();
}

[[nodiscard]] const char* fault_of_backoff(const Backoff& backoff) noexcept {
  if (!backoff.is_on()) return nullptr;
  const Exponential& e = backoff.exponential();
  const bool is_sound = e.first >= Duration::zero() && e.cap >= e.first && e.factor >= 1.0 && e.jitter >= 0.0 &&
                        e.jitter <= 0.5 && e.reset_after >= Duration::zero();
  return is_sound ? nullptr : "backoff needs 0 <= first <= cap, factor >= 1, 0 <= jitter <= 0.5 and reset_after >= 0";
}

[[nodiscard]] const char* fault_of_checks(const HealthCheck& check) noexcept {
  if (check.interval <= Duration::zero()) return "health.interval must be longer than zero";
  if (check.timeout <= Duration::zero()) return "health.timeout must be longer than zero";
  if (check.failures == 0) return "health.failures must be at least one";
  if (check.recovery == 0) return "health.recovery must be at least one";
  if (check.queue_age_max <= Duration::zero()) return "health.queue_age_max must be longer than zero";
  if (check.interval == kForever && check != HealthCheck{})
    return "health has options, but without health.interval there are no checks";
  return nullptr;
}

/// What is wrong with one child itself, but for its id. Source: OTP's check_childspec.
const char* fault_of_options(const ChildOptions& c, AutoShutdown auto_shutdown) noexcept {
  if (c.start_within <= Duration::zero()) return "start_within must be longer than zero";
  if (is_negative(c.shutdown)) return "shutdown must not be negative";
  if (const char* const fault = c.mailbox.fault()) return fault;
  if (const char* const fault = fault_of_checks(c.health)) return fault;
  if (c.significant && auto_shutdown == AutoShutdown::Never)
    return "it is significant, but its supervisor's auto_shutdown is Never";
  if (c.significant && c.restart == Restart::Permanent) return "a significant child may not be Permanent";
  return nullptr;
}

/// Of a dynamic supervisor in itself.
const char* fault_of_dynamic(const ChildSpec& child) noexcept {
  const DynamicSupervisorOptions* const options = dynamic_options(child);
  if (options == nullptr) return nullptr;
  if (options->intensity.within <= Duration::zero()) return "intensity.within must be longer than zero";
  return fault_of_backoff(options->backoff);
}

std::string fault_of_one(const ChildSpec& child, AutoShutdown auto_shutdown, bool needs_id) {
  const std::string& id = child.id();
  if (id.empty() && needs_id) return "a child has an empty id";
  if (id.find('/') != std::string::npos) return "the id \"" + id + "\" contains a '/'";
  const char* fault = fault_of_options(child.options(), auto_shutdown);
  if (fault == nullptr) fault = fault_of_dynamic(child);
  return fault == nullptr ? std::string{} : "child \"" + id + "\": " + fault;
}

/// What is wrong with one supervisor's own options and ids; empty: nothing.
std::string fault_of(const SupervisorSpec& spec) {
  const SupervisorOptions& options = spec.options();
  if (options.id.empty()) return "a supervisor has an empty id";
  if (options.id.find('/') != std::string::npos) return "the id \"" + options.id + "\" contains a '/'";
  if (!spec.fault().empty()) return "supervisor \"" + options.id + "\": " + spec.fault();
  if (options.intensity.within <= Duration::zero())
    return "supervisor \"" + options.id + "\": intensity.within must be longer than zero";
  if (is_negative(options.shutdown)) return "supervisor \"" + options.id + "\": shutdown must not be negative";
  if (options.significant && options.restart == Restart::Permanent)
    return "supervisor \"" + options.id + "\": a significant child may not be Permanent";
  if (const char* const fault = fault_of_backoff(options.backoff)) return "supervisor \"" + options.id + "\": " + fault;
  std::set<std::string> ids;
  for (const ChildSpec& child : spec.children()) {
    if (std::string fault = fault_of_one(child, options.auto_shutdown, true); !fault.empty())
      return "supervisor \"" + options.id + "\": " + fault;
    if (!ids.insert(child.id()).second)
      return "supervisor \"" + options.id + "\" has two children with the id \"" + child.id() + "\"";
  }
  return {};
}

/// What is wrong in a whole tree.
std::string fault_in(const SupervisorSpec& root) {
  std::vector<const SupervisorSpec*> left{&root};
  while (!left.empty()) {
    const SupervisorSpec& spec = *left.back();
    left.pop_back();
    if (std::string fault = fault_of(spec); !fault.empty()) return fault;
    for (const ChildSpec& child : spec.children()) {
      if (child.tree() != nullptr) left.push_back(child.tree());
    }
  }
  return {};
}

}  // namespace

std::string fault_of_child(const ChildSpec& child, AutoShutdown auto_shutdown, bool needs_id) {
  if (std::string fault = fault_of_one(child, auto_shutdown, needs_id); !fault.empty()) return fault;
  return child.tree() != nullptr ? fault_in(*child.tree()) : std::string{};
}

std::string fault_at_top(const ChildSpec& root) {
  if (root.tree() != nullptr) return fault_in(*root.tree());
  return fault_of_child(root, AutoShutdown::AnySignificant);
}

}  // namespace coppice::detail
