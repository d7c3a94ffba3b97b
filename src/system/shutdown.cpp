#include <algorithm>
#include <utility>
#include <vector>

#include "base/platform.hpp"
#include "coppice/actor/signals.hpp"
#include "system_core.hpp"

namespace coppice::detail {
namespace {

/// How long a handler that has been told to end may take to come back.
constexpr Duration kQuantum = std::chrono::milliseconds{50};

unsigned number_of_this_thread() noexcept {
  if (this_thread.shard == 0) number_this_thread();
  return this_thread.shard;
}

}  // namespace

/// Looks after a shutdown when its caller does not wait: kills whoever is late.
struct SystemCore::DriveTimer final : Timer {
  explicit DriveTimer(SystemCore& c) noexcept
      : Timer{[](Timer& t) noexcept {
                auto& self = static_cast<DriveTimer&>(t);
                self.core->drive(self.core->clock->now());
              },
              [](Timer& t) noexcept { delete static_cast<DriveTimer*>(&t); }},
        core{IntrusivePtr<SystemCore>::share(&c)} {}
  IntrusivePtr<SystemCore> core;
};

/// One at a time: the one before is over, or no longer wanted. None once the actors are done: it would keep this for
/// ever.
void SystemCore::arm_drive(TimePoint when) noexcept {
  disarm_drive();
  const auto timer = IntrusivePtr<Timer>::adopt(new DriveTimer{*this});
  default_scheduler->arm(*timer, when);
  {
    const Lock lock{mutex_};
    if (shutdown_state_.load(kAcquire) == kEnding) {
      drive_timer_ = timer;
      return;
    }
  }
  default_scheduler->disarm(*timer);
}

void SystemCore::disarm_drive() noexcept {
  IntrusivePtr<Timer> timer;
  {
    const Lock lock{mutex_};
    std::swap(drive_timer_, timer);
  }
  if (timer) default_scheduler->disarm(*timer);
}

/// True for the one that begins it. In one step for all who look under the lock: state, deadline and the refusal of new
/// work.
bool SystemCore::begin_shutdown(Duration within) noexcept {
  {
    const Lock lock{mutex_};
    if (shutdown_state_.load(kAcquire) != kOpen) return false;
    begun_ = clock->now();
    deadline_ = saturating_add(begun_, within < Duration::zero() ? Duration::zero() : within);
    closing_.store(true, kSeqCst);
    shutdown_state_.store(kEnding, kSeqCst);
  }
  // Each stop waits for its turn behind whoever is busy: short turns keep n busy actors from costing n² batches.
  batch.store(1, kRelaxed);
  emit(EventKind::ShutdownBegun, {});
  ask_next();
  return true;
}

/// Tells the newest actor at the top to stop; when there is none, the actors are done.
void SystemCore::ask_next() noexcept {
  IntrusivePtr<Cell> next;
  TimePoint until{};
  {
    const Lock lock{mutex_};
    if (shutdown_state_.load(kAcquire) != kEnding || awaited_) return;
    const std::lock_guard top{top_lock_};
    if (newest_ == nullptr) {
      shutdown_state_.store(kEnded, kSeqCst);  // first, so that no drive is armed after the disarming below
    } else {
      next = IntrusivePtr<Cell>::share(newest_);
      awaited_ = next;
      // Half of what is left: a late one leaves time to those after it.
      const TimePoint now = clock->now();
      until = awaited_until_ = saturating_add(now, saturating_between(now, deadline_) / 2);
    }
  }
  if (!next) {
    disarm_drive();
    if (context_ != nullptr) context_->actors_ended();
    wake(shutdown_state_);
    return;
  }
  CellSignal* const stop = make_signal(CellSignal::Kind::Stop);
  stop->reason = ExitReason::shutdown();
  arm_drive(until);  // before the stop: its end may ask the next one at once, on another thread
  next->signal(stop);
}

/// Kills the awaited actor if its time is over. Any thread, any time.
void SystemCore::drive(TimePoint now) noexcept {
  IntrusivePtr<Cell> late;
  TimePoint until{};
  {
    const Lock lock{mutex_};
    if (shutdown_state_.load(kAcquire) != kEnding || !awaited_) return;
    until = awaited_until_;
    if (now >= until) {
      late = awaited_;
      // Tried again in a moment, if it is between two handlers just now.
      awaited_until_ = saturating_add(now, std::chrono::milliseconds{1});
    }
  }
  if (!late) return arm_drive(until);  // it looked after one that has ended meanwhile: now after the next one
  const bool was_taken = try_kill(*late);
  if (!was_taken && now < deadline_) arm_drive(saturating_add(now, std::chrono::milliseconds{1}));
}

ShutdownReport SystemCore::shutdown(Duration within) noexcept {
  static_cast<void>(begin_shutdown(within));
  if (this_thread.cell != nullptr) {
    ShutdownReport report;
    report.asynchronous = true;
    return report;
  }
  const auto limit = [&] {
    const Lock lock{mutex_};
    return deadline_;
  }();
  while (shutdown_state_.load(kAcquire) == kEnding) {
    const TimePoint now = clock->now();
    if (now >= limit) break;
    TimePoint next = limit;
    {
      const Lock lock{mutex_};
      if (awaited_) next = std::min(next, awaited_until_);
    }
    if (!wait(shutdown_state_, kEnding, next)) drive(clock->now());
  }
  if (shutdown_state_.load(kAcquire) == kEnding) kill_the_rest();
  finish_threads();
  // Whoever came second waits for the one who looks after the threads; unless that stands below it on this very stack,
  // and runs the context meanwhile.
  if (finishing_on_.load(kRelaxed) == number_of_this_thread()) {
    ShutdownReport report;
    report.asynchronous = true;
    return report;
  }
  for (std::uint32_t seen = shutdown_state_.load(kAcquire); seen != kDone; seen = shutdown_state_.load(kAcquire)) {
    wait(shutdown_state_, seen, TimePoint::max());
  }
  const Lock lock{mutex_};
  report_.late = late_;
  return report_;
}

/// The deadline has passed. Whoever is left is named, and has one quantum to be killed in.
void SystemCore::kill_the_rest() noexcept {
  const TimePoint until = saturating_add(clock->now(), kQuantum);
  for (const auto& cell : top_level_actors()) note_late(*cell, nullptr);
  do {
    for (const auto& cell : top_level_actors()) static_cast<void>(try_kill(*cell));
    wait(shutdown_state_, kEnding, saturating_add(clock->now(), std::chrono::milliseconds{1}));
  } while (shutdown_state_.load(kAcquire) == kEnding && clock->now() < until);
}

/// The threads leave; those whose handler does not come back are left behind, holding what they need.
void SystemCore::finish_threads() noexcept {
  std::vector<WorkPool*> pools;
  {
    const Lock lock{mutex_};
    if (threads_done_) return;
    threads_done_ = true;
    pools = pools_;
  }
  finishing_on_.store(number_of_this_thread(), kRelaxed);
  const bool actors_done = shutdown_state_.load(kAcquire) == kEnded;
  disarm_drive();  // it holds this
  bool all_back = true;
  const SteadyClock wall;
  TimePoint until = TimePoint::min();  // on an actor's turn: a thread cannot wait for itself
  if (this_thread.cell == nullptr) {
    const bool nobody_stuck = actors_done && zombies_.load(kAcquire) == 0;
    until = saturating_add(wall.now(), nobody_stuck ? Duration{std::chrono::seconds{5}} : kQuantum);
  }
  for (WorkPool* const pool : pools) all_back = pool->stop(until) && all_back;
  if (context_ != nullptr) {
    // Actors that are not done need it to come to their end.
    if (actors_done) all_back = context_->leave(until) && all_back;
    all_back = all_back && zombies_.load(kAcquire) == 0;
  }
  emit(EventKind::SystemStopped, {});
  printer_.flush();
  dead_letter_printer_.flush();
  {
    const Lock lock{mutex_};
    report_.complete = actors_done && all_back;
    report_.took = saturating_between(begun_, clock->now());
  }
  {
    const Lock lock{mutex_};
    shutdown_state_.store(kDone, kSeqCst);
  }
  finishing_on_.store(0, kRelaxed);
  disarm_drive();  // where the deadline had passed, one may have been armed since
  wake(shutdown_state_);
}

void SystemCore::destroy_system() noexcept {
  shutdown(options_.shutdown_within);
  // Destroyed on an actor's own turn, shutdown() did not wait: a thread cannot wait for itself. The threads leave when
  // they can.
  if (this_thread.cell != nullptr) finish_threads();
  std::vector<DeadLetter> letters;
  const Lock lock{mutex_};
  keeps_dead_letters_ = false;
  letters.swap(dead_ring_);
  system = nullptr;
}

}  // namespace coppice::detail
