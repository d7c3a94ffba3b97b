#pragma once

#include <dirent.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

namespace coppice::soak {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kMeasuresMemory = false;  // most of it is the sanitizer's
#else
inline constexpr bool kMeasuresMemory = true;
#endif
/// So much more may be resident than before, however long something ran: the allocator's own to and fro.
inline constexpr std::uint64_t kMemoryNoise = std::uint64_t{4} * 1024 * 1024;

/// What this process has of its machine at a moment.
struct Process {
  std::uint64_t threads = 0;
  std::uint64_t files = 0;  // open descriptors
  std::uint64_t resident = 0;

  [[nodiscard]] static Process now() {
    std::uint64_t pages = 0;
    std::ifstream{"/proc/self/statm"} >> pages >> pages;
    return {.threads = entries("/proc/self/task"),
            .files = entries("/proc/self/fd") - 1,  // but for the one that looks
            .resident = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
  }

 private:
  [[nodiscard]] static std::uint64_t entries(const char* folder) {
    DIR* const opened = ::opendir(folder);
    if (opened == nullptr) return 0;
    std::uint64_t count = 0;
    while (const dirent* const entry = ::readdir(opened)) {
      if (entry->d_name[0] != '.') ++count;
    }
    ::closedir(opened);
    return count;
  }
};

}  // namespace coppice::soak
