#include "work_pool.hpp"

#include <algorithm>
#include <system_error>

#include "base/platform.hpp"
#include "coppice/base/pause.hpp"
#include "coppice/message/block_pool.hpp"
#include "worker.hpp"

namespace coppice::detail {
namespace {

// Activations between looks at the injector, the timers and the reactor; prime, as in Go.
constexpr unsigned kLookAroundEvery = 61;
constexpr unsigned kTimersEvery = 16;
constexpr unsigned kOutsideEvery = 8;
constexpr unsigned kUnsortedMax = 32;  // so few timers that they stay in the cache
constexpr unsigned kTogetherMost = 4;  // processors: what one of more of them does is lost in what all do
constexpr unsigned kCountedMost = 64;  // workers: each is a line to read whenever all of them are counted
constexpr unsigned kSlotRunsMax = 64;  // a conversation in the slot may not starve the ring

}  // namespace

WorkPool::WorkPool(Runtime& runtime, const Clock& clock, const WorkPoolOptions& options)
    : Scheduler{&runtime},
      clock_{&clock},
      options_{options},
      seats_{options.workers, options.processors},
      idle_((options.workers + kIdleBits - 1) / kIdleBits),
      has_memory_nodes_{has_memory_nodes()},
      tries_together_{seats_.are_scarce() && options.processors <= kTogetherMost && options.workers <= kCountedMost} {
  workers_.reserve(options.workers);
  for (unsigned i = 0; i < options.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(*this, i, clock.now()));
  }
}

WorkPool::~WorkPool() {
  for (auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.detach();  // the last count of the runtime went on that very thread
  }
  delete reactor_.load(kAcquire);
}

namespace {

/// Also where there is no memory for more words.
std::string cannot_start(unsigned worker, const std::system_error& why) noexcept {
  try {
    return "cannot start worker " + std::to_string(worker) + ": " + why.what();
  } catch (...) {
    return "no thread";
  }
}

/// Empty: it is bound. On the thread itself, where nobody catches.
std::string bind_this_thread(unsigned cpu) noexcept {
  try {
    const auto pinned = pin_this_thread(cpu);
    return pinned ? std::string{} : pinned.error();
  } catch (...) {
    return "no memory";
  }
}

}  // namespace

bool WorkPool::start(std::string& error) {
  std::vector<std::string> pin_errors(workers_.size());
  Atomic<std::uint32_t> ready{0};
  const auto not_started = [this] {
    alive_.fetch_sub(1, kAcqRel);
    options_.let_go(runtime());
  };
  for (auto& worker : workers_) {
    options_.hold(runtime());
    alive_.fetch_add(1, kAcqRel);
    try {
      worker->thread = Thread{[this, &worker = *worker, &pin_errors, &ready, pin = options_.pin_to] {
        if (pin) pin_errors[worker.index] = bind_this_thread(*pin + worker.index);
        ready.fetch_add(1, kRelease);
        wake_all(ready);
        thread_main(worker);
      }};
    } catch (const std::system_error& e) {
      not_started();
      error = cannot_start(worker->index, e);
      break;
    } catch (...) {  // no memory for it
      not_started();
      stop(TimePoint::max());
      throw;
    }
  }
  const auto started = static_cast<std::uint32_t>(
      std::count_if(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->thread.joinable(); }));
  for (std::uint32_t seen = ready.load(kAcquire); seen < started; seen = ready.load(kAcquire))
    wait_on(ready, seen, kForever);
  for (std::string& pin_error : pin_errors) {
    if (error.empty()) error.swap(pin_error);  // a copy may find no memory, and the threads run
  }
  if (error.empty()) return true;
  stop(TimePoint::max());
  return false;
}

bool WorkPool::stop(TimePoint deadline) noexcept {
  if (abandoned_.load(kRelaxed)) return false;
  stopping_.store(true, kSeqCst);
  for (auto& worker : workers_) unpark(*worker);
  const SteadyClock wall;  // threads end in real time, whatever clock the actors see
  for (std::uint32_t left = alive_.load(kAcquire); left != 0; left = alive_.load(kAcquire)) {
    const Duration time = deadline == TimePoint::max() ? kForever : saturating_between(wall.now(), deadline);
    if (!wait_on(alive_, left, time)) break;
  }
  bool all = true;
  for (auto& worker : workers_) {
    if (!worker->thread.joinable()) continue;
    if (worker->gone.load(kAcquire)) {
      worker->thread.join();
      worker->wheel.clear();  // what was armed since
    } else {
      worker->thread.detach();  // its handler never returned; it holds the runtime until it does
      all = false;
    }
  }
  // What was cancelled with the last actors' sockets completes into closed mailboxes, and lets go of what it holds.
  if (Reactor* const reactor = reactor_.load(kAcquire); all && reactor != nullptr) reactor->poll_all();
  return all;
}

