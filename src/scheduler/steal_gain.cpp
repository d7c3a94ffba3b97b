#include "steal_gain.hpp"

#include <algorithm>

namespace coppice::detail {
namespace {

/// In a millisecond.
std::uint64_t rate(std::uint64_t done, Duration took) noexcept {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  return done * 1'000 / static_cast<std::uint64_t>(std::max<std::int64_t>(microseconds, 1));
}

}  // namespace

void StealGain::look(TimePoint now, std::uint32_t from, std::uint64_t done) noexcept {
  const Duration took = saturating_between(begun_, now);
  const bool is_one_window = !is_resting() && from == from_ && took <= kWindowMax;
  if (is_one_window && took < kWindow) return;
  if (is_on_trial_) {
    // What was disturbed has not shown that it pays to leave anything.
    judge(now, is_one_window ? rate(done - done_, took) : 0);
  } else if (is_one_window && at(from).until <= begun_) {
    taking_ = rate(done - done_, took);
    is_on_trial_ = taking_ >= kFine;
  }
  begin(now, from, done);
}

void StealGain::begin(TimePoint now, std::uint32_t from, std::uint64_t done) noexcept {
  begun_ = now;
  from_ = from;
  done_ = done;
}

/// As much without it is enough to leave it: the processor has better things to do, or may rest.
void StealGain::judge(TimePoint now, std::uint64_t leaving) noexcept {
  Other& it = at(from_);
  const bool is_left = leaving >= taking_;
  const bool is_confirmed =
      it.hold != Duration::zero() && is_left == it.is_left && saturating_between(it.until, now) <= kHoldMax;
  it.hold = is_confirmed ? std::min(2 * it.hold, kHoldMax) : kHoldMin;
  it.is_left = is_left;
  it.until = saturating_add(now, it.hold);
  is_on_trial_ = false;
}

bool StealGain::gets_on(TimePoint now, std::uint32_t other, Done done) noexcept {
  if (is_on_trial() && other != from_) return true;  // for this window
  Other& it = at(other);
  if (it.done != done.all()) {
    it.done = done.all();
    it.moved = now;
  }
  if (saturating_between(it.moved, now) >= kStandsStill) return false;
  const Duration took = saturating_between(it.paced, now);
  if (took < kWindow) return true;
  const bool is_slow =
      took <= kWindowMax && (rate(done.all() - it.before.all(), took) < kFine / 2 || done.handled == it.before.handled);
  it.paced = now;
  it.before = done;
  if (!is_slow) return true;
  it.until = now;
  it.hold = Duration::zero();
  return false;
}

StealGain::Other& StealGain::at(std::uint32_t other) noexcept {
  for (Other& each : others_) {
    if (each.who == other) return each;
  }
  Other& it = others_[oldest_];
  oldest_ = (oldest_ + 1) % others_.size();
  it = Other{};
  it.who = other;
  return it;
}

}  // namespace coppice::detail
