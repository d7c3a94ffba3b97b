#include "coppice/system/system.hpp"

#include "base/platform.hpp"
#include "coppice/actor/holding.hpp"
#include "coppice/system/actor_system.hpp"
#include "coppice/system/pinned_thread.hpp"
#include "system_core.hpp"

namespace coppice {

template void detail::Cell::run_with<NoopMonitor>(detail::Runnable&) noexcept;
template class BasicActorSystem<NoopMonitor>;

const char* to_string(StopError error) noexcept {
  switch (error) {
    case StopError::AlreadyStopped: return "already stopped";
    case StopError::Blocking: return "a blocking get() on an actor's turn";
  }
  return "unknown";
}

const char* to_string(NameError::Kind kind) noexcept {
  switch (kind) {
    case NameError::Kind::Taken: return "a live actor has this name";
    case NameError::Kind::Ended: return "the actor has ended, or is of another system";
    case NameError::Kind::BadName: return "a name is not empty";
  }
  return "unknown";
}

System::System(detail::IntrusivePtr<detail::Runtime> core) noexcept
    : keep_{std::move(core)}, core_{static_cast<detail::SystemCore*>(keep_.get())} {
  core_->system = this;
}

System::~System() { shut_down_now(); }

void System::shut_down_now() noexcept {
  if (core_ != nullptr) core_->destroy_system();
}

Result<void, OptionError> System::status() const {
  if (core_->start_error().empty()) return {};
  return Error{OptionError{core_->start_error()}};
}

detail::Runtime& System::runtime() const noexcept { return *keep_; }
AnyRef System::find_any(std::string_view name) const { return detail::RefAccess::make<AnyRef>(core_->find_name(name)); }

Result<void, NameError> System::register_name(std::string_view name, const AnyRef& actor) {
  detail::Cell& cell = detail::live_cell(detail::RefAccess::cell(actor));
  if (name.empty()) return Error{NameError{NameError::Kind::BadName, {}}};
  if (cell.runtime() != &runtime()) return Error{NameError{NameError::Kind::Ended, {}}};
  detail::IntrusivePtr<detail::Cell> taken_by;
  if (core_->claim_name(name, cell, detail::held_until(cell), taken_by)) return {};
  const auto kind = taken_by ? NameError::Kind::Taken : NameError::Kind::Ended;
  return Error{NameError{kind, detail::RefAccess::make<AnyRef>(std::move(taken_by))}};
}

Result<void, LookupError> System::unregister_name(std::string_view name) {
  if (core_->free_name(name)) return {};
  return Error{LookupError::Unknown};
}

ShutdownReport System::shutdown(ShutdownOptions options) { return core_->shutdown(options.within); }
bool System::is_shutting_down() const noexcept { return core_->is_closing(); }
Ledger System::ledger() const noexcept { return core_->ledger(); }
SystemStats System::stats() const noexcept { return core_->stats(); }
std::vector<DeadLetter> System::dead_letters() const { return core_->dead_letters(); }
TimePoint System::now() const noexcept { return core_->clock->now(); }
unsigned System::workers() const noexcept { return core_->pool() == nullptr ? 0 : core_->pool()->workers(); }

StopFuture System::stop(const AnyRef& actor, const StopOptions& options) {
  detail::Cell& cell = detail::live_cell(detail::RefAccess::cell(actor));
  auto ticket = detail::IntrusivePtr<detail::Ticket>::adopt(new detail::Ticket{runtime()});
  detail::CellSignal* const signal = detail::make_signal(detail::CellSignal::Kind::Stop);
  signal->reason = options.reason;
  signal->mode = options.mailbox;
  signal->keep_place = cell.is_supervised();
  signal->ticket = ticket;
  const TimePoint deadline = detail::saturating_add(now(), options.within);
  const bool may_be_late = deadline != TimePoint::max() && !cell.is_closed();
  if (may_be_late) ticket->late = detail::IntrusivePtr<detail::Cell>::share(&cell);
  cell.signal(signal);
  if (may_be_late) ticket->kill_at(deadline);
  return StopFuture{detail::IntrusivePtr<detail::Cell>::share(&cell), std::move(ticket), deadline};
}

bool StopFuture::is_ready() const noexcept { return ticket_->progress.load(detail::kAcquire) == detail::Ticket::kDone; }

Result<ExitReason, StopError> StopFuture::get() {
  if (!is_ready() && detail::this_thread.cell != nullptr) return Error{StopError::Blocking};
  while (!is_ready()) {
    if (ticket_->runtime->wait(ticket_->progress, detail::Ticket::kOpen, deadline_)) continue;
    if (ticket_->runtime->is_abandoned()) return Error{StopError::AlreadyStopped};
    if (detail::try_kill(detail::live_cell(*cell_))) continue;
    // Between two handlers, or ending: once more in a moment.
    deadline_ = detail::saturating_add(ticket_->runtime->clock->now(), std::chrono::milliseconds{1});
  }
  if (!ticket_->ok) return Error{StopError::AlreadyStopped};
  return ticket_->reason;
}

Result<PinnedThread, std::string> PinnedThread::make(System& system, Options options) {
  COPPICE_VERIFY(!system.core().is_simulated, "a test system has no pinned threads: they have no virtual time");
  detail::SystemCore& core = system.core();
  if (system.is_shutting_down()) return Error{std::string{"the system is shutting down"}};
  auto pool = core.make_pool(
      {.workers = 1,
       .spin = options.wait == Wait::Adaptive ? Duration{std::chrono::microseconds{10}} : Duration::zero(),
       .always_spin = options.wait == Wait::Spin,
       .pin_to = options.cpu});
  std::string error;
  if (!pool->start(error)) return Error{std::move(error)};
  detail::WorkPool& started = *pool;
  std::unique_ptr<detail::Scheduler> ours{std::move(pool)};
  try {
    return PinnedThread{&core.keep_scheduler(std::move(ours)), options.cpu};
  } catch (...) {  // no memory for its place in the list, and it is still ours
    started.stop(TimePoint::max());
    throw;
  }
}

std::vector<unsigned> thread_affinity() { return detail::affinity_of_this_thread(); }

namespace detail {

// Declared in coppice/asio.hpp.
[[nodiscard]] asio::io_context& io_context_of(Runtime& runtime);

asio::io_context& io_context_of(Runtime& runtime) {
  void* const context = runtime.io_context();
  COPPICE_VERIFY(context != nullptr, "this system has no io_context: real I/O is not possible in a test system");
  return *static_cast<asio::io_context*>(context);
}

IntrusivePtr<Runtime> make_pool_core(SystemOptions&& options, MonitorBinding binding) {
  auto core = IntrusivePtr<SystemCore>::adopt(new SystemCore{std::move(options), std::move(binding)});
  core->start_pool();
  return IntrusivePtr<Runtime>::adopt(core.detach());
}

}  // namespace detail
}  // namespace coppice
