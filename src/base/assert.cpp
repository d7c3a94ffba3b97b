#include <cstdio>
#include <cstdlib>

#include "coppice/base/config.hpp"

namespace coppice::detail {

void assertion_failed(const char* condition, const char* text, const char* file, int line) noexcept {
  std::fprintf(stderr, "coppice: %s\n  (%s, at %s:%d)\n", text, condition, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace coppice::detail
