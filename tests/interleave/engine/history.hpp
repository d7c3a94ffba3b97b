#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "interleave/engine/memory.hpp"

namespace coppice::interleave {

/// SplitMix64's finish.
[[nodiscard]] inline std::uint64_t mix(std::uint64_t z) noexcept {
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// What the runs of a search have come to so far.
class Known {
 public:
  /// Who may go on without a preemption: that fiber and nobody else, or everybody.
  static constexpr unsigned kEverybody = ~0U;
  /// A search with more preemptions than that has no use for this.
  static constexpr std::uint32_t kPreemptionsMost = 200;

  /// Whether runs have come to that state before and have gone on from there in all ways that are open now. If not, this
  /// one does. One that came with a preemption less has: it took another's turn for that.
  [[nodiscard]] bool visit(std::uint64_t state, unsigned who, std::uint32_t preemptions) {
    Fewest& fewest = states_[state];
    const auto now = static_cast<std::uint8_t>(preemptions);
    std::uint8_t& own = who == kEverybody ? fewest.free : fewest.staying[who];
    if (fewest.any < now || fewest.free <= now || own <= now) return true;
    own = now;
    fewest.any = std::min(fewest.any, now);
    return false;
  }

 private:
  static constexpr std::uint8_t kNever = 255;
  /// Preemptions that runs have come there with.
  struct Fewest {
    Fewest() noexcept { staying.fill(kNever); }
    std::uint8_t any = kNever;
    std::uint8_t free = kNever;
    std::array<std::uint8_t, kFibersMax> staying;
  };
  std::unordered_map<std::uint64_t, Fewest> states_;
};

/// What has happened in a run, as a number that is the same for all orders of the same steps that differ only in steps
/// which have nothing to do with each other. Fibers depend on nothing but what they have seen, so after equal histories
/// the run can go on in the same ways.
///
/// A step is told by its fiber, its number there, and the steps at the same place that came before it; a place by who
/// made it and its number there (where nobody did, by the first step that came to it), since addresses differ from run
/// to run. The number is the sum over all steps.
class History {
 public:
  void clear();
  /// `where`: null, nobody else is concerned.
  void step(unsigned fiber, const void* where, bool reads_only);
  /// It comes after all that was, and before all that will be.
  void step_of_all(unsigned fiber) { barrier(begin(fiber)); }
  void barrier(std::uint64_t what) { state_ = barrier_ = mix(state_ + mix(what)); }
  /// Something new stands there.
  void make(unsigned fiber, const void* where);

  [[nodiscard]] std::uint64_t state() const noexcept { return state_; }

 private:
  struct Place {
    const void* where = nullptr;
    std::uint32_t run = 0;  // another one: there is nothing here
    std::uint64_t name = 0;
    std::uint64_t last_change = 0;
    std::uint64_t reads_since = 0;
  };
  struct Fiber {
    std::uint64_t steps = 0;
    std::uint64_t made = 0;
  };
  [[nodiscard]] std::uint64_t begin(unsigned fiber);
  [[nodiscard]] Fiber& of(unsigned fiber) {
    if (fibers_.size() <= fiber) fibers_.resize(fiber + 1);
    return fibers_[fiber];
  }
  /// Its own, if it was there before; else an empty one.
  [[nodiscard]] Place& place(const void* where);
  void grow();

  std::uint64_t state_ = 0;
  std::uint64_t barrier_ = 0;  // what all that follows comes after
  std::vector<Fiber> fibers_;
  std::vector<Place> places_ = std::vector<Place>(1'024);  // hashed by address, the next free one
  std::size_t used_ = 0;
  std::uint32_t run_ = 1;
};

}  // namespace coppice::interleave
