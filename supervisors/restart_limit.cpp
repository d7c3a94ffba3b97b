#include "coppice/supervisors/restart_limit.hpp"

namespace coppice {

bool RestartLimit::add(TimePoint now) {
  while (oldest_ < times_.size() && detail::saturating_between(times_[oldest_], now) > intensity_.within) ++oldest_;
  if (oldest_ > times_.size() / 2) {  // forget in bulk, so that each restart costs a constant time
    times_.erase(times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(oldest_));
    oldest_ = 0;
  }
  times_.push_back(now);
  return times_.size() - oldest_ <= intensity_.restarts;
}

}  // namespace coppice
