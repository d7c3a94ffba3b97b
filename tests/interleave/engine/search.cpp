#include "interleave/engine/search.hpp"

#include <algorithm>

namespace coppice::interleave {

bool Exhaust::next() {
  while (!path_.empty() && path_.back().taken + 1 == path_.back().count) path_.pop_back();
  if (path_.empty()) return false;
  ++path_.back().taken;
  return true;
}

std::uint32_t Exhaust::decide(std::uint32_t count) {
  if (at_ == path_.size()) path_.push_back({0, count});
  return path_[at_++].taken;
}

std::uint32_t Replay::decide(std::uint32_t count) noexcept {
  const std::uint32_t wanted = at_ < decisions_.size() ? decisions_[at_] : 0;
  ++at_;
  return std::min(wanted, count - 1);
}

std::uint64_t Dice::next() noexcept {  // SplitMix64
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

namespace {

class Drawn : public Strategy {
 public:
  explicit Drawn(std::uint64_t seed) noexcept : dice_{seed} {}
  std::uint32_t draw(std::uint32_t count) override { return dice_.below(2) == 0 ? 0 : dice_.below(count); }

 protected:
  Dice dice_;
};

class RandomWalk final : public Drawn {
 public:
  RandomWalk(std::uint64_t seed, std::uint32_t stay) noexcept : Drawn{seed}, stay_{stay} {}
  std::uint32_t pick(std::span<const unsigned> ids, bool may_stay) override {
    if (may_stay && dice_.below(8) < stay_) return 0;
    return dice_.below(static_cast<std::uint32_t>(ids.size()));
  }

 private:
  std::uint32_t stay_;  // of eight
};

/// The fiber with the highest priority runs; at a few drawn steps whoever runs falls below all others.
class Priorities final : public Drawn {
 public:
  Priorities(std::uint64_t seed, std::uint32_t changes, std::uint32_t length) : Drawn{seed} {
    for (std::uint32_t i = 0; i < changes; ++i) changes_.push_back(dice_.below(std::max(length, 1U)));
  }
  std::uint32_t pick(std::span<const unsigned> ids, bool may_stay) override {
    const bool changes = std::find(changes_.begin(), changes_.end(), step_++) != changes_.end();
    if (changes && may_stay) priority(ids[0]) = lowest_--;
    std::uint32_t best = 0;
    for (std::uint32_t i = 1; i < ids.size(); ++i) {
      if (priority(ids[i]) > priority(ids[best])) best = i;
    }
    return best;
  }

 private:
  std::int64_t& priority(unsigned id) {
    while (priorities_.size() <= id) priorities_.push_back(1 + static_cast<std::int64_t>(dice_.below(1U << 30)));
    return priorities_[id];
  }
  std::vector<std::uint32_t> changes_;
  std::vector<std::int64_t> priorities_;
  std::int64_t lowest_ = 0;
  std::uint32_t step_ = 0;
};

/// Whoever runs goes on until it cannot; at a few drawn steps the next in turn goes first.
class Delays final : public Drawn {
 public:
  Delays(std::uint64_t seed, std::uint32_t delays, std::uint32_t length) : Drawn{seed} {
    for (std::uint32_t i = 0; i < delays; ++i) delays_.push_back(dice_.below(std::max(length, 1U)));
  }
  std::uint32_t pick(std::span<const unsigned> ids, bool may_stay) override {
    const bool delayed = std::find(delays_.begin(), delays_.end(), step_++) != delays_.end();
    if (may_stay && !delayed) return last_ = ids[0], 0;
    // The next one in turn behind the last.
    std::uint32_t best = 0;
    for (std::uint32_t i = 1; i < ids.size(); ++i) {
      if (distance(ids[i]) < distance(ids[best])) best = i;
    }
    last_ = ids[best];
    return best;
  }

 private:
  [[nodiscard]] unsigned distance(unsigned id) const noexcept { return (id - last_ - 1) % 64; }
  std::vector<std::uint32_t> delays_;
  unsigned last_ = 0;
  std::uint32_t step_ = 0;
};

/// One fiber hardly ever runs while others can.
class Starve final : public Drawn {
 public:
  explicit Starve(std::uint64_t seed) noexcept : Drawn{seed}, victim_{1 + dice_.below(4)} {}
  std::uint32_t pick(std::span<const unsigned> ids, bool) override {
    const std::uint32_t drawn = dice_.below(static_cast<std::uint32_t>(ids.size()));
    if (ids[drawn] != victim_ || dice_.below(32) == 0) return drawn;
    return (drawn + 1) % static_cast<std::uint32_t>(ids.size());
  }

 private:
  unsigned victim_;
};

}  // namespace

std::unique_ptr<Strategy> drawn_strategy(std::uint64_t seed, std::uint32_t length, std::string& name) {
  Dice dice{seed * 0x2545f4914f6cdd1d + 1};
  const std::uint64_t own = dice.next();
  const std::uint32_t depth = 1 + dice.below(4);
  switch (dice.below(16)) {
    case 0:
    case 1:
    case 2:
    case 3: name = "random walk"; return std::make_unique<RandomWalk>(own, 0);
    case 4:
    case 5:
    case 6:
    case 7:
    case 8: name = "priorities"; return std::make_unique<Priorities>(own, depth, length);
    case 9:
    case 10:
    case 11:
    case 12: name = "delays"; return std::make_unique<Delays>(own, depth, length);
    case 13:
    case 14: name = "random walk that stays"; return std::make_unique<RandomWalk>(own, 7);
    default: name = "a starving fiber"; return std::make_unique<Starve>(own);
  }
}

}  // namespace coppice::interleave
