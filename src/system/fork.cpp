#include <mutex>

#include "base/platform.hpp"
#include "coppice/message/block_pool.hpp"
#include "system_core.hpp"

// fork() copies the memory and one thread. In the child a system's workers are missing, and whatever they were doing is
// half done. So the child's side of each fork() marks every runtime as abandoned: from then on a send is refused where a
// thread counts it ([Runtime::count_sent], without any cost where there was no fork), and what would wait or lock does
// neither. The locks that a refusal needs all the same are held over the fork().

namespace coppice::detail {
namespace {

struct AllCores {
  BriefLock lock;  // taken before any core's own
  SystemCore* first = nullptr;
};
constinit AllCores all;

template <class F>
void for_each_core(F&& act) noexcept {
  for (SystemCore* core = all.first; core != nullptr; core = core->next_core) act(*core);
}

void before_fork() noexcept {
  all.lock.lock();
  for_each_core([](SystemCore& core) { core.lock_for_fork(); });
  lock_blocks();  // last: memory is asked for under the others
}
void unlock_all() noexcept {
  unlock_blocks();
  for_each_core([](SystemCore& core) { core.unlock_after_fork(); });
  all.lock.unlock();
}
void after_fork_in_child() noexcept {
  unlock_all();
  for_each_core([](SystemCore& core) { core.abandon(); });
}

}  // namespace

void enter_core(SystemCore& core) noexcept {
  [[maybe_unused]] static const bool is_told = on_fork(&before_fork, &unlock_all, &after_fork_in_child);
  const std::lock_guard lock{all.lock};
  core.next_core = all.first;
  if (all.first != nullptr) all.first->previous_core = &core;
  all.first = &core;
}

void leave_core(SystemCore& core) noexcept {
  const std::lock_guard lock{all.lock};
  (core.previous_core == nullptr ? all.first : core.previous_core->next_core) = core.next_core;
  if (core.next_core != nullptr) core.next_core->previous_core = core.previous_core;
}

void SystemCore::lock_for_fork() noexcept {
  mutex_.lock();
  names_.lock();
  top_lock_.lock();
}

void SystemCore::unlock_after_fork() noexcept {
  top_lock_.unlock();
  names_.unlock();
  mutex_.unlock();
}

void SystemCore::abandon() noexcept {
  abandon_ledger();
  reports = false;  // a printer's lock may be another thread's for ever, and so may a monitor's
  events = nullptr;
  callers_run = false;
  batch.store(1, kRelaxed);
  has_sinks_.store(false, kRelaxed);
  static_cast<void>(drive_timer_.detach());
  closing_.store(true, kRelaxed);
  threads_done_ = true;
  report_.complete = false;  // its actors have not ended; they are the parent's
  shutdown_state_.store(kDone, kRelaxed);
  for (WorkPool* const each : pools_) each->abandon();
  if (context_ != nullptr) context_->abandon();
  // The handler that forked comes to its end here as well, and nothing after it.
  if (this_thread.cell != nullptr && this_thread.cell->runtime() == this) this_thread.cell->hold(kHeldByOrder);
}

}  // namespace coppice::detail
