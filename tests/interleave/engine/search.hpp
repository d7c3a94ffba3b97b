#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace coppice::interleave {

/// Who decides where a run could go on in more than one way. Of n ways 0 is the default: whoever runs goes on, a load
/// sees the newest store, no time passes.
///
/// A run is the list of what was decided, so it can be had again.
class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual void begin() {}
  /// One of several fibers; `ids` are theirs. The first one is the one that runs, when `may_stay`.
  virtual std::uint32_t pick(std::span<const unsigned> ids, bool may_stay) = 0;
  /// One of `count` ways that are not about fibers.
  virtual std::uint32_t draw(std::uint32_t count) = 0;
  /// Whether there is another run to make.
  virtual bool next() { return true; }
  /// Whether the next decision is one that no run has come to before.
  [[nodiscard]] virtual bool is_beyond() const { return false; }
};

/// Each way once, in depth-first order.
class Exhaust final : public Strategy {
 public:
  void begin() override { at_ = 0; }
  std::uint32_t pick(std::span<const unsigned> ids, bool) override {
    return decide(static_cast<std::uint32_t>(ids.size()));
  }
  std::uint32_t draw(std::uint32_t count) override { return decide(count); }
  bool next() override;
  [[nodiscard]] bool is_beyond() const override { return at_ == path_.size(); }

 private:
  struct Branch {
    std::uint32_t taken;
    std::uint32_t count;
  };
  std::uint32_t decide(std::uint32_t count);
  std::vector<Branch> path_;
  std::size_t at_ = 0;
};

/// What somebody has written down: decisions by number; the others take the default.
class Replay final : public Strategy {
 public:
  explicit Replay(std::vector<std::uint32_t> decisions) : decisions_{std::move(decisions)} {}
  void begin() override { at_ = 0; }
  std::uint32_t pick(std::span<const unsigned> ids, bool) override {
    return decide(static_cast<std::uint32_t>(ids.size()));
  }
  std::uint32_t draw(std::uint32_t count) override { return decide(count); }

 private:
  std::uint32_t decide(std::uint32_t count) noexcept;
  std::vector<std::uint32_t> decisions_;
  std::size_t at_ = 0;
};

/// Numbers that are the same with every library.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) noexcept : state_{seed} {}
  [[nodiscard]] std::uint64_t next() noexcept;
  [[nodiscard]] std::uint32_t below(std::uint32_t count) noexcept {
    return static_cast<std::uint32_t>((next() >> 32) * count >> 32);
  }

 private:
  std::uint64_t state_;
};

/// One of several ways to draw, by the seed: a random walk, one that likes to stay, priorities with a few changes
/// (PCT: Burckhardt et al., 2010), round robin with a few delays (Emmi et al., 2011), or one fiber that starves.
/// `length` is how many decisions a run takes, as far as is known.
[[nodiscard]] std::unique_ptr<Strategy> drawn_strategy(std::uint64_t seed, std::uint32_t length, std::string& name);

}  // namespace coppice::interleave
