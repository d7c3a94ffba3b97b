#include "context_scheduler.hpp"

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <new>

#include "base/mutex.hpp"
#include "base/platform.hpp"
#include "base/surely.hpp"
#include "coppice/actor/cell.hpp"
#include "scheduler/timer_wheel.hpp"

namespace coppice::detail {
namespace {

/// So long a waiting thread stays in the context at once: what wakes it may go to another thread that runs it.
constexpr Duration kLookAgain = std::chrono::milliseconds{1};

/// So many waits of a thread stand inside of each other; the next one leaves the context to others. Each function that it
/// runs may wait in turn, and the stack has an end.
constexpr unsigned kNestedMost = 64;
constinit thread_local unsigned nested = 0;

}  // namespace

/// The wheel, and the one timer of the context that stands for its next deadline.
///
/// Threads    any; the timer and what is known of it under the lock.
struct ContextScheduler::Alarm : std::enable_shared_from_this<Alarm> {
  Alarm(const Clock& c, asio::io_context& context)
      : clock{c}, wheel{c.now()}, work{context.get_executor()}, timer{std::in_place, context} {}

  /// To the first deadline there is now.
  void set() noexcept {
    const Lock lock{mutex};
    if (!timer) return;
    const TimePoint next = wheel.next();
    if (next == TimePoint::max() || next >= set_to) return;
    surely([&] {
      timer->expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(next));
      timer->async_wait([me = weak_from_this()](const asio::error_code& error) {
        if (error) return;  // another deadline came first, or all is over
        if (const auto alive = me.lock()) alive->ring();
      });
    });
    set_to = next;
  }
  void ring() noexcept {
    if (abandoned.load(kRelaxed)) return;
    TimePoint now;
    {
      const Lock lock{mutex};
      if (!timer) return;  // the system is over, and with it the clock
      set_to = TimePoint::max();
      now = clock.now();
    }
    wheel.advance(now);  // no user code: it puts messages into mailboxes
    set();
  }
  void end() noexcept {
    wheel.clear();
    const Lock lock{mutex};
    timer.reset();
    work.reset();
  }

  const Clock& clock;
  TimerWheel wheel;
  Atomic<std::uint64_t> turns{0};  // posted, and not over
  Atomic<bool> abandoned{false};
  Mutex mutex;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::optional<asio::steady_timer> timer;
  TimePoint set_to = TimePoint::max();
};

ContextScheduler::ContextScheduler(Runtime& runtime, const Clock& clock, asio::io_context& context)
    : Scheduler{&runtime}, clock_{clock}, context_{context}, alarm_{std::make_shared<Alarm>(clock, context)} {}

ContextScheduler::~ContextScheduler() {
  if (alarm_->abandoned.load(kRelaxed)) {  // its locks may be another thread's for ever: it is left as it is
    static_cast<void>(new (std::nothrow) std::shared_ptr<Alarm>{alarm_});
  } else {
    alarm_->end();
  }
}

void ContextScheduler::submit(Runnable& runnable) noexcept {
  if (alarm_->abandoned.load(kRelaxed)) return;
  alarm_->turns.fetch_add(1, kRelaxed);
  surely([&] {
    asio::post(context_, [alarm = alarm_, &runnable] {  // this scheduler may be gone when the turn is over
      if (alarm->abandoned.load(kRelaxed)) return;      // posted before a fork(): the parent's to run
      run(runnable);
      alarm->turns.fetch_sub(1, kRelease);  // partner: leave()
    });
  });
}

void ContextScheduler::arm(Timer& timer, TimePoint deadline) noexcept {
  if (alarm_->abandoned.load(kRelaxed)) return;
  if (alarm_->wheel.arm(timer, deadline)) alarm_->set();
}

bool ContextScheduler::disarm(Timer& timer) noexcept {
  return !alarm_->abandoned.load(kRelaxed) && TimerWheel::disarm(timer);
}

bool ContextScheduler::wait(const Atomic<std::uint32_t>& word, std::uint32_t expected, TimePoint deadline) noexcept {
  if (word.load(kAcquire) != expected) return true;
  if (clock_.now() >= deadline) return false;
  waiting_.fetch_add(1, kSeqCst);
  if (word.load(kSeqCst) == expected) {
    const Duration slice = std::min(kLookAgain, saturating_between(clock_.now(), deadline));
    if (nested < kNestedMost) {
      run_for(slice);
    } else {
      wait_on(word, expected, slice);
    }
  }
  waiting_.fetch_sub(1, kSeqCst);
  return true;
}

/// One function, if there is one within that time.
void ContextScheduler::run_for(Duration slice) noexcept {
  ++nested;
  // Stopped, nobody runs it, and all that is ours waits. It is left as it was found.
  const bool was_stopped = context_.stopped();
  if (was_stopped) context_.restart();
  try {
    context_.run_one_for(slice);
  } catch (...) {
    // A handler of the user's threw. Whoever runs the context hears of that, and we are nobody to tell.
  }
  if (was_stopped) context_.stop();
  --nested;
}

void ContextScheduler::wake() noexcept {
  if (waiting_.load(kSeqCst) != 0) surely([this] { asio::post(context_, [] {}); });
}

void ContextScheduler::actors_ended() noexcept {
  const Lock lock{alarm_->mutex};
  alarm_->work.reset();
}

void ContextScheduler::abandon() noexcept { alarm_->abandoned.store(true, kRelaxed); }

/// A turn counts until it is over, since it may submit others until then: the end of a supervisor buries the places of its
/// children, each in a turn.
bool ContextScheduler::leave(TimePoint until) noexcept {
  // On a turn, which is its own then: nobody hears of what this answers there.
  const std::uint64_t own = this_thread.cell != nullptr && &this_thread.cell->scheduler() == this ? 1 : 0;
  bool is_over = false;
  while (!(is_over = alarm_->turns.load(kAcquire) <= own) && clock_.now() < until) run_for(kLookAgain);
  alarm_->end();
  return is_over;
}

std::uint64_t ContextScheduler::timers() const noexcept {
  return alarm_->abandoned.load(kRelaxed) ? 0 : alarm_->wheel.size();
}

}  // namespace coppice::detail
