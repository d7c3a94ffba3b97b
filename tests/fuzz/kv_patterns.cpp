#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "examples/kv_server/store.hpp"
#include "fuzz/input.hpp"

// The key-value server's patterns, as KEYS and PSUBSCRIBE have them, against a table of all rests of both texts. An input
// is a pattern, a byte that is zero, and a text.

namespace {

/// What stands at a place of a pattern: which characters it takes, and where it ends.
struct Piece {
  bool takes[256] = {};
  std::size_t end = 0;
};

// NOLINTBEGIN(bugprone-signed-char-misuse): characters have the order of their type, as they do in the server
/// "[...]" from behind its bracket; without an end it reaches to the end of the pattern.
Piece class_at(std::string_view pattern, std::size_t at) {
  Piece piece;
  const bool is_negated = at < pattern.size() && pattern[at] == '^';
  if (is_negated) ++at;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    auto low = static_cast<signed char>(pattern[at]);
    auto high = low;
    if (at + 2 < pattern.size() && pattern[at + 1] == '-' && pattern[at + 2] != ']') {
      high = static_cast<signed char>(pattern[at + 2]);
      at += 2;
    }
    if (high < low) std::swap(low, high);
    for (int c = low; c <= high; ++c) piece.takes[static_cast<unsigned char>(c)] = true;
    ++at;
  }
  if (is_negated) std::transform(piece.takes, piece.takes + 256, piece.takes, [](bool takes) { return !takes; });
  piece.end = std::min(at + 1, pattern.size());
  return piece;
}
// NOLINTEND(bugprone-signed-char-misuse)

Piece piece_at(std::string_view pattern, std::size_t at) {
  if (pattern[at] == '[') return class_at(pattern, at + 1);
  Piece piece;
  if (pattern[at] == '?') {
    std::fill(piece.takes, piece.takes + 256, true);
  } else {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    piece.takes[static_cast<unsigned char>(pattern[at])] = true;
  }
  piece.end = at + 1;
  return piece;
}

bool model(std::string_view pattern, std::string_view text) {
  // rest[p][t]: whether what is left of the pattern from p on fits what is left of the text from t on.
  std::vector<std::vector<bool>> rest(pattern.size() + 1, std::vector<bool>(text.size() + 1, false));
  rest[pattern.size()][text.size()] = true;
  for (std::size_t p = pattern.size(); p-- > 0;) {
    if (pattern[p] == '*') {
      for (std::size_t t = text.size() + 1; t-- > 0;)
        rest[p][t] = rest[p + 1][t] || (t < text.size() && rest[p][t + 1]);
      continue;
    }
    const Piece piece = piece_at(pattern, p);
    for (std::size_t t = 0; t < text.size(); ++t)
      rest[p][t] = piece.takes[static_cast<unsigned char>(text[t])] && rest[piece.end][t + 1];
  }
  return rest[0][0];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  coppice::fuzz::Input input{data, std::min<std::size_t>(size, 256)};
  const std::string pattern{input.until('\0')};
  std::string text;
  while (!input.is_over()) text += static_cast<char>(input.byte());
  coppice::fuzz::expect(matches(pattern, text) == model(pattern, text), "it fits, or does not, wrongly");
  coppice::fuzz::expect(matches("*", text), "a star takes all");
  return 0;
}
