#pragma once

#include <cstdio>
#include <string>

#include "messages.hpp"

/// The line for a terminal of so many columns; one column stays free, so that no terminal wraps it.
[[nodiscard]] std::string progress_line(const Progress& progress, std::size_t columns);

/// Draws on stderr, again and again in the same line. Drawn by hand: Debian 12 packages progress bars for Go, Python,
/// Perl and Haskell, and none for C++.
class ProgressBar {
 public:
  /// Whether stderr is a terminal that can be drawn on.
  [[nodiscard]] static bool is_possible();
  void draw(const Progress& progress);
  /// Leaves no trace of it.
  void clear();

 private:
  void erase(std::size_t columns);
  std::size_t drawn_ = 0;  ///< characters that stand there
};
