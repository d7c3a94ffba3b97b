#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace coppice::testing {

/// What actors have seen, for the test to check. Actors get a pointer to it.
///
/// Threads    any.
template <class T>
class BasicLog {
 public:
  void add(T line) {
    const std::lock_guard lock{mutex_};
    lines_.push_back(std::move(line));
  }
  [[nodiscard]] std::vector<T> lines() const {
    const std::lock_guard lock{mutex_};
    return lines_;
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock{mutex_};
    return lines_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<T> lines_;
};

using Log = BasicLog<std::string>;
using Lines = std::vector<std::string>;

}  // namespace coppice::testing
