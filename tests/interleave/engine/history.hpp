#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace coppice::interleave {

/// States, by what History says of them, and the fewest preemptions that a run has come there with.
using Known = std::unordered_map<std::uint64_t, std::uint32_t>;

/// What has happened in a run, as a number that is the same for all orders of the same steps that differ only in steps
/// which have nothing to do with each other. Fibers depend on nothing but what they have seen, so after equal histories
/// the run can go on in the same ways.
///
/// A step is told by its fiber, its number there, and the steps at the same place that came before it; a place by the
/// first step that came to it, since addresses differ from run to run. The number is the sum over all steps.
class History {
 public:
  void clear() {
    state_ = barrier_ = 0;
    steps_.clear();
    places_.clear();
  }
  /// `where`: null, nobody else is concerned.
  void step(unsigned fiber, const void* where, bool reads_only) {
    std::uint64_t told = begin(fiber);
    if (where != nullptr) {
      Place& place = places_.try_emplace(where, Place{told, 0, 0}).first->second;
      told = mix(told + mix(place.name + mix(place.last_change)));
      if (reads_only) {
        place.reads_since += told;
      } else {
        told = mix(told + place.reads_since);
        place.last_change = told;
        place.reads_since = 0;
      }
    }
    state_ += told;
  }
  /// It comes after all that was, and before all that will be.
  void step_of_all(unsigned fiber) { barrier(begin(fiber)); }
  void barrier(std::uint64_t what) { state_ = barrier_ = mix(state_ + mix(what)); }

  /// Something new stands there.
  void forget(const void* where) { places_.erase(where); }

  [[nodiscard]] std::uint64_t state() const noexcept { return state_; }
  [[nodiscard]] static std::uint64_t mix(std::uint64_t z) noexcept {  // SplitMix64
    z += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  struct Place {
    std::uint64_t name;
    std::uint64_t last_change;
    std::uint64_t reads_since;
  };
  [[nodiscard]] std::uint64_t begin(unsigned fiber) {
    if (steps_.size() <= fiber) steps_.resize(fiber + 1);
    return mix(barrier_ + mix(fiber * 0x10001ULL) + ++steps_[fiber]);
  }

  std::uint64_t state_ = 0;
  std::uint64_t barrier_ = 0;         // what all that follows comes after
  std::vector<std::uint64_t> steps_;  // by fiber
  std::unordered_map<const void*, Place> places_;
};

}  // namespace coppice::interleave
