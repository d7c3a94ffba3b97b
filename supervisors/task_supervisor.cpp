#include "coppice/supervisors/task_supervisor.hpp"

#include <utility>

#include "dynamic_body.hpp"
#include "start.hpp"

namespace coppice {

using detail::IntrusivePtr;

namespace {

/// Makes a task supervisor's lives; its children are listed as a dynamic one's.
class TaskFactory final : public detail::DynamicFactory {
 public:
  TaskFactory(std::shared_ptr<const DynamicSupervisorOptions> o, Shutdown shutdown) noexcept
      : DynamicFactory{std::move(o)}, task_shutdown{shutdown} {}
  [[nodiscard]] IntrusivePtr<Factory> for_place() override {
    return IntrusivePtr<Factory>::adopt(new TaskFactory{options, task_shutdown});
  }
  void construct(void* where) override { ::new (where) TaskSupervisor(*this); }

  const Shutdown task_shutdown;
};

/// Nobody waits for a task's start: it speaks for itself.
struct TaskStart final : detail::StartRequest {
  void answer(const CallError*) noexcept override {}
};

}  // namespace

TaskSupervisorSpec::operator ChildSpec() const {
  const TaskSupervisorOptions& o = options_;
  // A task is never restarted, so the limit is never reached.
  auto options = std::make_shared<const DynamicSupervisorOptions>(
      DynamicSupervisorOptions{.id = o.id, .children_max = o.tasks_max});
  return ChildSpec{
      ChildOptions{
          .id = o.id, .restart = o.restart, .shutdown = o.shutdown, .significant = o.significant, .name = o.name},
      detail::kActorOps<TaskSupervisor>, new TaskFactory{std::move(options), o.task_shutdown}};
}

TaskSupervisor::TaskSupervisor(detail::DynamicFactory& places)
    : body_{new detail::DynamicBody{cell(), places}},
      task_shutdown_{static_cast<const TaskFactory&>(places).task_shutdown} {}
TaskSupervisor::~TaskSupervisor() { delete body_; }
void TaskSupervisor::on_start() { cell().finish_start(nullptr); }
void TaskSupervisor::child_event(const detail::ChildEvent& event) { body_->child_event(event); }
void TaskSupervisor::begin_stop(const ExitReason& reason) { body_->begin_stop(reason); }

void TaskSupervisor::start_task(const detail::ActorOps& ops, detail::Factory* factory) {
  auto made_by = IntrusivePtr<detail::Factory>::adopt(factory);
  auto request = IntrusivePtr<detail::StartRequest>::adopt(new TaskStart);
  request->specs.push_back(
      ChildSpec{ChildOptions{.restart = Restart::Temporary, .shutdown = task_shutdown_, .mailbox = Unbounded{}}, ops,
                made_by.detach()});
  body_->start(std::move(request));
}

Later<Result<void, CallError>> TaskSupervisor::handle(const TerminateDynamicChild& call) {
  auto [promise, later] = reply_later<Result<void, CallError>>();
  body_->terminate(call.child, detail::PendingAnswer<void>{std::move(promise)});
  return std::move(later);
}
std::vector<ChildInfo> TaskSupervisor::handle(WhichChildren) { return body_->which_children(); }
ChildCounts TaskSupervisor::handle(CountChildren) { return body_->count_children(); }

Result<ActorRef<TaskSupervisor>, StartError> start_tree(System& system, const TaskSupervisorSpec& spec) {
  auto started = detail::start_top(system, ChildSpec{spec});
  if (!started) return Error{std::move(started).error()};
  return detail::RefAccess::make<ActorRef<TaskSupervisor>>(std::move(started).value());
}

}  // namespace coppice
