#include "steal_gain.hpp"

#include <algorithm>

namespace coppice::detail {

void StealGain::look(TimePoint now, std::uint32_t from, std::uint64_t done) noexcept {
  const Duration took = saturating_between(begun_, now);
  if (is_leaving_ && from != from_) rest();  // it had to take from another one after all
  if (is_leaving_) {
    if (took < kWindow) return;
    judge(now, rate(now, done));
  } else if (from == from_ && others_[from].is_left && now < others_[from].until) {
    if (took < kWindow) return;
    if (rate(now, done) < kFine / 2) others_[from].until = now;  // it is another kind of work by now
  } else if (from == from_ && took <= kWindowMax && others_[from].until <= begun_) {
    if (took < kWindow) return;
    taking_ = rate(now, done);
    is_leaving_ = taking_ >= kFine;
  }
  begin(now, from, done);
}

void StealGain::rest() noexcept {
  is_leaving_ = false;
  begun_ = TimePoint{};
}

bool StealGain::gets_on(TimePoint now, std::uint32_t other, std::uint64_t done) noexcept {
  Other& it = others_[other];
  if (it.done == done) return saturating_between(it.seen, now) < kStandsStill;
  it.done = done;
  it.seen = now;
  return true;
}

std::uint64_t StealGain::rate(TimePoint now, std::uint64_t done) const noexcept {
  const auto microseconds =
      std::chrono::duration_cast<std::chrono::microseconds>(saturating_between(begun_, now)).count();
  return (done - done_) * 1000 / static_cast<std::uint64_t>(std::max<std::int64_t>(microseconds, 1));
}

void StealGain::begin(TimePoint now, std::uint32_t from, std::uint64_t done) noexcept {
  begun_ = now;
  from_ = from;
  done_ = done;
}

/// As much without it is enough to leave it: the processor has better things to do, or may rest.
void StealGain::judge(TimePoint now, std::uint64_t leaving) noexcept {
  Other& it = others_[from_];
  const bool is_left = leaving >= taking_;
  it.hold = is_left == it.is_left ? std::min(2 * it.hold, kHoldMax) : kHoldMin;
  it.is_left = is_left;
  it.until = saturating_add(now, it.hold);
  is_leaving_ = false;
}

}  // namespace coppice::detail
