#include <algorithm>

#include "base/platform.hpp"
#include "coppice/base/pause.hpp"
#include "work_pool.hpp"
#include "worker.hpp"

namespace coppice::detail {
namespace {

constexpr Duration kLookAfterBusy = std::chrono::milliseconds{5};  // an idle worker's sleep while another is busy
constexpr Duration kNap = std::chrono::microseconds{50};
constexpr Duration kNapMost = StealGain::kWindow;
constexpr std::uint32_t kAskedOften = 4;  // polls of the reactor in that time
constexpr int kLooksBeforeWaking = 16;    // of who submits from outside

}  // namespace

/// A worker that found something is no longer searching; the last one wakes another where there is more, if there is no
/// lookout. Even if there
/// is not, unless somebody looks soon: the others may have parked while nobody was busy, and one of them must now look
/// after the timers of one that may not come back from a handler. Also when what it found is quiet, for others have relied
/// on it, and whoever was to look soon may just have found something as well; only what came with that is left to it.
void WorkPool::found_work(Worker& me) noexcept {
  me.is_searching = false;
  const bool is_quiet = std::exchange(me.was_brought, false);
  if (searching_.fetch_sub(1, kAcqRel) > 1) return;
  // Partner: the fence in notify(). Either the submitter sees that we do not search, or we see its work. And the one in
  // park(): either we see that a sleeper does not look soon any more, or it sees that we are busy, so that it does.
  full_fence();
  if (looking_soon_.load(kRelaxed) == 0 || has_work(is_quiet ? &me : nullptr)) notify();
}

bool WorkPool::has_outside_work() const noexcept {
  return injector_.size_approx() != 0 || !spare_.is_empty() || stopping_.load(kAcquire);
}

bool WorkPool::has_work(const Worker* besides) const noexcept {
  if (has_outside_work()) return true;
  for (const auto& worker : workers_) {
    if (worker.get() != besides && !worker->ring.is_empty()) return true;
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
  const std::uint64_t bit = std::uint64_t{1} << (me.index % kIdleBits);
  return (idle_[me.index / kIdleBits].fetch_and(~bit, kSeqCst) & bit) != 0;
}

/// Of a worker that leaves work to others. It does not count as one that searches, since it would not take what others
/// count on to be found; nor as a sleeper, since to wake it for each piece that it leaves costs more than the piece. All
/// that nap look as often as one would by itself, and each within kNapMost.
///
/// Where seats are scarce it counts as searching from its nap on, so that found_work() wakes another one for what it
/// leaves behind, however it comes to what it runs: nobody was woken while it was the lookout.
void WorkPool::nap(Worker& me) noexcept {
  const bool is_lookout = std::exchange(me.is_lookout, false) || tries_together_;  // also to the end of a trial
  const std::uint32_t napping = napping_.fetch_add(1, kRelaxed) + 1;
  if (is_lookout) lookouts_.fetch_add(1, kRelaxed);
  if (me.is_searching) found_work(me);
  const Duration until_timer = saturating_between(clock_->now(), me.wheel.next());
  const Duration time = std::min({napping * kNap, kNapMost, until_timer});
  if (seats_.are_scarce()) seats_.nap(me.index);
  if (time > Duration::zero()) wait_on(me.token, 0, time);
  if (seats_.are_scarce()) {
    searching_.fetch_add(1, kRelaxed);
    me.is_searching = true;
  }
  // relaxed, both: who sees it neither look out nor search wakes one too many. Who sees it look out still, or search, is
  // seen by it: after the fence in found_work() or in park() it finds what that one has submitted.
  if (is_lookout) lookouts_.fetch_sub(1, kRelaxed);
  napping_.fetch_sub(1, kRelaxed);
}

void WorkPool::park(Worker& me) noexcept {
  me.token.store(0, kRelaxed);
  if (me.naps != 0) {
    --me.naps;
    return nap(me);
  }
  me.gain.rest();
  if (seats_.are_scarce()) {
    seats_.wake(me.index);
    seats_.leave(me.index);
  }
  if (me.is_searching) {
    me.is_searching = false;
    searching_.fetch_sub(1, kSeqCst);
  }
  idle_[me.index / kIdleBits].fetch_or(std::uint64_t{1} << (me.index % kIdleBits), kSeqCst);
  // Partner: the fence in notify(). Either the submitter sees our bit, or we see what it submitted.
  full_fence();
  me.was_brought = false;  // of a look that found nothing
  // Left to the lookout, if there is one still: after this look our bit is seen by it, when it wakes another one.
  const bool is_relieved = std::exchange(me.is_relieved, false) && has_lookout();
  const bool is_any = is_relieved ? has_outside_work() : has_work();
  if (!is_any) sleep(me);
  note_node(me);  // the kernel may have put us elsewhere
  if (seats_.are_scarce()) static_cast<void>(take_seat(me, SteadyClock{}.now()));
  const bool was_woken = !withdraw_idle(me);
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
  // relaxed: partner of the load in found_work(), through the fence in the next park(). Who has withdrawn its bit and
  // finds us counted here is seen by us to be busy, so that we look soon again.
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
  full_fence();  // partner: the fence in park()
  // The lookout first: it searches before it is none any more.
  if (has_lookout()) return;
  if (searching_.load(kRelaxed) > 0) return;  // it will find the work, or look again before it parks
  for (std::size_t word = 0; word < idle_.size(); ++word) {
    std::uint64_t idle = idle_[word].load(kRelaxed);
    while (idle != 0) {
      const std::uint64_t bit = idle & (~idle + 1);
      if (idle_[word].compare_exchange_weak(idle, idle & ~bit, kSeqCst, kRelaxed)) {
        searching_.fetch_add(1, kSeqCst);
        unpark(*workers_[word * kIdleBits + static_cast<std::size_t>(__builtin_ctzll(bit))]);
        return;
      }
    }
  }
}

/// To wake a worker takes microseconds, which this thread pays for. So it looks for a fraction of one whether a worker that
/// is awake takes what was submitted, or begins to search: a worker that has just answered a thread is about to. Not where
/// it may have no processor to do so.
bool WorkPool::is_taken_soon() const noexcept {
  if (options_.spin == Duration::zero() || seats_.are_scarce()) return false;
  full_fence();  // as in notify()
  for (int looks = 0; looks < kLooksBeforeWaking; ++looks) {
    const std::size_t asleep = parked();
    if (asleep == workers_.size()) return false;
    if (asleep == 0 || searching_.load(kRelaxed) > 0 || (injector_.size_approx() == 0 && spare_.is_empty()))
      return true;
    pause_cpu();
  }
  return false;
}

}  // namespace coppice::detail
