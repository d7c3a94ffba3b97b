#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coppice/actor/actor.hpp"
#include "coppice/supervisors/calls.hpp"
#include "coppice/supervisors/child_spec.hpp"
#include "coppice/supervisors/one_for_all.hpp"
#include "coppice/supervisors/one_for_one.hpp"
#include "coppice/supervisors/rest_for_one.hpp"
#include "coppice/supervisors/supervision_tree.hpp"
#include "coppice/system/system.hpp"

namespace coppice {

/// Why a tree did not start. Whatever had started has been stopped again, last to first.
struct StartError {
  enum class Kind : unsigned char {
    ChildFailed,  ///< a child could not start: `child` says which, `reason` why
    BadSpec,      ///< an option out of its bounds, an empty or a duplicate id: `text` says which
    Closing,      ///< the system is shutting down, or has as many actors as it may
    Blocking,     ///< called on an actor's turn, which must not block
    NameTaken,    ///< another actor has the name of the root: `text` says who
  };
  Kind kind;
  std::string child;  ///< the path of ids
  std::string text;
  ExitReason reason;
};
[[nodiscard]] const char* to_string(StartError::Kind kind) noexcept;

namespace detail {

class SupervisorFactory;
struct SupervisorCall;

}  // namespace detail

/// An actor that starts, stops and restarts its children by OTP's rules. Made from a SupervisorSpec by System::start,
/// or as a child of another supervisor. It never blocks its worker: between two steps it serves what else comes.
/// Children that are started by a call are forgotten, with what calls did to the others, when it is restarted.
///
/// Threads    its own turn. Refs: any.
/// Failure    one restart too many, or a child that escalates, ends it; its parent decides.
class Supervisor final : public Actor<Supervisor> {
 public:
  static constexpr bool kManagesChildren = true;

  explicit Supervisor(detail::SupervisorFactory& places);
  ~Supervisor();

  // ---- called by the runtime ----
  void on_start();
  void child_event(const detail::ChildEvent& event);
  void begin_stop(const ExitReason& reason);

  // ---- what it can be asked; see calls.hpp ----
  Later<Result<AnyRef, CallError>> handle(StartChild call);
  Later<Result<std::vector<AnyRef>, CallError>> handle(StartChildren call);
  Later<Result<void, CallError>> handle(TerminateChild call);
  Later<Result<AnyRef, CallError>> handle(RestartChild call);
  Later<Result<void, CallError>> handle(DeleteChild call);
  std::vector<ChildInfo> handle(WhichChildren);  // newest first
  ChildCounts handle(CountChildren);
  Result<ChildSpec, CallError> handle(const GetChildSpec& call);
  Later<SupervisionTree> handle(GetTree call);

 private:
  template <class T>
  Later<Result<T, CallError>> queue(detail::SupervisorCall call);

  struct Body;  // in supervisor.cpp, so that users do not compile the rules
  Body* body_;  // owned; a unique_ptr would be the dearest line of this header to compile
};

namespace detail {

/// What a ref of a supervisor can do besides. (For this one type, not for any Ref, and defined elsewhere: so it costs
/// who includes it next to nothing.)
template <>
struct RefExtension<Supervisor, ActorRef<Supervisor>> {
  /// The place of the child with that id, whichever life it is on. Any thread.
  template <class A>
  [[nodiscard]] Result<ActorRef<A>, LookupError> child(std::string_view id) const {
    const AnyRef found = find_child(id);
    if (!found) return Error{LookupError::Unknown};
    ActorRef<A> ref = found.as<A>();
    if (ref.id() == 0) return Error{LookupError::WrongType};
    return ref;
  }

  // From a thread, blocking; an actor asks. See calls.hpp.
  [[nodiscard]] Result<AnyRef, CallError> start_child(ChildSpec spec, Duration within = kForever) const;
  /// In their order, all or none: when one cannot start, those before it are stopped again, last to first.
  [[nodiscard]] Result<std::vector<AnyRef>, CallError> start_children(std::vector<ChildSpec> specs,
                                                                      Duration within = kForever) const;
  Result<void, CallError> terminate_child(std::string_view id, Duration within = kForever) const;
  Result<AnyRef, CallError> restart_child(std::string_view id, Duration within = kForever) const;
  Result<void, CallError> delete_child(std::string_view id, Duration within = kForever) const;
  [[nodiscard]] Result<std::vector<ChildInfo>, CallError> which_children(Duration within = kForever) const;
  [[nodiscard]] Result<ChildCounts, CallError> count_children(Duration within = kForever) const;
  [[nodiscard]] Result<ChildSpec, CallError> get_childspec(std::string_view id, Duration within = kForever) const;
  /// How it stands with all that is below it. A child that hangs is in it; waits at most `within`, for the depths of
  /// mailboxes whose actors are ready to run and do not come to it.
  [[nodiscard]] Result<SupervisionTree, CallError> tree(Duration within = std::chrono::seconds{1}) const;
  /// Prints that. False: there is none, or not all of it could be written.
  bool print_tree(std::FILE* to = stdout, Duration within = std::chrono::seconds{1}) const;

 private:
  [[nodiscard]] const ActorRef<Supervisor>& self() const noexcept;
  [[nodiscard]] AnyRef find_child(std::string_view id) const;
};

}  // namespace detail

/// Starts a tree below the system and waits until all of it runs. Children start one after another, depth first. What
/// System::start calls.
[[nodiscard]] Result<ActorRef<Supervisor>, StartError> start_tree(System& system, const SupervisorSpec& spec);

}  // namespace coppice
