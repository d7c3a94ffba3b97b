#pragma once

#include <cstdint>

#include "coppice/base/clock.hpp"
#include "coppice/message/message.hpp"

namespace coppice {

/// What one mailbox has seen, all lives of its actor together; see Bounded::measured. Exact at rest.
///
/// [B3] enqueued = handled + dead (by reason) + depth, and the one in hand while there is one
struct MailboxStats {
  std::uint64_t enqueued = 0;  ///< all that was sent there and not handed back by try_send, replies and timers included
  std::uint64_t handled = 0;
  std::uint64_t depth = 0;                          ///< waits
  std::uint64_t high_water = 0;                     ///< the most that has waited at once
  std::uint64_t dead_by_reason[kDeadReasons] = {};  ///< by DeadReason
  std::uint64_t taken = 0;   ///< have left in their turn, expired or not: what the times are about
  Duration waited_most{};    ///< the longest time in the queue
  Duration waited_in_all{};  ///< the sum of the times in the queue; saturates

  [[nodiscard]] std::uint64_t dead() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t n : dead_by_reason) sum += n;
    return sum;
  }
  [[nodiscard]] std::uint64_t dead(DeadReason reason) const noexcept {
    return dead_by_reason[static_cast<int>(reason)];
  }
  [[nodiscard]] Duration waited_on_average() const noexcept {
    return taken == 0 ? Duration::zero() : waited_in_all / static_cast<std::int64_t>(taken);
  }
  [[nodiscard]] bool balances() const noexcept { return enqueued == handled + dead() + depth; }
};

}  // namespace coppice