void WorkPool::thread_main(Worker& me) noexcept {
  this_thread = ThreadContext{};
  this_thread.worker = &me;
  this_thread.ledger_id = options_.ledger_id;
  this_thread.ledger = &me.ledger;
  wake_on_time();
  note_node(me);
  try {
    free_block(allocate_block(1), 1);  // meets the pool now, so that no message pays for the thread's first time
  } catch (...) {                      // then one will
  }
  loop(me);
  if (abandoned_.load(kRelaxed)) return;  // the last thread of this process
  sort_timers(me);
  me.wheel.clear();  // what still waits there may keep the runtime, which keeps this pool
  if (me.put_off != nullptr) me.put_off->catch_up();
  this_thread = ThreadContext{};
  me.gone.store(true, kRelease);
  // The word lives in the pool, which the count below keeps until the wake-up is over.
  alive_.fetch_sub(1, kAcqRel);
  wake_all(alive_);
  options_.let_go(runtime());
}

void WorkPool::loop(Worker& me) noexcept {
  for (;;) {
    if (++me.tick % kLookAroundEvery == 0) look_around(me);
    if (me.tick % kTimersEvery == 0 && !me.wheel.empty()) run_timers(me);
    Runnable* runnable = nullptr;
    if (me.tick % kOutsideEvery == 0 && outside_waits_.load(kRelaxed)) runnable = from_outside(me);
    if (runnable == nullptr) runnable = next_local(me);
    if (runnable == nullptr) {
      runnable = find_work(me);
      if (runnable != nullptr) me.naps = 0;
    }
    if (runnable != nullptr) {
      if (me.is_searching) {
        if (seats_.are_scarce()) seats_.wake(me.index);
        found_work(me);
      }
      // Somebody else goes first, perhaps for long: whoever waits in the slot goes where others can have it.
      if (me.next != nullptr) flush_slot(me);
      run(*runnable);
      if (abandoned_.load(kRelaxed)) return;  // its handler has forked, and this is the child
      if (me.quiet_since != TimePoint{}) announce_late(me);
      continue;
    }
    if (me.put_off != nullptr) me.put_off->catch_up();
    if (stopping_.load(kAcquire)) {
      if (me.is_searching) found_work(me);
      return;
    }
    if (options_.always_spin) {
      pause_cpu();
    } else {
      park(me);
    }
  }
}

Runnable* WorkPool::next_local(Worker& me) noexcept {
  if (me.next != nullptr && (me.slot_runs < kSlotRunsMax || me.ring.is_empty())) {
    ++me.slot_runs;
    return std::exchange(me.next, nullptr);
  }
  me.slot_runs = 0;
  if (Runnable* const runnable = me.ring.pop()) return runnable;
  return std::exchange(me.next, nullptr);
}

void WorkPool::push_to_ring(Worker& me, Runnable& runnable) noexcept {
  if (me.ring.push(runnable)) return;
  // Full: half of it goes where everybody looks.
  for (std::uint32_t i = 0; i < RunRing::kCapacity / 2; ++i) {
    if (Runnable* const moved = me.ring.pop()) inject(*moved);
  }
  inject(runnable);
}

void WorkPool::push_from_worker(WorkerSlot& slot, Runnable& runnable) noexcept {
  Worker& me = static_cast<Worker&>(slot);
  push_to_ring(me, runnable);
  if (workers_.size() > 1 && !me.takes_in) notify();
}

/// The queue grows by blocks. Where there is no memory for one, there are spare places, which need none and which the
/// workers empty: an activation that was not queued would be one whose actor never runs again, and nobody would know.
void WorkPool::inject(Runnable& runnable) noexcept {
  while (!injector_.enqueue(&runnable) && !spare_.try_push(runnable)) std::this_thread::yield();
}

void WorkPool::submit(Runnable& runnable) noexcept {
  if (abandoned_.load(kRelaxed)) return;
  inject(runnable);
  if (!outside_waits_.load(kRelaxed)) outside_waits_.store(true, kSeqCst);
  if (!is_taken_soon()) notify();
}

void WorkPool::submit_back(Runnable& runnable) noexcept {
  WorkerSlot* const worker = this_thread.worker;
  if (worker == nullptr || worker->scheduler != this) return submit(runnable);
  // "What waits already" includes what came from outside: a busy actor would run many batches before the worker looks
  // there again.
  Worker& me = static_cast<Worker&>(*worker);
  if (Runnable* const waiting = from_injector(me)) push_to_ring(me, *waiting);
  push_from_worker(me, runnable);
}

