#include "subscription_queue.hpp"

#include <algorithm>
#include <iterator>
#include <mutex>

namespace coppice::detail {
namespace {

/// One that will not be handled, on its way into the dead letters.
void bury(Cell& cell, const EnvelopeOps* ops, Publication& publication, DeadReason reason) noexcept {
  PublicationEnvelope envelope{ops};
  envelope.publication = &publication;
  cell.runtime()->dead_letter(cell, envelope, reason);
  PublicationEnvelope::abandon_publication(envelope, reason);
  publication.release();
}

}  // namespace

SubscriptionQueue::~SubscriptionQueue() {
  for (Publication* const publication : waiting_) publication->release();  // [U1] none
}

Publication* SubscriptionQueue::claim() noexcept {
  const std::lock_guard lock{lock_};
  if (waiting_.empty()) return nullptr;
  Publication* const oldest = waiting_.front();
  waiting_.pop_front();
  return oldest;
}

SubscriptionQueue::Entered SubscriptionQueue::enter(Publication& publication, Publication*& oldest) {
  const std::lock_guard lock{lock_};
  if (waiting_.size() < bound_.capacity) {
    waiting_.push_back(&publication);
    return Entered::Added;
  }
  if (bound_.overflow != Overflow::DropOldest) return Entered::Refused;
  // Its token stays, and claims the next one instead.
  waiting_.push_back(&publication);
  oldest = waiting_.front();
  waiting_.pop_front();
  return Entered::Replaced;
}

void SubscriptionQueue::take_back(const Publication& publication) noexcept {
  const std::lock_guard lock{lock_};
  const auto newest = std::find(waiting_.rbegin(), waiting_.rend(), &publication);
  if (newest != waiting_.rend()) waiting_.erase(std::next(newest).base());
}

SubscriptionQueue::Put SubscriptionQueue::put(Cell& cell, const SubscriberOps& ops, Publication& publication,
                                              Refusal refusal) {
  auto* const token = make_envelope<PublicationEnvelope>(ops.token);  // first: what throws has changed nothing
  add_ref();
  token->queue = this;
  Runtime& runtime = *cell.runtime();
  Publication* oldest = nullptr;
  Entered entered = Entered::Refused;
  try {
    entered = enter(publication, oldest);
  } catch (...) {
    token->queue = nullptr;
    release();
    destroy_envelope(token);
    throw;
  }
  if (entered == Entered::Added) {
    const Delivery delivery = deliver(cell, token, refusal);
    if (delivery != Delivery::Accepted && refusal == Refusal::HandBack) {
      take_back(publication);
      token->queue = nullptr;
      release();
      destroy_envelope(token);
    }
    return {delivery, false};
  }
  token->queue = nullptr;
  release();
  destroy_envelope(token);
  if (entered == Entered::Replaced) {
    runtime.count(Count::Sent);
    runtime.count(Count::Taken);  // the old one, by whom it gave way to
    bury(cell, ops.token, *oldest, DeadReason::Dropped);
    return {Delivery::Accepted, true};
  }
  const Delivery why = bound_.overflow == Overflow::Reject ? Delivery::Rejected : Delivery::Dropped;
  if (refusal == Refusal::HandBack) return {why, false};  // it has not left the publisher
  runtime.count(Count::Sent);
  runtime.count(Count::Refused);
  bury(cell, ops.token, publication, why == Delivery::Rejected ? DeadReason::Rejected : DeadReason::Dropped);
  return {why, false};
}

}  // namespace coppice::detail
