#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "coppice/base/clock.hpp"

namespace coppice {

struct SupervisorReport;

/// The five families of what the runtime reports by itself.
enum class EventFamily : unsigned char { Actor, Mailbox, Broker, Supervisor, System };
inline constexpr int kEventFamilies = 5;

enum class Severity : unsigned char { Debug, Info, Warning, Error };
inline constexpr int kSeverities = 4;

enum class EventKind : unsigned char {
  // actor
  ActorStarted,
  ActorStartFailed,
  ActorRestarted,
  ActorStopped,
  ActorFailed,
  ActorKilled,  // it did not stop in time; its handler may still run (a zombie until it returns)
  // mailbox
  MessageHandled,
  MessageRejected,
  MessageDropped,
  DeadLetter,
  // broker
  Subscribed,
  Unsubscribed,
  Published,
  // supervisor
  ChildStarted,
  ChildStartFailed,
  ChildFailed,
  ChildRestarted,
  ChildStopped,
  BackoffScheduled,
  RestartLimitExceeded,
  Escalated,
  AutoShutdown,        // a significant child has ended, and its supervisor ends with it
  ChildShutdownError,  // it was told to stop, and ended with another reason than that
  ChildGaveUp,         // a supervisor below gave up, and by its restart type it is not started again
  ChildLeftBehind,     // its handler did not return in time; see SupervisorReport::handling and waited
  ChildHealthy,        // its health checks find it well again
  ChildDegraded,       // … find that it works, but worse than it should
  ChildUnhealthy,      // one of them has failed
  // system
  SystemStarted,
  ShutdownBegun,
  ShutdownLate,
  SystemStopped,
};
inline constexpr int kEventKinds = static_cast<int>(EventKind::SystemStopped) + 1;

[[nodiscard]] EventFamily family_of(EventKind kind) noexcept;
[[nodiscard]] Severity severity_of(EventKind kind) noexcept;
[[nodiscard]] const char* to_string(EventKind kind) noexcept;
[[nodiscard]] const char* to_string(EventFamily family) noexcept;
[[nodiscard]] const char* to_string(Severity severity) noexcept;

/// One thing that happened. Views are valid during the call of record() only.
struct Event {
  EventKind kind;
  std::uint64_t actor = 0;        ///< the actor's id; 0 where there is none
  std::uint32_t incarnation = 0;  ///< which of its lives, from 1
  std::string_view
      path;  ///< "app/workers/worker-3"; a child's supervisor for the supervisor family; empty on MessageHandled
  std::string_view subject;  ///< the child's id, the message's type or the topic
  std::string_view text;     ///< the reason, in words
  TimePoint time{};
  const SupervisorReport* report = nullptr;  ///< the details, for what supervisors tell of their children
};

/// A compile-time policy of the run loop. `kRecords` false: nothing is left of it, neither the call nor the making of
/// the event. Otherwise record() is called by whichever thread sees the event, several at a time; what it throws is
/// swallowed.
///
/// `Event` names the type that the run loop builds for each handled message; record() takes that type and
/// coppice::Event.
template <class M>
concept Monitor = requires {
  { M::kRecords } -> std::convertible_to<bool>;
  typename M::Event;
};

/// Records nothing, costs nothing. The default.
struct NoopMonitor {
  static constexpr bool kRecords = false;
  using Event = coppice::Event;
};

namespace detail {

/// Where cold events go, for code that does not know the monitor's type. Null pointers mean: nobody listens.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void record(const Event& event) noexcept = 0;
};

}  // namespace detail
}  // namespace coppice
