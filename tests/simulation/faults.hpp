#pragma once

#include <cstdint>
#include <vector>

#include "coppice/testing/draw.hpp"

namespace coppice::simulation {

/// At the how-manieth moment at which something of its kind may fail, and how: what is thrown, how long it takes, which
/// allocation fails.
struct Fault {
  std::uint32_t at = 0;
  std::uint32_t number = 0;  // of all faults of the run
  std::uint64_t how = 0;
};

/// The faults of one kind in one run. Most runs have none, and those with many are rare: what fails without one is found
/// without one.
class Faults {
 public:
  /// `most` by lot, among the first 2^least … 2^(least + 5) moments; `number` is the first one's.
  static Faults drawn(testing::Draw draw, const int (&most)[9], int least, std::uint32_t number);
  /// One more moment has come: the fault that is due then, or none.
  [[nodiscard]] const Fault* at_this_moment() noexcept;
  [[nodiscard]] bool is_empty() const noexcept { return all_.empty(); }
  [[nodiscard]] std::uint32_t end_number() const noexcept { return end_number_; }

 private:
  std::vector<Fault> all_;  // by moment
  std::uint32_t moments_ = 0;
  std::uint32_t end_number_ = 0;
  std::size_t next_ = 0;
};

}  // namespace coppice::simulation
