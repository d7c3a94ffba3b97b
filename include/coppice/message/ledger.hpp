#pragma once

#include <array>
#include <cstdint>

#include "coppice/base/atomic.hpp"
#include "coppice/base/config.hpp"
#include "coppice/message/message.hpp"

namespace coppice {

/// Where every message of a system went. Exact at rest; while messages move, each number is a moment's.
///
/// [L1] sent = handled + dead (by reason) + handed_back + queued
struct Ledger {
  std::uint64_t sent = 0;         ///< every send, try_send, ask, reply, timer, Down, closure: counted by the sender
  std::uint64_t handled = 0;      ///< a handler ran to its end
  std::uint64_t handed_back = 0;  ///< try_send left it with the caller
  std::uint64_t queued = 0;       ///< accepted and neither handled nor dead yet (the one in hand included)
  std::array<std::uint64_t, kDeadReasons> dead_by_reason{};

  [[nodiscard]] std::uint64_t dead() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t n : dead_by_reason) sum += n;
    return sum;
  }
  [[nodiscard]] std::uint64_t dead(DeadReason reason) const noexcept {
    return dead_by_reason[static_cast<std::size_t>(reason)];
  }
  [[nodiscard]] bool balances() const noexcept { return sent == handled + dead() + handed_back + queued; }
};

namespace detail {

/// What is counted, each at its own place in the code, so that the law can fail.
enum class Count : unsigned char {
  Sent,          // by the sender, before the push
  Refused,       // by the sender, when the mailbox did not take it
  HandedBack,    // by try_send
  Taken,         // by the owner, when a message left the mailbox for good
  Handled,       // by the owner, when a handler returned
  LateReply,     // a reply whose asker had gone or had timed out
  TimerRefused,  // a life had as many timers as it may
  Failure,       // a life crashed
  Restart,       // a life started after another
  DeadFirst,     // + DeadReason
};
inline constexpr int kCounts = static_cast<int>(Count::DeadFirst) + kDeadReasons;

[[nodiscard]] constexpr Count dead_count(DeadReason reason) noexcept {
  return static_cast<Count>(static_cast<int>(Count::DeadFirst) + static_cast<int>(reason));
}

/// One thread's part of the ledger, or (shared) that of several threads.
class alignas(kCacheLine) LedgerShard {
 public:
  /// For the one thread that owns the shard.
  void add_owned(Count what, std::uint64_t n = 1) noexcept {
    auto& count = counts_[static_cast<std::size_t>(what)];
    count.store(count.load(kRelaxed) + n, kRelaxed);  // single writer; readers want the value at rest only
  }
  /// For a shard that several threads use.
  void add_shared(Count what, std::uint64_t n = 1) noexcept {
    counts_[static_cast<std::size_t>(what)].fetch_add(n, kRelaxed);
  }
  [[nodiscard]] std::uint64_t value(Count what) const noexcept {
    return counts_[static_cast<std::size_t>(what)].load(kRelaxed);
  }

 private:
  Atomic<std::uint64_t> counts_[kCounts]{};
};

}  // namespace detail
}  // namespace coppice
