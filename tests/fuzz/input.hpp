#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace coppice::fuzz {

/// The bytes of one input, read as choices. When they are used up every further choice is the first one.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) noexcept : rest_{reinterpret_cast<const char*>(data), size} {}

  [[nodiscard]] bool is_over() const noexcept { return rest_.empty(); }
  std::uint8_t byte() noexcept {
    if (rest_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }
  /// From 0 to n - 1; n is at most 256.
  std::size_t below(std::size_t n) noexcept { return byte() % n; }
  bool one_in(std::size_t n) noexcept { return below(n) == n - 1; }
  /// Eight bytes, the lowest first.
  std::uint64_t number() noexcept {
    std::uint64_t all = 0;
    for (unsigned shift = 0; shift < 64; shift += 8) all |= std::uint64_t{byte()} << shift;
    return all;
  }
  /// Up to the next byte that is `end`, and that one is used up as well.
  std::string_view until(char end) noexcept {
    const std::size_t at = rest_.find(end);
    const std::string_view text = rest_.substr(0, at);
    rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at + 1);
    return text;
  }

 private:
  std::string_view rest_;
};

[[noreturn]] inline void fail(const std::string& what) {
  std::fprintf(stderr, "fuzz: %s\n", what.c_str());
  std::abort();
}
inline void expect(bool holds, const char* what) {
  if (!holds) fail(what);
}

}  // namespace coppice::fuzz

/// What each target defines, and what libFuzzer or replay.cpp calls. Answers 0; what is wrong aborts.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
