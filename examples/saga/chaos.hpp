#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

/// One transition of one order, as a number.
using Transition = std::uint64_t;
/// `undo`: of the step's undoing.
[[nodiscard]] inline Transition transition(std::size_t order, std::size_t step, bool undo) {
  return static_cast<Transition>(order) * 7 + step + (undo ? 3 : 0);  // odd, so that neighbours differ in parity
}

/// Injects crashes into one place: at the first sight of each so-manieth transition, or at every attempt at some. One
/// half of them comes before the work is done and the other after it: in both cases whoever asked for it hears nothing
/// but "crashed". Outlives the lives of its place, which never overlap.
class Chaos {
 public:
  enum class Moment : unsigned char { Before, After };

  explicit Chaos(std::optional<std::uint64_t> every, const std::vector<Transition>& always = {}) : every_{every} {
    for (const Transition one : always) always_.emplace(one, 0);
  }

  [[nodiscard]] bool strikes(Transition at, Moment moment) {
    if (const auto poisoned = always_.find(at); poisoned != always_.end()) {
      if ((poisoned->second % 2 == 0) != (moment == Moment::Before)) return false;
      ++poisoned->second;
      ++dealt_;
      return true;
    }
    if (!every_ || (at % 2 == 0) != (moment == Moment::Before)) return false;
    if (!seen_.insert(at).second || seen_.size() % *every_ != 0) return false;
    ++dealt_;
    return true;
  }
  [[nodiscard]] std::uint64_t dealt() const { return dealt_; }

 private:
  std::optional<std::uint64_t> every_;
  std::unordered_map<Transition, std::uint64_t> always_;
  std::unordered_set<Transition> seen_;
  std::uint64_t dealt_ = 0;
};
