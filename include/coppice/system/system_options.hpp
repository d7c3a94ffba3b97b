#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "coppice/actor/exit_reason.hpp"
#include "coppice/actor/supervisor_report.hpp"
#include "coppice/base/clock.hpp"
#include "coppice/base/result.hpp"
#include "coppice/base/unique_function.hpp"
#include "coppice/mailbox/overflow.hpp"

namespace coppice {

/// A crash that no supervisor deals with: of an actor without one, or of a tree's top that gave up.
/// Where a program decides whether to go on; SystemOptions::on_report tells people.
struct FailureReport {
  std::string path;       ///< whose
  std::string_view type;  ///< the actor's class
  std::uint32_t incarnation = 0;
  ExitReason reason;  ///< with its chain of causes
};

struct OptionError {
  std::string text;  ///< which option, what it was, what it may be
};

/// A number of worker threads; made from nothing: as many as the process may use processors.
class Workers {
 public:
  constexpr Workers() noexcept = default;
  constexpr Workers(unsigned count) noexcept : count_{count}, said_{true} {}
  [[nodiscard]] constexpr unsigned value_or(unsigned otherwise) const noexcept { return said_ ? count_ : otherwise; }
  [[nodiscard]] constexpr bool is_said() const noexcept { return said_; }

 private:
  unsigned count_ = 0;
  bool said_ = false;
};

/// An asio::io_context of the user's, for a system that has no threads of its own; made by users_context(), in
/// coppice/asio.hpp. Made from nothing: there is none.
struct UsersContext {
  void* io_context = nullptr;
};

/// Every number of a system: unit, default, bounds. A system made with an option out of its bounds does not start:
/// status() says why.
struct SystemOptions {
  Workers workers = {};  ///< threads, 1 to 1,024; as many as the process may use processors by default
  /// Where everything of the system runs, on the threads that run it, instead of on workers. It outlives the system.
  UsersContext run_in = {};
  unsigned batch = 64;  ///< messages an actor handles before others get their turn, from 1
  /// How long, at most, an idle worker looks for work before it sleeps, and a thread that waits for an answer for that;
  /// zero: not at all. Without effect on one processor; with more workers than there are, one looks while all others sleep.
  Duration spin = std::chrono::microseconds{10};
  std::uint64_t actors_max = 10'000'000;               ///< live actors at once, from 1
  MailboxOptions mailbox = Unbounded{};                ///< of actors that are spawned without one of their own
  std::uint64_t dead_letters_max = 1'000;              ///< dead letters kept to look at, from 1; all are counted
  unsigned timers_max = 1'000'000;                     ///< live timers of one actor, from 1
  std::size_t stash_max = 10'000;                      ///< messages in one actor's stash, from 1
  std::size_t monitor_capacity = 1'000;                ///< events that a recording monitor keeps, from 1
  Duration shutdown_within = std::chrono::seconds{5};  ///< the destructor's patience, not negative
  std::uint64_t seed = 1;                              ///< of everything random (jitter)
  bool callers_run = true;  ///< ActorRef::call() runs an idle actor on the calling thread, which saves waking a worker.
      ///< False where handlers use what belongs to a thread (thread_local data, locks that callers
      ///< hold)
  /// Told of each failure that nobody supervises. Any thread, on the turn of who failed: it must not block; what it
  /// throws is swallowed.
  UniqueFunction<void(const FailureReport&)> on_failure = nullptr;
  /// Told of what goes wrong with actors: crashes, failed starts, supervisors that give up, children that do not stop.
  /// Without one each report is printed on stderr. Any thread, several at a time, on the turn of who reports: it must
  /// not block; what it throws is swallowed.
  UniqueFunction<void(const SupervisorReport&)> on_report = nullptr;
  bool reports = true;               ///< false: none is made, neither for on_report nor for stderr
  unsigned reports_per_second = 20;  ///< printed at most, from 1; a line tells how many were left out
  /// Dead letters printed on stderr in a second, where reports are; zero: none, as in OTP. Left out are those that were
  /// withdrawn, that a crash had in hand, and that a shutdown finds waiting. Without effect where on_report is given.
  unsigned dead_letters_per_second = 0;

  [[nodiscard]] Result<void, OptionError> check() const;
};

}  // namespace coppice
