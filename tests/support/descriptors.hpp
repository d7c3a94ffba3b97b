#pragma once

#include <dirent.h>

#include <cstddef>

namespace coppice::testing {

/// How many descriptors this process has open.
[[nodiscard]] inline std::size_t open_descriptors() {
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::size_t count = 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count - 3;  // ".", "..", and the folder's own
}

}  // namespace coppice::testing
