#pragma once

#include <bit>
#include <cstdint>

#include "coppice/base/atomic.hpp"
#include "coppice/base/config.hpp"
#include "coppice/base/intrusive_ptr.hpp"
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
  std::uint64_t dead_by_reason[kDeadReasons] = {};  ///< by DeadReason

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

/// What is counted, each at its own place in the code, so that the law can fail. An outcome (Handled, HandedBack, dead)
/// is counted before the Taken or Refused that goes with it.
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
    // single writer. release: partner of value(). Who sees that a message is no longer queued sees its outcome.
    count.store(count.load(kRelaxed) + n, kRelease);
  }
  /// For a shard that several threads use.
  void add_shared(Count what, std::uint64_t n = 1) noexcept {
    counts_[static_cast<std::size_t>(what)].fetch_add(n, kRelease);
  }
  [[nodiscard]] std::uint64_t value(Count what) const noexcept {
    return counts_[static_cast<std::size_t>(what)].load(kAcquire);
  }

 private:
  Atomic<std::uint64_t> counts_[kCounts]{};
};

/// What threads that are not the runtime's count in: a shard that one of them has leased, as long as there are some, or
/// one that it shares.
///
/// Threads    any. A leased shard: whoever leased it, until it gives it back.
/// Ownership  counted: by its runtime and by each thread that leases, since either may go first.
class OutsideLedger final : public Counted {
 public:
  /// A shard for the calling thread alone, or null when all are leased.
  [[nodiscard]] LedgerShard* lease() noexcept {
    std::uint32_t taken = taken_.load(kRelaxed);
    while (taken != kAllTaken) {
      const std::uint32_t bit = ~taken & (taken + 1);
      // acquire: partner of give_back(). What the thread before us has counted here we count on from.
      if (taken_.compare_exchange_weak(taken, taken | bit, kAcquire, kRelaxed))
        return &leased_[static_cast<std::size_t>(std::countr_zero(bit))];
    }
    return nullptr;
  }
  void give_back(const LedgerShard& shard) noexcept {
    const auto bit = std::uint32_t{1} << (&shard - leased_);
    taken_.fetch_and(~bit, kRelease);  // partner: lease()
  }
  /// `thread`: its number, so that they seldom meet.
  [[nodiscard]] LedgerShard& shared(unsigned thread) noexcept { return shared_[thread % kShared]; }
  [[nodiscard]] std::uint64_t total(Count what) const noexcept {
    std::uint64_t sum = 0;
    for (const LedgerShard& shard : leased_) sum += shard.value(what);
    for (const LedgerShard& shard : shared_) sum += shard.value(what);
    return sum;
  }

 private:
  static constexpr unsigned kLeased = 16;
  static constexpr unsigned kShared = 8;
  static constexpr std::uint32_t kAllTaken = (std::uint32_t{1} << kLeased) - 1;
  Atomic<std::uint32_t> taken_{0};  // a bit a leased shard
  LedgerShard leased_[kLeased];
  LedgerShard shared_[kShared];
};

}  // namespace detail
}  // namespace coppice
