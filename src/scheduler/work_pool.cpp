#include "work_pool.hpp"

#include <algorithm>
#include <array>
#include <system_error>

#include "base/platform.hpp"
#include "base/spin_budget.hpp"
#include "coppice/base/pause.hpp"
#include "coppice/message/block_pool.hpp"
#include "victims.hpp"

namespace coppice::detail {
namespace {

// Activations between looks at the injector, the timers and the reactor; prime, as in Go.
constexpr unsigned kLookAroundEvery = 61;
constexpr unsigned kTimersEvery = 16;
constexpr unsigned kOutsideEvery = 8;
constexpr unsigned kUnsortedMax = 32;  // so few timers that they stay in the cache
constexpr unsigned kLooksInVain = 16;  // so many, before a worker takes it that nobody comes from outside any more
constexpr Duration kOverdue = std::chrono::milliseconds{1};        // from then on others fire a worker's timers
constexpr Duration kLookAfterBusy = std::chrono::milliseconds{5};  // an idle worker's sleep while another is busy
constexpr Duration kQuiet = std::chrono::microseconds{100};  // what the reactor brings waits so long for its worker
constexpr std::uint32_t kAskedOften = 4;                     // polls of the reactor in that time
constexpr std::size_t kInjectorBatch = 16;                   // what an idle worker takes at once
constexpr int kLooksBeforeWaking = 16;                       // of who submits from outside
constexpr unsigned kSlotRunsMax = 64;                        // a conversation in the slot may not starve the ring

}  // namespace

struct alignas(kCacheLine) WorkPool::Worker : WorkerSlot {
  Worker(WorkPool& p, unsigned i, TimePoint now) noexcept : pool{p}, index{i}, injector_token{p.injector_}, wheel{now} {
    scheduler = &p;
  }

