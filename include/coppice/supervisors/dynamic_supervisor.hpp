#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "coppice/actor/actor.hpp"
#include "coppice/supervisors/calls.hpp"
#include "coppice/supervisors/child_spec.hpp"
#include "coppice/supervisors/supervisor.hpp"

namespace coppice {

/// Children of a dynamic supervisor come and go at run time. Source: Elixir's DynamicSupervisor.
struct DynamicSupervisorOptions {
  std::string id;
  std::uint64_t children_max = ~std::uint64_t{0};  ///< at once, whether they run or wait for a start; from 0
  Intensity intensity = {};                        ///< all its children together
  Backoff backoff = {};                            ///< off by default
  bool significant = false;                        ///< as a child of another supervisor, as are the next two
  Restart restart = Restart::Permanent;
  Shutdown shutdown = Shutdown::infinity();
  std::string name = {};  ///< unique among live actors, as ChildOptions::name
};

/// A dynamic supervisor as a value: started by System::start, or a child in a tree.
class DynamicSupervisorSpec {
 public:
  explicit DynamicSupervisorSpec(DynamicSupervisorOptions options) : options_{std::move(options)} {}
  [[nodiscard]] const DynamicSupervisorOptions& options() const noexcept { return options_; }

 private:
  DynamicSupervisorOptions options_;
};

/// `supervisor({.id = "app"}, child<Acceptor>({.id = "acceptor"}), dynamic_supervisor({.id = "connections"}))`
[[nodiscard]] inline DynamicSupervisorSpec dynamic_supervisor(DynamicSupervisorOptions options) {
  return DynamicSupervisorSpec{std::move(options)};
}

/// Ends one child, whichever it is: `ask(connections, TerminateDynamicChild{ref}, 5s)`.
struct TerminateDynamicChild {
  AnyRef child;
};

namespace detail {
class DynamicFactory;
class DynamicBody;
}  // namespace detail

/// Starts children by specification whenever it is asked to, and restarts them one for one. Each has its own
/// specification; ids may be empty and need not be unique, since a child is named by its ref. Starts run at the same
/// time, each on its child's own turn: one that takes its time delays nobody. Stops too: when the supervisor ends, all
/// children are told at once, each with its own Shutdown value. A child that has ended for good is forgotten, a
/// Transient one that ended normally included; a restarted supervisor begins without children.
///
/// Threads    its own turn. Refs: any.
/// Failure    one restart too many, or a child that escalates, ends it; its parent decides.
/// Cost       a start, a stop and a restart: constant, however many children there are.
/// Source     Elixir's DynamicSupervisor; OTP's simple_one_for_one.
class DynamicSupervisor final : public Actor<DynamicSupervisor> {
 public:
  static constexpr bool kManagesChildren = true;

  explicit DynamicSupervisor(detail::DynamicFactory& places);
  ~DynamicSupervisor();

  // ---- called by the runtime ----
  void on_start();
  void child_event(const detail::ChildEvent& event);
  void begin_stop(const ExitReason& reason);

  // ---- what it can be asked; see calls.hpp ----
  Later<Result<AnyRef, CallError>> handle(StartChild call);
  Later<Result<std::vector<AnyRef>, CallError>> handle(StartChildren call);
  Later<Result<void, CallError>> handle(const TerminateDynamicChild& call);
  std::vector<ChildInfo> handle(WhichChildren);  // newest first
  ChildCounts handle(CountChildren);
  Later<SupervisionTree> handle(GetTree call);

 private:
  detail::DynamicBody* body_;  // owned
};

namespace detail {

/// From a thread, blocking; an actor asks. See calls.hpp.
template <>
struct RefExtension<DynamicSupervisor, ActorRef<DynamicSupervisor>> {
  /// Answers when it runs. TooMany: there are children_max of them.
  [[nodiscard]] Result<AnyRef, CallError> start_child(ChildSpec spec, Duration within = kForever) const;
  /// The same with a typed ref: `connections.start_child<Connection>({.restart = Restart::Temporary}, 7)`.
  template <class A, class... Args>
  [[nodiscard]] Result<ActorRef<A>, CallError> start_child(ChildOptions options, Args&&... args) const {
    auto started = start_child(child<A>(std::move(options), std::forward<Args>(args)...));
    if (!started) return Error{std::move(started).error()};
    return started.value().template as<A>();
  }
  /// All of them or none: when one cannot start, those that have are stopped again, and its id is the error's text.
  [[nodiscard]] Result<std::vector<AnyRef>, CallError> start_children(std::vector<ChildSpec> specs,
                                                                      Duration within = kForever) const;
  /// Answers when it is gone. NotFound: it is no child of this supervisor, or not any more.
  Result<void, CallError> terminate_child(const AnyRef& child, Duration within = kForever) const;
  [[nodiscard]] Result<std::vector<ChildInfo>, CallError> which_children(Duration within = kForever) const;
  [[nodiscard]] Result<ChildCounts, CallError> count_children(Duration within = kForever) const;
  /// As a supervisor's.
  [[nodiscard]] Result<SupervisionTree, CallError> tree(Duration within = std::chrono::seconds{1}) const;
  bool print_tree(std::FILE* to = stdout, Duration within = std::chrono::seconds{1}) const;

 private:
  [[nodiscard]] const ActorRef<DynamicSupervisor>& self() const noexcept;
};

}  // namespace detail

/// Starts a dynamic supervisor below the system. What System::start calls.
[[nodiscard]] Result<ActorRef<DynamicSupervisor>, StartError> start_tree(System& system,
                                                                         const DynamicSupervisorSpec& spec);

}  // namespace coppice
