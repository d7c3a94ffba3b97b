#include "count.hpp"

#include <array>
#include <string_view>

namespace {

enum class Kind : unsigned char { Neither, Space, Printable };

/// The C locale's isspace and isprint, whatever locale this runs in.
constexpr std::array<Kind, 256> kinds() {
  std::array<Kind, 256> table{};
  for (unsigned c = 0x21; c <= 0x7e; ++c) table[c] = Kind::Printable;
  for (const char c : std::string_view{" \t\n\v\f\r"}) table[static_cast<unsigned char>(c)] = Kind::Space;
  return table;
}
constexpr std::array<Kind, 256> kKinds = kinds();

}  // namespace

void WordCounter::add(std::span<const char> piece) {
  std::uint64_t lines = 0;
  std::uint64_t words = 0;
  bool in_word = in_word_;
  for (const char c : piece) {
    lines += c == '\n' ? 1U : 0U;
    const Kind kind = kKinds[static_cast<unsigned char>(c)];
    if (kind == Kind::Neither) continue;
    const bool now_in_word = kind == Kind::Printable;
    words += now_in_word && !in_word ? 1U : 0U;
    in_word = now_in_word;
  }
  in_word_ = in_word;
  counts_ += {.lines = lines, .words = words, .bytes = piece.size()};
}
