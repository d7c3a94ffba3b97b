#pragma once

#include <cstdint>
#include <vector>

namespace coppice::testing {

/// How a TestSystem picks, of those who are ready, the one that runs next. No strategy finds every fault; a search uses
/// all of them in turn.
enum class Strategy : unsigned char {
  RandomWalk,  ///< each as likely as any other
  Priorities,  ///< the one with the highest of random priorities; at `changes` moments the one that ran becomes the last
               ///< (PCT: Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010)
  Delays,      ///< first come, first served, but for `changes` moments at which the first goes behind all others (Emmi,
               ///< Qadeer, Rakamarić, POPL 2011)
  Sticky,      ///< the one that ran last, seven times of eight
  StarveOne,   ///< anybody but one, who waits for a while as long as there is another; then somebody else waits
  Follow,      ///< first come, first served, but for the deviations of `follow`
};

/// Where a run left the order of first come, first served.
struct Deviation {
  static constexpr std::uint32_t kTimer = ~std::uint32_t{0};  ///< the next timer fired, though somebody was ready

  std::uint32_t step = 0;    ///< of the run, from 0
  std::uint32_t choice = 0;  ///< which of those who were ready, in the order in which they got ready; or kTimer
};

struct Schedule {
  Strategy strategy = Strategy::RandomWalk;
  unsigned changes = 3;       ///< of Priorities and Delays
  std::uint32_t steps = 500;  ///< among so many first ones the changes are drawn
  unsigned early_timers_one_in =
      0;  ///< explore() fires a timer before somebody who is ready once in so many steps, as a
          ///< busy machine would; 0: never
  std::vector<Deviation> follow = {};  ///< of Follow, by step
};

}  // namespace coppice::testing
