#pragma once

#include <cstdint>
#include <span>

/// What wc counts.
struct Counts {
  std::uint64_t lines = 0;
  std::uint64_t words = 0;
  std::uint64_t bytes = 0;

  Counts& operator+=(const Counts& other) {
    lines += other.lines;
    words += other.words;
    bytes += other.bytes;
    return *this;
  }
};

/// Counts one file, piece by piece, as `LC_ALL=C wc` does (GNU coreutils 9.1): a line is a newline; white space ends a
/// word; a printable character begins one; any other byte does neither, so "a\1b" is one word and "\1" none.
class WordCounter {
 public:
  void add(std::span<const char> piece);
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  Counts counts_;
  bool in_word_ = false;
};
