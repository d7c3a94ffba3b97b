#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>

namespace coppice::testing {

/// How often a long loop of a test runs: `count` times COPPICE_TEST_SCALE (1 when unset), at least once. CI sets less
/// under the sanitizers, where a step costs ten times as much.
inline std::size_t scaled(std::size_t count) {
  const char* const text = std::getenv("COPPICE_TEST_SCALE");
  const double scale = text == nullptr ? 1.0 : std::max(0.0, std::strtod(text, nullptr));
  return std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(count) * scale));
}

}  // namespace coppice::testing
