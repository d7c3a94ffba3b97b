#include "faults.hpp"

#include <algorithm>

namespace coppice::simulation {

Faults Faults::drawn(testing::Draw draw, const int (&most)[9], int least, std::uint32_t number) {
  Faults faults;
  const int count = most[draw.below(9)];
  const std::size_t among = std::size_t{1} << draw.between(least, least + 5);
  for (int i = 0; i < count; ++i) faults.all_.push_back({.at = static_cast<std::uint32_t>(draw.below(among))});
  const auto is_earlier = [](const Fault& a, const Fault& b) { return a.at < b.at; };
  const auto is_same = [](const Fault& a, const Fault& b) { return a.at == b.at; };
  std::sort(faults.all_.begin(), faults.all_.end(), is_earlier);
  faults.all_.erase(std::unique(faults.all_.begin(), faults.all_.end(), is_same), faults.all_.end());
  for (Fault& each : faults.all_) {
    each.number = number++;
    each.how = draw.next();
  }
  faults.end_number_ = number;
  return faults;
}

const Fault* Faults::at_this_moment() noexcept {
  const std::uint32_t here = moments_++;
  while (next_ < all_.size() && all_[next_].at < here) ++next_;
  return next_ < all_.size() && all_[next_].at == here ? &all_[next_++] : nullptr;
}

}  // namespace coppice::simulation
