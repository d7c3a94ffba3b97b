#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "base/mutex.hpp"
#include "coppice/base/atomic.hpp"
#include "coppice/base/clock.hpp"
#include "coppice/mailbox/bound.hpp"
#include "coppice/mailbox/mailbox_stats.hpp"
#include "coppice/message/envelope.hpp"

namespace coppice::detail {

/// What stands for a shelf in the mailbox's list: as long as something waits on the shelf, one token waits in the list.
extern const EnvelopeOps kTokenOps;
[[nodiscard]] Envelope* make_token();
struct TokenDelete {
  void operator()(Envelope* token) const noexcept { destroy_envelope(token); }
};
using TokenOwner = std::unique_ptr<Envelope, TokenDelete>;

/// How a message comes onto a shelf.
struct Offer {
  Priority priority = Priority::Normal;
  bool above = false;  // whatever the capacity
  TimePoint at{};      // now, where the shelf measures
};

/// What came of it.
struct Offered {
  enum class What : unsigned char {
    Taken,
    Rejected,  // full, and the rule says so; the envelope stays its owner's, as in all that follow
    Dropped,
    Full,  // … and the rule is to block
    Closed,
  };
  What what = What::Taken;
  TokenOwner token = {};        // that the caller pushes; mostly none
  Envelope* evicted = nullptr;  // had to go; chained by Link::next, the caller's
  DeadReason evicted_as = DeadReason::DroppedOldest;
};

/// Messages that wait under a lock, for mailboxes that reorder, evict, or measure.
///
/// Threads    any; take(): the owner.
/// Ownership  offer() takes the envelope when it answers Taken. What is evicted or taken is the caller's.
/// Order      first in, first out within a priority, the exempt among the bounded. A message that replaces another stands
///            where that stood.
/// Failure    offer() throws std::bad_alloc; nothing is changed then. No user code runs under the lock.
/// [B4] While something waits, a token is in the list, or on its way there: offer() answers one for each time that the
///      shelf was empty. A token too many, of a place that was closed and opened again, finds nothing and does no harm.
/// [B5] The oldest message of a level lets at most passed_over_max more urgent ones pass, and those whose turn has come
///      as well.
class Shelf {
 public:
  Shelf(const MailboxOptions& options, std::uint64_t capacity) noexcept;
  Shelf(const Shelf&) = delete;
  Shelf& operator=(const Shelf&) = delete;
  ~Shelf();

  [[nodiscard]] bool measures() const noexcept { return measures_; }
  [[nodiscard]] Offered offer(Envelope& envelope, const Offer& how);
  /// Puts what was taken before in front of all others of its level, above the capacity: a chain, `count` long, whose
  /// first one comes to stand behind the others. Answers the token that the caller pushes, or null. On a closed one too.
  /// Throws std::bad_alloc.
  [[nodiscard]] TokenOwner put_back(Envelope* newest, std::size_t count, TimePoint now,
                                    Priority (*priority_of)(const Envelope&) noexcept);
  /// The next one. `more`: the caller pushes another token. Null: what the token stood for has gone with a place that was
  /// closed, and opened again before the token came.
  [[nodiscard]] Envelope* take(TimePoint now, bool& more) noexcept;
  /// Refuses all that follows, and gives up what waits, in order, chained by Link::next.
  [[nodiscard]] Envelope* close() noexcept;
  void reopen() noexcept;

  [[nodiscard]] std::uint64_t depth() const noexcept;
  /// Of those that count against the capacity.
  [[nodiscard]] std::uint64_t bounded_depth() const noexcept;
  [[nodiscard]] bool is_empty() const noexcept { return depth() == 0; }

  // ---- what it measures; the rest of the counts come from those who decide ----
  void note_enqueued() noexcept;  // of what was not taken; what was is counted there
  void note_handled() noexcept;
  void note_dead(DeadReason reason) noexcept;
  [[nodiscard]] MailboxStats stats() const noexcept;

 private:
  struct Node;
  struct Queue {
    Node* oldest = nullptr;
    Node* newest = nullptr;
  };
  struct Level {
    Queue bounded;
    Queue exempt;
    unsigned passed_over = 0;
    [[nodiscard]] bool is_empty() const noexcept { return bounded.oldest == nullptr && exempt.oldest == nullptr; }
  };
  using NodeOwner = std::unique_ptr<Node>;

  [[nodiscard]] static NodeOwner make_node(Envelope& envelope, TimePoint at);
  [[nodiscard]] Envelope* replace(Node& fresh) noexcept;
  [[nodiscard]] bool make_room(const Offer& how, Offered& result, Envelope*& evicted_chain) noexcept;
  [[nodiscard]] Envelope* evict_from(Level& level) noexcept;
  void append(Node& node, Level& level) noexcept;
  [[nodiscard]] Node& pop(Level& level) noexcept;
  [[nodiscard]] Level& next_level() noexcept;
  void index(Node& node) noexcept;
  void unindex(Node& node) noexcept;
  void grow_index();
  void note_depth() noexcept;
  [[nodiscard]] Node** bucket(std::uint64_t hash) noexcept;
  /// The lock, with a token if none is out, for which memory is asked before it.
  [[nodiscard]] std::unique_lock<BriefLock> lock_with_token(TokenOwner& token);

  const Overflow overflow_;
  const ForPriority for_priority_;
  const KeyOps* const key_;
  const unsigned passed_over_max_;
  const bool measures_;
  const std::uint64_t capacity_;

  mutable BriefLock lock_;  // guards all below
  Level levels_[kPriorities];
  std::uint64_t bounded_ = 0;
  std::uint64_t exempt_ = 0;
  std::int64_t next_sequence_ = 0;    // of who comes last
  std::int64_t front_sequence_ = -1;  // of who is put back
  bool token_out_ = false;
  bool closed_ = false;
  std::unique_ptr<Node*[]> buckets_;  // of those with a key
  std::uint64_t bucket_count_ = 0;    // a power of two, or none yet
  std::uint64_t indexed_ = 0;
  MailboxStats stats_;
};

}  // namespace coppice::detail
