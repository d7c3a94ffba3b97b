#pragma once

/// Messages that are sent when they are due, whether the earlier ones have been handled or not, and what each took from the
/// moment when it was due: who sends late counts as well, so that a pause of the whole machine is not measured once instead
/// of for each message that fell into it (Tene's "coordinated omission"). Arrivals are random (Poisson), the same for
/// coppice and its peers. A message is a microsecond of work.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "driver.hpp"

namespace coppice::bench {

/// What a handler does for each message.
inline void work_a_microsecond() {
  const Nanoseconds until = now_ns() + 1'000;
  while (now_ns() < until) {
  }
}

/// Where the handler notes what its messages took; the last one ends the round.
class Latencies {
 public:
  void expect(std::int64_t messages) {
    took_.clear();
    took_.reserve(static_cast<std::size_t>(messages));
    expected_ = static_cast<std::size_t>(messages);
  }
  void note(Nanoseconds due) {
    took_.push_back(static_cast<double>(now_ns() - due));
    if (took_.size() == expected_) finish_.reach();
  }
  Nanoseconds wait() { return finish_.wait(); }
  /// Sorted, of the last round.
  [[nodiscard]] std::vector<double>& sorted() {
    std::sort(took_.begin(), took_.end());
    return took_;
  }

 private:
  Finish finish_;
  std::size_t expected_ = 0;
  std::vector<double> took_;
};

/// `send(due)` for each message, `gap` apart in the middle; zero: as fast as it can be.
template <class Send>
Nanoseconds send_when_due(std::int64_t messages, double gap, Latencies& latencies, const Send& send) {
  latencies.expect(messages);
  std::uint64_t seed = kSeed;
  const Nanoseconds begun = now_ns();
  double due = 0;
  for (std::int64_t i = 0; i < messages; ++i) {
    const Nanoseconds at = begun + static_cast<Nanoseconds>(due);
    while (now_ns() < at) {
    }
    send(at);
    const double uniform = (static_cast<double>(draw(seed) >> 11) + 0.5) * 0x1.0p-53;
    due -= std::log(uniform) * gap;
  }
  return latencies.wait() - begun;
}

/// Percentiles at a tenth, half and nine tenths of what it can do at all, each measured for itself.
template <class Send>
Measurements latencies_of(std::int64_t messages, Latencies& latencies, const Send& send) {
  send_when_due(messages / 10 + 1, 0, latencies, send);  // warm
  const double service = each(send_when_due(messages, 0, latencies, send), messages);
  struct Load {
    double part;
    std::string_view p50, p99, p999;
  };
  Measurements seen{{"at full load", 1e3 / service, "M/s"}};
  for (const Load& load : {Load{0.1, "p50 at 10 %", "p99 at 10 %", "p99.9 at 10 %"},
                           Load{0.5, "p50 at 50 %", "p99 at 50 %", "p99.9 at 50 %"},
                           Load{0.9, "p50 at 90 %", "p99 at 90 %", "p99.9 at 90 %"}}) {
    send_when_due(messages, service / load.part, latencies, send);
    const std::vector<double>& took = latencies.sorted();
    const auto at = [&](std::size_t thousandths) { return took[(took.size() - 1) * thousandths / 1000] / 1e3; };
    seen.push_back({load.p50, at(500), "us"});
    seen.push_back({load.p99, at(990), "us"});
    seen.push_back({load.p999, at(999), "us"});
  }
  return seen;
}

}  // namespace coppice::bench