  WorkPool& pool;
  unsigned index;
  unsigned tick = 0;
  unsigned looks_in_vain = 0;  // for who comes from outside
  unsigned slot_runs = 0;
  bool is_searching = false;
  bool takes_in = false;           // it is in the reactor: what is submitted was brought by it
  bool was_brought = false;        // what it has found is of that kind
  bool leaves_reactor = true;      // when it sleeps while others are busy: they ask it often
  bool is_anything_asked = false;  // the reactor, by others, while this one slept last
  TimePoint quiet_since{};         // something in the ring that nobody has been told of
  SpinBudget spin;
  std::uint32_t victim = 0;
  Atomic<unsigned> node{0};  // of the memory that was near when it last began to run; only where there are several
  Thread thread;
  moodycamel::ConsumerToken injector_token;  // goes round the threads that submit, so that none of them is forgotten
  TimerWheel wheel;
  Atomic<Timer*> unsorted{nullptr};  // newest first; armed by this thread and in no wheel yet; anybody takes all of it
  unsigned unsorted_count = 0;       // at most; its own thread only
  RunRing ring;
  LedgerShard ledger;
  alignas(kCacheLine) Atomic<std::uint32_t> token{0};  // 1: woken
  Atomic<bool> in_reactor{false};
  Atomic<bool> gone{false};
};

WorkPool::WorkPool(Runtime& runtime, const Clock& clock, const WorkPoolOptions& options)
    : Scheduler{&runtime},
      clock_{&clock},
      options_{options},
      idle_((options.workers + 63) / 64),
      has_memory_nodes_{has_memory_nodes()} {
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
    if (runnable == nullptr) runnable = find_work(me);
    if (runnable != nullptr) {
      found_work(me);
      // Somebody else goes first, perhaps for long: whoever waits in the slot goes where others can have it.
      if (me.next != nullptr) flush_slot(me);
      run(*runnable);
      if (abandoned_.load(kRelaxed)) return;  // its handler has forked, and this is the child
      if (me.quiet_since != TimePoint{}) announce_late(me);
      continue;
    }
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

Runnable* WorkPool::from_injector(Worker& me) noexcept {
  Runnable* runnable = nullptr;
  return injector_.try_dequeue(me.injector_token, runnable) ? runnable : spare_.pop();
}

/// A busy worker's share for those who are not here: whoever comes from outside must not wait until all is done that
/// the actors here wake each other for.
Runnable* WorkPool::from_outside(Worker& me) noexcept {
  if (Runnable* const runnable = from_injector(me)) {
    me.looks_in_vain = 0;
    return runnable;
  }
  // Kept for a while: whoever sends much from outside would have to set it again and again, across the cores.
  if (++me.looks_in_vain < kLooksInVain) return nullptr;
  me.looks_in_vain = 0;
  // The mark first, the look second: whoever submits meanwhile leaves a mark too many, never one too few.
  outside_waits_.store(false, kSeqCst);
  Runnable* const runnable = from_injector(me);
  if (runnable != nullptr) outside_waits_.store(true, kRelaxed);
  return runnable;
}

/// One to run; those behind it come into the ring, where others can have them. For a worker whose ring is empty.
Runnable* WorkPool::some_from_injector(Worker& me) noexcept {
  std::array<Runnable*, kInjectorBatch> taken;
  const std::size_t count = injector_.try_dequeue_bulk(me.injector_token, taken.data(), taken.size());
  if (count == 0) return spare_.pop();
  for (std::size_t i = 1; i < count; ++i) push_to_ring(me, *taken[i]);
  // A worker that looked while these were in neither queue may be about to park.
  if (count > 1 && workers_.size() > 1) notify();
  return taken[0];
}

/// What a busy worker must not forget.
void WorkPool::look_around(Worker& me) noexcept {
  sort_timers(me);
  run_timers(me);
  if (workers_.size() > 1) help_overdue(me);
  if (has_reactor()) {
    if (me.next != nullptr) flush_slot(me);  // completions are users' code too
    static_cast<void>(poll_reactor(me));
  }
  if (Runnable* const runnable = from_injector(me)) push_to_ring(me, *runnable);
}

/// Puts what was armed for an unlikely deadline into its worker's wheel, as far as it has not been disarmed meanwhile.
/// Any thread. True: that worker may sleep for too long now.
bool WorkPool::sort_timers(Worker& worker) noexcept {
  if (worker.unsorted.load(kRelaxed) == nullptr) return false;
  Timer* oldest = nullptr;
  for (Timer* each = worker.unsorted.exchange(nullptr, kAcquire); each != nullptr;) {
    Timer* const older = each->next;
    each->next = oldest;
    oldest = each;
    each = older;
  }
  return worker.wheel.sort_in(oldest);
}

void WorkPool::run_timers(Worker& me) noexcept {
  if (me.wheel.next_at_least() == TimePoint::max()) return;
  const TimePoint now = clock_->now();
  if (me.wheel.next_at_least() <= now) me.wheel.advance(now);
}

/// Fires what other workers should have fired: one of them may be in a handler that does not return.
void WorkPool::help_overdue(const Worker& me) noexcept {
  const TimePoint overdue = clock_->now() - kOverdue;
  for (const auto& other : workers_) {
    if (other.get() == &me) continue;
    if (sort_timers(*other)) unpark(*other);
    if (other->wheel.next_at_least() <= overdue) other->wheel.advance(overdue);
  }
}

/// False: there is none, or another worker has the role.
///
/// What comes is this worker's first, and wakes nobody: most of it takes microseconds, which is less than to wake another
/// costs, and that one would find nothing left. For that somebody else has to look soon, should a handler take long.
bool WorkPool::poll_reactor(Worker& me) noexcept {
  Reactor* const reactor = reactor_.load(kAcquire);
  if (reactor == nullptr || !reactor->try_take_role()) return false;
  // Whoever is counted there wakes by itself, and sees that we are busy. seq_cst, behind our bit: see sleep().
  me.takes_in = looking_soon_.load(kSeqCst) != 0;
  reactor->poll();
  reactor->leave_role();
  me.was_brought = std::exchange(me.takes_in, false);
  if (me.was_brought && me.quiet_since == TimePoint{} && !me.ring.is_empty()) me.quiet_since = clock_->now();
  return true;
}

/// Others are told of what the reactor brought when this worker does not get through with it.
void WorkPool::announce_late(Worker& me) noexcept {
  const bool is_done = me.ring.is_empty();
  if (!is_done && saturating_between(me.quiet_since, clock_->now()) < kQuiet) return;
  me.quiet_since = TimePoint{};
  if (!is_done) notify();
}

Runnable* WorkPool::find_work(Worker& me) noexcept {
  me.was_brought = false;
  sort_timers(me);
  run_timers(me);
  if (workers_.size() > 1) help_overdue(me);
  if (Runnable* const runnable = next_local(me)) return runnable;  // a timer woke somebody
  if (Runnable* const runnable = some_from_injector(me)) return runnable;
  if (poll_reactor(me)) {
    if (Runnable* const runnable = next_local(me)) return runnable;
  }
  if (options_.always_spin) return steal(me);
  if (workers_.size() == 1 && options_.spin == Duration::zero()) return nullptr;  // nobody to steal from
  return search(me);
}

Runnable* WorkPool::steal(Worker& me) noexcept {
  me.was_brought = false;
  Runnable* const stolen = ask_victims(
      static_cast<std::uint32_t>(workers_.size()), me.index, me.victim, has_memory_nodes_,
      [this](std::uint32_t i) { return workers_[i]->node.load(kRelaxed); },
      [&](std::uint32_t i) {
        Runnable* const runnable = me.ring.steal_from(workers_[i]->ring);
        if (runnable != nullptr) me.victim = i;
        return runnable;
      });
  return stolen != nullptr ? stolen : some_from_injector(me);
}

void WorkPool::note_node(Worker& me) const noexcept {
  if (has_memory_nodes_) me.node.store(memory_node_of_this_thread(), kRelaxed);
}

/// Looks at the other workers, for whoever comes from outside and at the reactor, for a bounded time; at most half of the
/// workers at once.
Runnable* WorkPool::search(Worker& me) noexcept {
  if (!me.is_searching) {
    if (std::size_t{2} * searching_.load(kRelaxed) >= workers_.size()) return nullptr;
    searching_.fetch_add(1, kAcqRel);
    me.is_searching = true;
  }
  const TimePoint until =
      std::min(me.wheel.next_at_least(), saturating_add(clock_->now(), me.spin.next(options_.spin)));
  for (;;) {
    Runnable* runnable = steal(me);
    if (runnable == nullptr && poll_reactor(me)) runnable = next_local(me);
    if (runnable != nullptr) {
      me.spin.found(options_.spin);
      return runnable;
    }
    if (stopping_.load(kRelaxed)) return nullptr;
    if (clock_->now() >= until) {
      me.spin.in_vain();
      return nullptr;
    }
    for (int i = 0; i < 8; ++i) pause_cpu();
  }
}

/// A worker that found something is no longer searching; the last one wakes another where there is more. Even if there is
/// not, unless somebody looks soon: the others may have parked while nobody was busy, and one of them must now look after
/// the timers of one that may not come back from a handler.
void WorkPool::found_work(Worker& me) noexcept {
  const bool is_quiet = std::exchange(me.was_brought, false);
  if (!me.is_searching) return;
  me.is_searching = false;
  if (searching_.fetch_sub(1, kAcqRel) != 1 || is_quiet) return;
  full_fence();  // partner: the fence in notify(). Either the submitter sees that we do not search, or we see its work.
  if (looking_soon_.load(kSeqCst) == 0 || has_work()) notify();
}

bool WorkPool::has_work() const noexcept {
  if (injector_.size_approx() != 0 || !spare_.is_empty() || stopping_.load(kAcquire)) return true;
  for (const auto& worker : workers_) {
    if (!worker->ring.is_empty()) return true;
  }
  return false;
}

/// How many workers sleep, or are about to.
std::size_t WorkPool::parked() const noexcept {
  std::size_t count = 0;
  for (const auto& word : idle_) count += static_cast<std::size_t>(__builtin_popcountll(word.load(kRelaxed)));
  return count;
}

/// False: somebody has taken the bit and is waking us; it has counted us as searching.
bool WorkPool::withdraw_idle(Worker& me) noexcept {
  const std::uint64_t bit = std::uint64_t{1} << (me.index % 64);
  return (idle_[me.index / 64].fetch_and(~bit, kSeqCst) & bit) != 0;
}

void WorkPool::park(Worker& me) noexcept {
  me.token.store(0, kRelaxed);
  if (me.is_searching) {
    me.is_searching = false;
    searching_.fetch_sub(1, kSeqCst);
  }
  idle_[me.index / 64].fetch_or(std::uint64_t{1} << (me.index % 64), kSeqCst);
  // Partner: the fence in notify(). Either the submitter sees our bit, or we see what it submitted.
  full_fence();
  if (!has_work()) sleep(me);
  note_node(me);  // the kernel may have put us elsewhere
  const bool was_woken = !withdraw_idle(me);
  // seq_cst, behind the bit: see sleep().
  if (me.was_brought && looking_soon_.load(kSeqCst) == 0) me.was_brought = false;
  // Woken, the waker has counted us. Up by ourselves, for a timer or the reactor, we count as well: if there is
  // something to run, found_work() then wakes another worker, which looks after our timers should we not come back.
  if (!was_woken && workers_.size() > 1) searching_.fetch_add(1, kAcqRel);
  me.is_searching = was_woken || workers_.size() > 1;
}

/// While others are busy, no longer than kLookAfterBusy, in case that one of them does not come back from a handler. Who
/// of them asks the reactor often keeps it: completions shall not wake this one instead. One sleeper does so for another
/// while after the last completion, so that the next one need not wake it.
void WorkPool::sleep(Worker& me) noexcept {
  sort_timers(me);
  TimePoint deadline = me.wheel.next();
  Reactor* const reactor = reactor_.load(kAcquire);
  const bool others_are_busy = parked() < workers_.size();  // and might not look after their timers; our bit is set
  const bool looks_soon = others_are_busy || (me.is_anything_asked && looking_soon_.load(kRelaxed) == 0);
  if (looks_soon) {
    deadline = std::min(deadline, saturating_add(clock_->now(), kLookAfterBusy));
    looking_soon_.fetch_add(1, kRelaxed);
  }
  const std::uint32_t polls = reactor != nullptr ? reactor->polls() : 0;
  if (reactor != nullptr && !(others_are_busy && me.leaves_reactor) && reactor->try_take_role()) {
    me.in_reactor.store(true, kSeqCst);
    // Partner: unpark() sets the token, then looks whether we are in the reactor.
    if (me.token.load(kSeqCst) == 0) reactor->wait(deadline);
    me.in_reactor.store(false, kSeqCst);
    reactor->leave_role();
    me.is_anything_asked = false;                                               // nobody else could
    me.was_brought = me.token.load(kRelaxed) == 0 && clock_->now() < deadline;  // neither woken nor for a timer
  } else {
    const Duration time = deadline == TimePoint::max() ? kForever : saturating_between(clock_->now(), deadline);
    if (time > Duration::zero()) wait_on(me.token, 0, time);
    if (reactor != nullptr) {
      const std::uint32_t asked = reactor->polls() - polls;
      me.is_anything_asked = asked != 0;
      if (looks_soon && me.token.load(kRelaxed) == 0) me.leaves_reactor = asked >= kAskedOften;
    }
  }
  // relaxed: partner of the loads in park() and poll_reactor(), through the fence in the next park(). Who has withdrawn
  // its bit and finds us counted here is seen by us to be busy, so that we look soon again.
  if (looks_soon) looking_soon_.fetch_sub(1, kRelaxed);
}

void WorkPool::unpark(Worker& worker) noexcept {
  worker.token.store(1, kSeqCst);
  if (worker.in_reactor.load(kSeqCst)) {
    reactor_.load(kAcquire)->wake();
  } else {
    wake_one(worker.token);
  }
}

void WorkPool::notify() noexcept {
  full_fence();                                // partner: the fence in park()
  if (searching_.load(kRelaxed) != 0) return;  // it will find the work, or look again before it parks
  for (std::size_t word = 0; word < idle_.size(); ++word) {
    std::uint64_t idle = idle_[word].load(kRelaxed);
    while (idle != 0) {
      const std::uint64_t bit = idle & (~idle + 1);
      if (idle_[word].compare_exchange_weak(idle, idle & ~bit, kSeqCst, kRelaxed)) {
        searching_.fetch_add(1, kSeqCst);
        unpark(*workers_[word * 64 + static_cast<std::size_t>(__builtin_ctzll(bit))]);
        return;
      }
    }
  }
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

/// To wake a worker takes microseconds, which this thread pays for. So it looks for a fraction of one whether a worker that
/// is awake takes what was submitted, or begins to search: a worker that has just answered a thread is about to.
bool WorkPool::is_taken_soon() const noexcept {
  if (options_.spin == Duration::zero()) return false;
  full_fence();  // as in notify()
  for (int looks = 0; looks < kLooksBeforeWaking; ++looks) {
    const std::size_t asleep = parked();
    if (asleep == workers_.size()) return false;
    if (asleep == 0 || searching_.load(kRelaxed) != 0 || (injector_.size_approx() == 0 && spare_.is_empty()))
      return true;
    pause_cpu();
  }
  return false;
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