void WorkPool::submit_quietly(Runnable& runnable) noexcept {
  WorkerSlot* const worker = this_thread.worker;
  if (worker == nullptr || worker->scheduler != this) return submit(runnable);
  push_to_ring(static_cast<Worker&>(*worker), runnable);
}

void WorkPool::announce() noexcept {
  if (workers_.size() > 1) notify();
}

void WorkPool::yield(Runnable& runnable) noexcept {
  WorkerSlot* const worker = this_thread.worker;
  if (worker == nullptr || worker->scheduler != this) return submit(runnable);
  Worker& me = static_cast<Worker&>(*worker);
  if (Runnable* const waiting = from_injector(me)) push_to_ring(me, *waiting);
  // Nobody else waits, so it goes on here: in the ring it would only draw another worker from its sleep, and the actor
  // and all that it has in this cache after it.
  if (me.next == nullptr && me.ring.is_empty()) {
    me.next = &runnable;
    return;
  }
  push_from_worker(me, runnable);
}

void WorkPool::arm(Timer& timer, TimePoint deadline) noexcept {
  if (abandoned_.load(kRelaxed)) return;
  WorkerSlot* const slot = this_thread.worker;
  if (slot != nullptr && slot->scheduler == this) {
    Worker& me = static_cast<Worker&>(*slot);
    sort_timers(me);  // [T2]
    me.wheel.arm(timer, deadline);
    return;
  }
  Worker& worker = *workers_[next_wheel_.fetch_add(1, kRelaxed) % workers_.size()];
  if (worker.wheel.arm(timer, deadline)) unpark(worker);  // it may sleep for longer
}

void WorkPool::arm_unlikely(Timer& timer, TimePoint deadline) noexcept {
  WorkerSlot* const slot = this_thread.worker;
  if (slot == nullptr || slot->scheduler != this) return Scheduler::arm_unlikely(timer, deadline);
  Worker& me = static_cast<Worker&>(*slot);
  timer.deadline = deadline;
  timer.wheel = &me.wheel;
  timer.state.store(Timer::State::Unsorted, kRelaxed);  // published below
  Timer* newest = me.unsorted.load(kRelaxed);
  do {
    timer.next = newest;
    // release: partner of the exchange in sort_timers(). Only this thread pushes, so what it has seen is still the top,
    // or somebody has taken all.
  } while (!me.unsorted.compare_exchange_weak(newest, &timer, kRelease, kRelaxed));
  if (++me.unsorted_count >= kUnsortedMax) {
    me.unsorted_count = 0;
    sort_timers(me);
  }
}

bool WorkPool::disarm(Timer& timer) noexcept { return !abandoned_.load(kRelaxed) && TimerWheel::disarm(timer); }

void WorkPool::abandon() noexcept {
  abandoned_.store(true, kRelaxed);
  WorkerSlot* const worker = this_thread.worker;
  if (worker == nullptr || worker->scheduler != this) return;
  // A handler of ours forked. What waits behind it is the parent's to run.
  worker->next = nullptr;
  this_thread.worker = nullptr;
}

Reactor& WorkPool::reactor() {
  if (Reactor* const reactor = reactor_.load(kAcquire)) return *reactor;
  auto made = std::make_unique<Reactor>();
  Reactor* none = nullptr;
  // seq_cst: partner of the fence in park(). A worker that takes back the token below, since it is just about to park,
  // sees the reactor.
  if (!reactor_.compare_exchange_strong(none, made.get(), kSeqCst, kAcquire)) return *none;
  Reactor& reactor = *made.release();
  for (auto& worker : workers_) unpark(*worker);  // one of the sleepers takes the role
  return reactor;
}

std::uint64_t WorkPool::total(Count what) const noexcept {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->ledger.value(what);
  return sum;
}

std::uint64_t WorkPool::timers() const noexcept {
  if (abandoned_.load(kRelaxed)) return 0;
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->wheel.size();
  return sum;
}

// ---- what senders call ----

void submit_slow(Scheduler& scheduler, Runnable& runnable) noexcept {
  WorkerSlot* const worker = this_thread.worker;
  if (worker == nullptr && this_thread.run_here == &runnable) {
    this_thread.run_here = nullptr;  // says that it is ours
    return;
  }
  if (worker == nullptr || worker->scheduler != &scheduler) return scheduler.submit(runnable);
  // The newest keeps the slot; the one before goes where others can steal it.
  Runnable& before = *std::exchange(worker->next, &runnable);
  static_cast<WorkPool&>(scheduler).push_from_worker(*worker, before);
}

void flush_slot(WorkerSlot& worker) noexcept {
  Runnable& runnable = *std::exchange(worker.next, nullptr);
  static_cast<WorkPool*>(worker.scheduler)->push_from_worker(worker, runnable);
}

}  // namespace coppice::detail
