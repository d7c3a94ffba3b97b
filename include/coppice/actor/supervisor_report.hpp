#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "coppice/actor/exit_reason.hpp"
#include "coppice/actor/monitor.hpp"
#include "coppice/base/clock.hpp"

namespace coppice {

enum class Restart : unsigned char;  // coppice/supervisors/restart.hpp

/// What became of one child, as its supervisor tells it; of an actor that nobody supervises, the system tells it.
///
/// Threads    made and handed over on the turn of who reports; valid, with all its views, during that call.
/// Source     OTP's supervisor reports and crash reports: start_error, child_terminated, shutdown_error, shutdown,
///            progress; proc_lib's ancestors and last message.
struct SupervisorReport {
  /// What its supervisor does about it.
  enum class Next : unsigned char {
    None,       ///< nothing that follows from this
    Restarted,  ///< a next life will be started: after `delay`, and after its group has been stopped
    Down,       ///< it stays down; its spec is kept
    Forgotten,  ///< it stays down; its spec is dropped with it
    GivesUp,    ///< the supervisor ends
    Later,      ///< something else is under way; it is decided after that
  };

  /// ChildStarted, ChildStartFailed, ChildFailed (OTP's child_terminated), ChildRestarted, ChildStopped,
  /// RestartLimitExceeded, Escalated, AutoShutdown, ChildShutdownError, ChildGaveUp, ChildLeftBehind; ActorFailed of an
  /// actor without a supervisor.
  EventKind kind;
  TimePoint time{};                  ///< by the system's clock
  std::string_view path = {};        ///< "app/workers/worker-3": the ids of its ancestors, from the top, and its own
  std::string_view supervisor = {};  ///< "app/workers"; empty: it has none
  std::string_view id = {};
  std::string_view type = {};     ///< the actor's class
  std::uint64_t actor = 0;        ///< its ref's id; 0: no place was made for it
  std::uint32_t incarnation = 0;  ///< which of its lives, from 1
  Restart restart{};
  Duration shutdown = kForever;  ///< how long it may take to stop; kForever: no limit; Duration::min(): killed at once
  bool is_supervisor = false;
  /// The type of the message that it had in hand when it crashed, stopped itself or was left behind; "a hook" for
  /// constructors and hooks; empty: none.
  std::string_view handling = {};
  ExitReason reason = {};  ///< with its chain of causes
  Next next = Next::None;
  Duration delay{};   ///< before the next life, where `next` is Restarted
  Duration waited{};  ///< ChildLeftBehind: since it was told to stop, or since its start began
};

/// A few aligned lines: who, which life, what it was handling, the reason and each of its causes, what comes next.
/// Control characters in names and reasons are shown as \xNN.
[[nodiscard]] std::string to_string(const SupervisorReport& report);

namespace detail {

/// What goes to SystemOptions::on_report: what went wrong. A monitor hears of the rest as well.
[[nodiscard]] bool is_problem(EventKind kind) noexcept;

/// For one line of a terminal: control characters as \xNN, but a new line as a new line and `indent` spaces.
[[nodiscard]] std::string printable(std::string_view text, std::size_t indent);
/// The same for what must stay on its line: a new line as \x0a.
[[nodiscard]] std::string printable_line(std::string_view text);

}  // namespace detail
}  // namespace coppice
