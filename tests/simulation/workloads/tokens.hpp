#pragma once

#include <utility>

namespace coppice::simulation {

/// Counts how many of what carries one are alive: a message, reply or continuation that nobody let go of is seen.
class Token {
 public:
  explicit Token(int& alive) noexcept : alive_{&alive} { ++*alive_; }
  Token(const Token& other) noexcept : alive_{other.alive_} {
    if (alive_ != nullptr) ++*alive_;
  }
  Token(Token&& other) noexcept : alive_{std::exchange(other.alive_, nullptr)} {}
  Token& operator=(const Token&) = delete;
  ~Token() {
    if (alive_ != nullptr) --*alive_;
  }

 private:
  int* alive_;
};

}  // namespace coppice::simulation
