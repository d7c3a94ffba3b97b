#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coppice/actor/actor_ref.hpp"
#include "coppice/base/result.hpp"
#include "coppice/supervisors/child_spec.hpp"
#include "coppice/supervisors/child_state.hpp"

namespace coppice {

/// Why a call to a supervisor did nothing. Source: OTP's supervisor, the returns of start_child and its siblings.
struct CallError {
  enum class Kind : unsigned char {
    NotFound,        ///< no child has that id
    Running,         ///< the child runs
    Restarting,      ///< a start attempt of the child is due
    AlreadyStarted,  ///< a child with that id runs: `child` names it
    AlreadyPresent,  ///< a child with that id is kept, and does not run
    BadSpec,         ///< `text` says what is wrong; nothing was started
    StartFailed,     ///< `reason` says why; of start_child the spec is forgotten, of restart_child it is kept; of
                     ///< start_children `text` is the id, and none of them runs
    TooMany,         ///< a dynamic supervisor has as many children as it may; nothing was started
    Closing,         ///< the supervisor ends, or has ended
    NoAnswer,        ///< it did not answer in time, and may still do what it was asked
    Blocking,        ///< a blocking call on an actor's turn: ask there
  };
  Kind kind;
  AnyRef child = {};
  std::string text = {};
  ExitReason reason = {};
};
[[nodiscard]] const char* to_string(CallError::Kind kind) noexcept;

struct ChildInfo {
  std::string id;
  AnyRef actor;  ///< names no place while it is down
  ChildState state = ChildState::Down;
  bool is_supervisor = false;
};

struct ChildCounts {
  std::uint64_t specs = 0;
  std::uint64_t active = 0;  ///< running
  std::uint64_t supervisors = 0;
  std::uint64_t workers = 0;
  friend bool operator==(const ChildCounts&, const ChildCounts&) = default;
};

/// \name What a supervisor can be asked. Each is one message; a change waits until what is under way is over, so it is
/// atomic to everybody: `ask(root, StartChild{child<Worker>({.id = "w"})}, 5s)`. Reads are answered at once.
/// The answers of StartChild and RestartChild name no place when the child did not want to start.
/// @{
struct StartChild {
  ChildSpec spec;
};
/// All or none: when one cannot start, those before it are stopped again, last to first.
struct StartChildren {
  std::vector<ChildSpec> specs;
};
struct TerminateChild {
  std::string id;
};
struct RestartChild {
  std::string id;
};
struct DeleteChild {
  std::string id;
};
struct WhichChildren {};
struct CountChildren {};
struct GetChildSpec {
  std::string id;
};
/// @}

}  // namespace coppice
