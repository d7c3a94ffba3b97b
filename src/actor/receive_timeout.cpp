#include "coppice/actor/receive_timeout.hpp"

#include <utility>

#include "cell_extras.hpp"
#include "coppice/actor/actor_ref.hpp"

namespace coppice::detail {
namespace {

std::int64_t count_of(TimePoint t) noexcept { return t.time_since_epoch().count(); }
TimePoint due(const SilenceTimer& timer) noexcept {
  return saturating_add(TimePoint{Duration{timer.last.load(kRelaxed)}}, timer.after);
}

void arm(SilenceTimer& timer, TimePoint when) noexcept {
  if (when == TimePoint::max()) return;
  Scheduler& scheduler = timer.target->scheduler();
  scheduler.arm(timer, when);
  // Whoever withdraws says so first and disarms second; we arm first and look second.
  if (timer.withdrawn.load(kSeqCst)) scheduler.disarm(timer);
}

void fire_silence(Timer& fired) noexcept {
  auto& timer = static_cast<SilenceTimer&>(fired);
  if (timer.withdrawn.load(kSeqCst)) return;
  if (const TimePoint when = due(timer); when > timer.target->runtime()->clock->now()) return arm(timer, when);
  if (timer.waiting.exchange(true, kAcqRel)) return;
  timer.fired_for = timer.last.load(kRelaxed);
  deliver(*timer.target, make_envelope<SilenceEnvelope>(timer.tick_ops, timer));
}

void withdraw_silence(LifeItem& item) noexcept {
  auto& timer = static_cast<SilenceTimer&>(item);
  timer.withdrawn.store(true, kSeqCst);
  timer.target->scheduler().disarm(timer);
  timer.target->extras().silence = nullptr;
  timer.release();
}

}  // namespace

SilenceTimer::SilenceTimer(Cell& cell, const EnvelopeOps* ops, Duration a) noexcept
    : Timer{&fire_silence, [](Timer& t) noexcept { delete static_cast<SilenceTimer*>(&t); }},
      LifeItem{&withdraw_silence},
      target{IntrusivePtr<Cell>::share(&cell)},
      incarnation{cell.incarnation()},
      after{a},
      tick_ops{ops} {}

bool SilenceEnvelope::spend(Cell& cell) noexcept {
  SilenceTimer& t = *timer;
  t.waiting.store(false, kRelease);
  if (t.withdrawn.load(kAcquire) || t.incarnation != cell.incarnation()) return false;
  const bool is_silent = t.last.load(kRelaxed) == t.fired_for;
  // The message that it is breaks the silence as well: the next time starts here.
  if (is_silent) t.last.store(count_of(turn_now(*cell.runtime())), kRelaxed);
  arm(t, due(t));
  return is_silent;
}

void set_receive_timeout(Cell& cell, const EnvelopeOps* ops, Duration after) {
  CellExtras& x = cell.extras();
  if (SilenceTimer* const before = x.silence; before != nullptr && delist(cell, *before)) before->withdraw(*before);
  if (ops == nullptr) return;
  auto* const timer = new SilenceTimer{cell, ops, std::max(after, Duration::zero())};  // its one count is the list's
  timer->last.store(count_of(turn_now(*cell.runtime())), kRelaxed);
  x.silence = timer;
  enlist(cell, *timer);
  cell.watch_steps();
  arm(*timer, due(*timer));
}

void note_message(SilenceTimer& timer, TimePoint now) noexcept { timer.last.store(count_of(now), kRelaxed); }

}  // namespace coppice::detail
