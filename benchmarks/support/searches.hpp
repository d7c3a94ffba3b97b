#pragma once

/// What searching programs of coppice and of its peers compute alike: queens on a board, and what is right.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace coppice::bench {

inline constexpr std::size_t kQueenWorkers = 20;
inline constexpr std::size_t kRowsHandedOut = 4;

/// The column of the queen in each row, as characters from zero.
using Board = std::string;

inline bool attacked(const Board& board, char column) {
  for (std::size_t row = 0; row < board.size(); ++row) {
    const auto distance = static_cast<int>(board.size() - row);
    if (board[row] == column || std::abs(board[row] - column) == distance) return true;
  }
  return false;
}

/// Walks all boards below one without recursion.
inline std::int64_t solutions_below(Board board, std::size_t size) {
  const std::size_t top = board.size();
  if (top == size) return 1;
  std::int64_t found = 0;
  char column = 0;
  while (true) {
    while (column < static_cast<char>(size) && attacked(board, column)) ++column;
    if (column < static_cast<char>(size)) {
      board.push_back(column);
      column = 0;
      if (board.size() < size) continue;
      ++found;
    }
    if (board.size() == top) return found;
    column = static_cast<char>(board.back() + 1);
    board.pop_back();
  }
}

inline constexpr std::int64_t kSolutions[] = {1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2'680, 14'200, 73'712, 365'596};

inline constexpr std::size_t kPrimesOfOne = 1'000;

/// By the ordinary sieve.
inline std::int64_t primes_below(std::int64_t limit) {
  std::vector<bool> composite(static_cast<std::size_t>(limit > 2 ? limit : 2), false);
  std::int64_t count = 0;
  for (std::size_t n = 2; n < composite.size(); ++n) {
    if (composite[n]) continue;
    ++count;
    for (std::size_t k = n * n; k < composite.size(); k += n) composite[k] = true;
  }
  return count;
}

}  // namespace coppice::bench
