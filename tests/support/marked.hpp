#pragma once

#include <utility>

namespace coppice::testing {

/// A message whose end is seen: it counts it.
struct Marked {
  explicit Marked(int* n) : ends{n} {}
  Marked(const Marked&) = delete;
  Marked& operator=(const Marked&) = delete;
  Marked(Marked&& other) noexcept : ends{std::exchange(other.ends, nullptr)} {}
  ~Marked() {
    if (ends != nullptr) ++*ends;
  }
  int* ends;
};

}  // namespace coppice::testing
