#include <algorithm>
#include <array>

#include "base/platform.hpp"
#include "coppice/base/pause.hpp"
#include "victims.hpp"
#include "work_pool.hpp"
#include "worker.hpp"

namespace coppice::detail {
namespace {

constexpr unsigned kLooksInVain = 16;  // so many, before a worker takes it that nobody comes from outside any more
constexpr Duration kOverdue = std::chrono::milliseconds{1};  // from then on others fire a worker's timers
constexpr Duration kQuiet = std::chrono::microseconds{100};  // what the reactor brings waits so long for its worker
constexpr unsigned kNaps = 4;               // of who leaves work to another, after it has last seen some
constexpr std::size_t kInjectorBatch = 16;  // what an idle worker takes at once

}  // namespace

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
  if (me.put_off != nullptr) me.put_off->catch_up();
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
  // Whoever is counted there wakes by itself, and sees that we are busy. relaxed: where that is over, found_work() sees
  // it, ours or that of who was the last to look when we found something before.
  me.takes_in = looking_soon_.load(kRelaxed) != 0;
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
  me.is_relieved = me.is_lookout = false;
  sort_timers(me);
  run_timers(me);
  if (workers_.size() > 1) help_overdue(me);
  if (Runnable* const runnable = next_local(me)) return runnable;  // a timer woke somebody
  if (Runnable* const runnable = some_from_injector(me)) return runnable;
  if (poll_reactor(me)) {
    if (Runnable* const runnable = next_local(me)) return runnable;
  }
  if (options_.always_spin) return steal(me, TimePoint{});
  if (workers_.size() == 1 && options_.spin == Duration::zero()) return nullptr;  // nobody to steal from
  return search(me);
}

Done WorkPool::done_by(const Worker& worker) noexcept {
  return {.sent = worker.ledger.value(Count::Sent), .handled = worker.ledger.value(Count::Handled)};
}

Done WorkPool::done_by_all() const noexcept { return {.sent = total(Count::Sent), .handled = total(Count::Handled)}; }

/// What a trial is about: a pair of workers; or all of them, under the number of the first, where they are more than the
/// processors and the work moves from worker to worker.
std::uint32_t WorkPool::tried(const Worker& me) const noexcept { return tries_together_ ? 0 : me.victim; }
std::uint64_t WorkPool::done_on_trial(const Worker& me) const noexcept {
  return tries_together_ ? done_by_all().all() : done_by(me).all() + done_by(*workers_[me.victim]).all();
}

bool WorkPool::take_seat(Worker& me, TimePoint now) noexcept {
  return seats_.take(me.index, now, [this](std::uint32_t i) { return done_by(*workers_[i]); });
}

/// Whether what waits at that worker is left there; then it is settled what this one does instead. Who has no seat learns
/// nothing about what pays; it is the lookout if there is none. So is who leaves what does not pay for any of them.
bool WorkPool::leaves(Worker& me, std::uint32_t other, TimePoint now) noexcept {
  const Worker& victim = *workers_[other];
  const auto is_there = [&] { return !stopping_.load(kRelaxed) && !victim.ring.is_empty(); };
  if (seats_.are_scarce()) {
    if (!is_there() || !seats_.gets_on(other, now, done_by(victim))) return false;
    if (!take_seat(me, now)) {
      me.gain.rest();
      me.is_relieved = has_lookout();
      me.is_lookout = !me.is_relieved;
      me.naps = me.is_lookout ? 1 : 0;
      return true;
    }
  }
  const std::uint32_t whom = tries_together_ ? 0 : other;
  if (!me.gain.leaves(now, whom) || !is_there() ||
      !me.gain.gets_on(now, whom, tries_together_ ? done_by_all() : done_by(victim)))
    return false;
  me.is_lookout = tries_together_;
  me.naps = me.is_lookout ? 1 : kNaps;
  return true;
}

/// Half of what waits there, unless that is left to the worker. One of it to run.
Runnable* WorkPool::steal_from(Worker& me, std::uint32_t other, TimePoint now) noexcept {
  if (leaves(me, other, now)) return nullptr;
  Runnable* const runnable = me.ring.steal_from(workers_[other]->ring);
  if (runnable == nullptr) return nullptr;
  me.victim = other;
  // Who never looks for long is to spare its processor: then nothing is tried out.
  if (me.gain.is_resting() && options_.spin > Duration::zero())
    me.gain.look(SteadyClock{}.now(), tried(me), done_on_trial(me));
  return runnable;
}

Runnable* WorkPool::steal(Worker& me, TimePoint now) noexcept {
  me.was_brought = false;
  Runnable* const stolen = ask_victims(
      static_cast<std::uint32_t>(workers_.size()), me.index, me.victim, has_memory_nodes_,
      [this](std::uint32_t i) { return workers_[i]->node.load(kRelaxed); },
      [&](std::uint32_t i) { return steal_from(me, i, now); });
  return stolen != nullptr ? stolen : some_from_injector(me);
}

/// With more workers than processors another one that is awake has better things to do with this worker's.
bool WorkPool::is_space_to_spin() const noexcept { return !seats_.are_scarce() || parked() + 1 == workers_.size(); }

void WorkPool::note_node(Worker& me) const noexcept {
  if (has_memory_nodes_) me.node.store(memory_node_of_this_thread(), kRelaxed);
}

/// Looks at the other workers, for whoever comes from outside and at the reactor, for a bounded time; at most half of the
/// workers at once.
Runnable* WorkPool::search(Worker& me) noexcept {
  if (!me.is_searching) {
    if (std::int64_t{2} * searching_.load(kRelaxed) >= std::int64_t{workers()}) {
      me.naps = 0;
      return nullptr;
    }
    searching_.fetch_add(1, kAcqRel);
    me.is_searching = true;
  }
  const TimePoint wall = SteadyClock{}.now();  // what pays is told in real time, whatever clock the actors see
  if (!me.gain.is_resting() && me.gain.is_due(wall, tried(me))) me.gain.look(wall, tried(me), done_on_trial(me));
  const TimePoint until =
      std::min(me.wheel.next_at_least(), saturating_add(clock_->now(), me.spin.next(options_.spin)));
  for (;;) {
    Runnable* runnable = steal(me, wall);
    if (runnable == nullptr && poll_reactor(me)) runnable = next_local(me);
    if (runnable != nullptr) {
      me.spin.found(options_.spin);
      return runnable;
    }
    if (stopping_.load(kRelaxed)) return nullptr;
    if (me.gain.is_on_trial()) me.naps = std::max(me.naps, 1U);  // to the end of it, though there be nothing to leave
    if (me.naps != 0 || me.is_relieved || !is_space_to_spin()) return nullptr;
    if (clock_->now() >= until) {
      me.spin.in_vain();
      return nullptr;
    }
    for (int i = 0; i < 8; ++i) pause_cpu();
  }
}

}  // namespace coppice::detail
