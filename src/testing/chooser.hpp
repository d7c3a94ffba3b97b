#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "coppice/scheduler/runnable.hpp"
#include "coppice/testing/draw.hpp"
#include "coppice/testing/schedule.hpp"

namespace coppice::testing::detail {

/// Takes the decisions of a run, and writes down what they were: where they left the order of first come, first served,
/// and a hash of all of them.
///
/// No decision depends on an address: actors are told apart by their ids, which count from 1 in each system.
class Chooser {
 public:
  using Ready = std::vector<coppice::detail::Runnable*>;

  Chooser(Schedule schedule, std::uint64_t seed, bool keeps_deviations);

  /// Whether the next timer fires before those who are ready. A step, if it does.
  [[nodiscard]] bool timer_first();
  /// Which of those who are ready runs next; there are some. A step.
  [[nodiscard]] std::size_t pick(const Ready& ready);

  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
  [[nodiscard]] const std::vector<Deviation>& deviations() const noexcept { return deviations_; }

 private:
  struct Known {
    std::uint64_t actor;
    std::uint64_t priority;  // the higher goes first
  };

  [[nodiscard]] std::size_t choose(const Ready& ready);
  [[nodiscard]] std::size_t highest(const Ready& ready);
  [[nodiscard]] std::size_t last_again(const Ready& ready);
  [[nodiscard]] std::size_t anybody_but_one(const Ready& ready);
  [[nodiscard]] std::size_t followed() noexcept;
  [[nodiscard]] bool changes_now() noexcept;
  [[nodiscard]] Known& known(std::uint64_t actor);
  void step(std::uint32_t choice, std::uint64_t actor);

  Schedule schedule_;
  Draw draw_;
  std::vector<std::uint32_t> changes_;  // steps, the next one last
  std::vector<Known> known_;            // of Priorities
  std::uint64_t last_ = 0;              // who ran last
  std::uint64_t starved_ = 0;
  std::uint32_t starved_until_ = 0;
  std::uint32_t step_ = 0;
  std::size_t next_ = 0;  // of what is followed
  std::uint64_t hash_ = 0;
  bool keeps_deviations_;
  std::vector<Deviation> deviations_;
};

}  // namespace coppice::testing::detail
