#pragma once

#include <cstdint>
#include <deque>

#include "base/mutex.hpp"
#include "coppice/actor/send.hpp"
#include "coppice/base/intrusive_ptr.hpp"
#include "coppice/brokers/publication.hpp"
#include "coppice/mailbox/overflow.hpp"

namespace coppice::detail {

/// What waits of one subscription that has a bound of its own. For each publication here a token lies in the
/// subscriber's mailbox, which claims the oldest when its turn comes: so publications keep their places among the
/// actor's other messages, and what waits here is counted there. A token does not count against the mailbox's bound.
///
/// Threads    any, under the lock. Nothing is delivered, and nothing of a user's runs, under it.
/// Ownership  counted: by the subscription and by each token. Has a share of each publication in it.
/// [U1] As many publications wait as tokens are on their way; never more than the capacity.
class SubscriptionQueue final : public Counted {
 public:
  explicit SubscriptionQueue(const Bounded& bound) : bound_{bound} {}
  ~SubscriptionQueue() override;

  /// What became of one publication, and of an older one.
  struct Put {
    Delivery delivery;
    bool displaced;
  };
  /// Takes a share of the publication, unless it is refused and handed back.
  [[nodiscard]] Put put(Cell& cell, const SubscriberOps& ops, Publication& publication, Refusal refusal);

  // The steps of put(), one after the other, with other threads' in between.
  enum class Entered : unsigned char { Added, Replaced, Refused };
  [[nodiscard]] PublicationEnvelope* make_token(const SubscriberOps& ops);
  /// Throws std::bad_alloc, and has changed nothing then. `oldest`: what was replaced, with its share.
  [[nodiscard]] Entered enter(Publication& publication, Publication*& oldest);
  /// Of one that was added. Takes the token.
  [[nodiscard]] Put send_token(Cell& cell, PublicationEnvelope* token, const Publication& publication, Refusal refusal);

  /// The oldest with its share, or null.
  [[nodiscard]] Publication* claim() noexcept;

 private:
  void discard(PublicationEnvelope* token) noexcept;
  [[nodiscard]] Publication* take_back(const Publication& publication) noexcept;

  const Bounded bound_;
  BriefLock lock_;  // guards:
  std::deque<Publication*> waiting_;
};

}  // namespace coppice::detail
