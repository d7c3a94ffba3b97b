#pragma once

#include <cstdint>
#include <string_view>

namespace coppice::detail {

/// A digest of bytes, the same on every machine and in every run, so that it may be written down. Against accidents, not
/// against forgers. Source: FNV-1a, 64 bits.
class Fnv1a {
 public:
  constexpr Fnv1a& add(std::string_view bytes) noexcept {
    for (const char byte : bytes) add_byte(static_cast<unsigned char>(byte));
    return *this;
  }
  /// Its eight bytes, the lowest first.
  constexpr Fnv1a& add(std::uint64_t number) noexcept {
    for (int shift = 0; shift < 64; shift += 8) add_byte(static_cast<unsigned char>(number >> shift & 0xff));
    return *this;
  }
  [[nodiscard]] constexpr std::uint64_t value() const noexcept { return value_; }

 private:
  constexpr void add_byte(unsigned char byte) noexcept { value_ = (value_ ^ byte) * 0x100'0000'01b3; }
  std::uint64_t value_ = 0xcbf2'9ce4'8422'2325;
};

}  // namespace coppice::detail
