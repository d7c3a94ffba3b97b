#include "chooser.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "coppice/actor/cell.hpp"

namespace coppice::testing::detail {
namespace {

using coppice::detail::Cell;
using coppice::detail::Runnable;

/// Nothing but cells is run.
std::uint64_t id_of(const Runnable* runnable) noexcept { return static_cast<const Cell*>(runnable)->id(); }

}  // namespace

Chooser::Chooser(Schedule schedule, std::uint64_t seed, bool keeps_deviations)
    : schedule_{std::move(schedule)}, draw_{seed}, keeps_deviations_{keeps_deviations} {
  if (schedule_.strategy == Strategy::Priorities || schedule_.strategy == Strategy::Delays) {
    const std::size_t among = std::max<std::size_t>(schedule_.steps, 1);
    for (unsigned i = 0; i < schedule_.changes; ++i) changes_.push_back(static_cast<std::uint32_t>(draw_.below(among)));
    std::sort(changes_.begin(), changes_.end(), std::greater<>{});
  }
}

bool Chooser::timer_first() {
  if (schedule_.strategy == Strategy::Follow) {
    const bool is = next_ < schedule_.follow.size() && schedule_.follow[next_].step == step_ &&
                    schedule_.follow[next_].choice == Deviation::kTimer;
    if (!is) return false;
    ++next_;
  } else if (schedule_.early_timers_one_in == 0 || !draw_.one_in(schedule_.early_timers_one_in)) {
    return false;
  }
  step(Deviation::kTimer, 0);
  return true;
}

std::size_t Chooser::pick(const Ready& ready) {
  const std::size_t index = std::min(choose(ready), ready.size() - 1);
  last_ = id_of(ready[index]);
  step(static_cast<std::uint32_t>(index), last_);
  return index;
}

std::size_t Chooser::choose(const Ready& ready) {
  switch (schedule_.strategy) {
    case Strategy::RandomWalk: return draw_.below(ready.size());
    case Strategy::Priorities: return highest(ready);
    case Strategy::Delays: return changes_now() ? 1 : 0;
    case Strategy::Sticky: return last_again(ready);
    case Strategy::StarveOne: return anybody_but_one(ready);
    case Strategy::Follow: break;
  }
  return followed();
}

std::size_t Chooser::highest(const Ready& ready) {
  if (changes_now() && last_ != 0) known(last_).priority = changes_.size();  // below all that were drawn
  std::size_t best = 0;
  std::uint64_t priority = 0;
  for (std::size_t i = 0; i < ready.size(); ++i) {
    const std::uint64_t its = known(id_of(ready[i])).priority;
    if (its < priority) continue;
    best = i;
    priority = its;
  }
  return best;
}

std::size_t Chooser::last_again(const Ready& ready) {
  if (draw_.below(8) != 0) {
    for (std::size_t i = 0; i < ready.size(); ++i)
      if (id_of(ready[i]) == last_) return i;
  }
  return draw_.below(ready.size());
}

std::size_t Chooser::anybody_but_one(const Ready& ready) {
  if (step_ >= starved_until_) {
    starved_ = id_of(ready[draw_.below(ready.size())]);
    starved_until_ = step_ + 4;
    while (draw_.below(16) != 0) ++starved_until_;
  }
  std::size_t others = 0;
  for (const Runnable* const each : ready) others += id_of(each) == starved_ ? 0 : 1;
  if (others == 0) return 0;
  std::size_t left = draw_.below(others);
  std::size_t i = 0;
  while (id_of(ready[i]) == starved_ || left-- != 0) ++i;
  return i;
}

std::size_t Chooser::followed() noexcept {
  while (next_ < schedule_.follow.size() && schedule_.follow[next_].step < step_) ++next_;
  if (next_ == schedule_.follow.size() || schedule_.follow[next_].step != step_) return 0;
  const std::uint32_t choice = schedule_.follow[next_].choice;
  if (choice == Deviation::kTimer) return 0;
  ++next_;
  return choice;
}

bool Chooser::changes_now() noexcept {
  if (changes_.empty() || changes_.back() > step_) return false;
  changes_.pop_back();
  return true;
}

Chooser::Known& Chooser::known(std::uint64_t actor) {
  for (Known& each : known_)
    if (each.actor == actor) return each;
  return known_.emplace_back(Known{actor, schedule_.changes + 1 + draw_.below(std::size_t{1} << 30)});
}

void Chooser::step(std::uint32_t choice, std::uint64_t actor) {
  if (keeps_deviations_ && choice != 0) deviations_.push_back({step_, choice});
  hash_ = Draw::mix(hash_ + 0x9e3779b97f4a7c15ULL * (actor + 1) + choice);
  ++step_;
}

}  // namespace coppice::testing::detail
