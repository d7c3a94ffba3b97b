#pragma once

/// Whether the other threads of this process sleep, and how often they have.

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "clock.hpp"

namespace coppice::bench {

struct OtherThreads {
  std::int64_t sleeps = 0;  // so often they went to sleep: as often as they were woken, but for those asleep
  bool all_asleep = true;
};

[[nodiscard]] inline OtherThreads other_threads() {
  OtherThreads others;
  const std::string me = std::to_string(::gettid());
  for (const auto& thread : std::filesystem::directory_iterator{"/proc/self/task"}) {
    if (thread.path().filename() == me) continue;
    std::ifstream status{thread.path() / "status"};
    for (std::string word; status >> word;) {
      if (word == "State:") {
        status >> word;
        others.all_asleep = others.all_asleep && word == "S";
      } else if (word == "voluntary_ctxt_switches:") {
        std::int64_t count = 0;
        status >> count;
        others.sleeps += count;
      }
    }
  }
  return others;
}

/// Returns when all of them sleep.
inline void until_others_sleep() {
  const Nanoseconds begun = now_ns();
  while (!other_threads().all_asleep) {
    require(now_ns() - begun < Nanoseconds{60'000'000'000}, "a thread is awake after a minute of rest");
    std::this_thread::sleep_for(std::chrono::microseconds{20});
  }
}

}  // namespace coppice::bench
