#pragma once

/// One actor with many timers: armed far away and withdrawn, or near and waited for.

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "coppice/coppice.hpp"
#include "driver.hpp"
#include "harness.hpp"

namespace coppice::bench {

struct Due {
  Nanoseconds at;
};
struct ArmFar {
  std::int64_t timers;
};
struct ArmNear {
  std::int64_t timers;
};
struct AlarmTimes {
  Nanoseconds schedule = 0;
  Nanoseconds cancel = 0;
  std::vector<double> late;
};
struct Alarm : Actor<Alarm> {
  Alarm(Finish* f, AlarmTimes* t) : finish{f}, times{t} {}
  /// Between ten and seventy seconds, so that none rings before it is withdrawn.
  void handle(ArmFar arm) {
    timers.reserve(static_cast<std::size_t>(arm.timers));
    const Nanoseconds begun = now_ns();
    for (std::int64_t i = 0; i < arm.timers; ++i) {
      const std::chrono::nanoseconds delay{10'000'000'000 + static_cast<std::int64_t>(draw(seed) % 60'000'000'000)};
      timers.push_back(send_after(delay, Due{0}));
    }
    const Nanoseconds armed = now_ns();
    timers.clear();  // a handle that goes withdraws its timer
    times->schedule = armed - begun;
    times->cancel = now_ns() - armed;
    finish->reach();
  }
  /// Within a second of now(), which is the same throughout one message: that is where a delay begins.
  void handle(ArmNear arm) {
    const Nanoseconds begun = std::chrono::nanoseconds{now().time_since_epoch()}.count();
    left = arm.timers;
    times->late.reserve(static_cast<std::size_t>(arm.timers));
    timers.reserve(static_cast<std::size_t>(arm.timers));
    for (std::int64_t i = 0; i < arm.timers; ++i) {
      const std::chrono::nanoseconds delay{draw(seed) % 1'000'000'000};
      timers.push_back(send_after(delay, Due{begun + delay.count()}));
    }
  }
  void handle(Due due) {
    times->late.push_back(static_cast<double>(now_ns() - due.at));
    if (--left == 0) finish->reach();
  }
  Finish* finish;
  AlarmTimes* times;
  std::vector<TimerHandle> timers;
  std::uint64_t seed = kSeed;
  std::int64_t left = 0;
};

}  // namespace coppice::bench
