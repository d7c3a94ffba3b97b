#include "seats.hpp"

namespace coppice::detail {

Seats::Seats(unsigned workers, unsigned processors)
    : seats_(workers > processors ? processors : 0), workers_(seats_.empty() ? 0 : workers) {
  for (auto& seat : seats_) seat.store(kFree, kRelaxed);
}

bool Seats::gets_on(std::uint32_t worker, TimePoint now, const Done& done) noexcept {
  Worker& it = workers_[worker];
  const auto since = [now](const Atomic<std::int64_t>& when) {
    return saturating_between(TimePoint{Duration{when.load(kRelaxed)}}, now);
  };
  const std::int64_t at = now.time_since_epoch().count();
  // The time first: a look between the two shall mostly not take for old what is new.
  if (it.handled.load(kRelaxed) != done.handled) {
    it.returned.store(at, kRelaxed);
    it.handled.store(done.handled, kRelaxed);
  }
  const bool has_returned = since(it.returned) < kLasts;
  const std::uint64_t more = done.all() - it.done.load(kRelaxed);
  const Duration time = since(it.seen);
  if (time < kStandsStill) return has_returned && (more != 0 || it.got_on.load(kRelaxed));
  const auto wanted = static_cast<std::uint64_t>(time / kStandsStill);
  const bool gets_on = more != 0 && (more >= wanted || time >= kLasts);
  it.seen.store(at, kRelaxed);
  it.done.store(done.all(), kRelaxed);
  it.got_on.store(gets_on, kRelaxed);
  return has_returned && gets_on;
}

void Seats::leave(std::uint32_t me) noexcept {
  if (!is_in_seat(me)) return;
  std::uint32_t holder = me;
  seats_[workers_[me].seat].compare_exchange_strong(holder, kFree, kRelaxed, kRelaxed);
}

}  // namespace coppice::detail
