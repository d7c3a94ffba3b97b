#pragma once

#include <cstddef>
#include <cstdint>

namespace coppice::testing {

/// Random numbers that are the same with every compiler and library for the same seed: SplitMix64, and distributions of
/// our own, since the standard's differ.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) noexcept : state_{seed} {}

  [[nodiscard]] std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15ULL;
    return mix(state_);
  }
  /// Of 0 … n - 1; n is 1 or more.
  [[nodiscard]] std::size_t below(std::size_t n) noexcept { return static_cast<std::size_t>(next() % n); }
  /// Of least … most, both included.
  [[nodiscard]] int between(int least, int most) noexcept {
    return least + static_cast<int>(below(static_cast<std::size_t>(most - least) + 1));
  }
  [[nodiscard]] bool one_in(std::size_t n) noexcept { return below(n) == 0; }
  /// An independent source of its own.
  [[nodiscard]] Draw fork() noexcept { return Draw{next()}; }

  /// Makes one number out of one, so that neighbours have nothing in common.
  [[nodiscard]] static constexpr std::uint64_t mix(std::uint64_t z) noexcept {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace coppice::testing
