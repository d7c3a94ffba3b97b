#pragma once

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace examples {

/// Calls `run` and answers its exit code; 1, and says so, if what it printed did not all arrive: where stdout is a
/// file, the disk may be full. fmt::print throws when it notices, and the last of it shows only here.
template <class F>
[[nodiscard]] int with_checked_output(const char* program, F run) {
  try {
    const int code = run();
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
    std::fprintf(stderr, "%s: not all of the output could be written: %s\n", program,
                 std::generic_category().message(errno).c_str());
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "%s: %s\n", program, error.what());
  }
  return 1;
}

}  // namespace examples
