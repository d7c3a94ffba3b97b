#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "coppice/supervisors/dynamic_supervisor.hpp"

namespace coppice {

struct TaskSupervisorOptions {
  std::string id;
  std::uint64_t tasks_max = ~std::uint64_t{0};       ///< at once; one more is Rejected
  Shutdown task_shutdown = std::chrono::seconds{5};  ///< how long a task may go on when the supervisor stops
  bool significant = false;                          ///< as a child of another supervisor, as are the next two
  Restart restart = Restart::Permanent;
  Shutdown shutdown = Shutdown::infinity();
  std::string name = {};  ///< unique among live actors, as ChildOptions::name
};

/// A task supervisor as a value: started by System::start, or a child in a tree.
class TaskSupervisorSpec {
 public:
  explicit TaskSupervisorSpec(TaskSupervisorOptions options) : options_{std::move(options)} {}
  [[nodiscard]] const TaskSupervisorOptions& options() const noexcept { return options_; }
  operator ChildSpec() const;

 private:
  TaskSupervisorOptions options_;
};

[[nodiscard]] inline TaskSupervisorSpec task_supervisor(TaskSupervisorOptions options) {
  return TaskSupervisorSpec{std::move(options)};
}

/// A function that is to run once: the message of a TaskSupervisor. What it returns is the reply.
template <class F>
struct RunTask {
  F function;
};
template <class F>
RunTask(F) -> RunTask<F>;

namespace detail {

/// What a task is made of until its actor takes it. One that is never made answers Rejected.
template <class F, class R>
struct TaskParts {
  TaskParts(F&& f, ReplyPromise<R>&& p) : function(std::move(f)), promise{std::move(p)} {}
  TaskParts(TaskParts&&) = default;
  ~TaskParts() { promise.fail(AskError::Rejected); }
  F function;
  ReplyPromise<R> promise;
};

template <class F, class R>
class TaskActor final : public Actor<TaskActor<F, R>> {
 public:
  struct Run {};
  explicit TaskActor(TaskParts<F, R>&& parts)
      : function_(std::move(parts.function)), promise_{std::move(parts.promise)} {
    promise_.close_with(this->cell());
    this->self().send(Run{});  // a task that has started runs as a message, so that its supervisor goes on meanwhile
  }
  ~TaskActor() { promise_.fail(AskError::Closed); }
  void handle(Run) {
    try {
      if constexpr (std::is_void_v<R>) {
        function_();
        promise_.set();
      } else {
        promise_.set(function_());
      }
    } catch (...) {
      promise_.fail(AskError::Crashed);
      throw;
    }
    this->stop();
  }

 private:
  F function_;
  ReplyPromise<R> promise_;
};

}  // namespace detail

/// Runs functions, each in an actor of its own that is never restarted: `tasks.async([] { return price(); }, 5s)` from
/// a thread, `ask(tasks, RunTask{[] { return price(); }}, 5s).then(…)` from an actor, `tasks.send(RunTask{…})` for one
/// whose result nobody wants. A task that throws is Crashed; one that is ended before it is done, or whose supervisor
/// has ended, is Closed; one too many is Rejected. A task whose ask timed out goes on. As with any handler, a task that
/// blocks holds a worker.
///
/// Threads    its own turn. Refs: any. Tasks: any worker.
/// Source     Elixir's Task.Supervisor.
class TaskSupervisor final : public Actor<TaskSupervisor> {
 public:
  static constexpr bool kManagesChildren = true;

  explicit TaskSupervisor(detail::DynamicFactory& places);
  ~TaskSupervisor();

  // ---- called by the runtime ----
  void on_start();
  void child_event(const detail::ChildEvent& event);
  void begin_stop(const ExitReason& reason);

  // ---- what it can be asked ----
  template <class F>
  Later<std::decay_t<std::invoke_result_t<F&>>> handle(RunTask<F> task) {
    using R = std::decay_t<std::invoke_result_t<F&>>;
    auto [promise, later] = reply_later<R>();
    start_task(detail::kActorOps<detail::TaskActor<F, R>>,
               detail::make_factory<detail::TaskActor<F, R>, true>(
                   detail::TaskParts<F, R>{std::move(task.function), std::move(promise)}));
    return std::move(later);
  }
  Later<Result<void, CallError>> handle(const TerminateDynamicChild& call);
  std::vector<ChildInfo> handle(WhichChildren);  // newest first
  ChildCounts handle(CountChildren);

 private:
  void start_task(const detail::ActorOps& ops, detail::Factory* factory);  // takes its count

  detail::DynamicBody* body_;  // owned
  Shutdown task_shutdown_;
};

namespace detail {

template <class Ref>
struct RefExtension<TaskSupervisor, Ref> {
  /// From a thread. The result is waited for with get().
  template <class F>
  [[nodiscard]] auto async(F&& function, Duration within) const {
    return static_cast<const Ref&>(*this).ask(RunTask<std::decay_t<F>>{std::forward<F>(function)}, within);
  }
};

}  // namespace detail

/// Starts a task supervisor below the system. What System::start calls.
[[nodiscard]] Result<ActorRef<TaskSupervisor>, StartError> start_tree(System& system, const TaskSupervisorSpec& spec);

}  // namespace coppice
