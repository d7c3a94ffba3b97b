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

/// For a token that nobody took: the publication, or the oldest if another's token has claimed it. [U1] There is one.
Publication* SubscriptionQueue::take_back(const Publication& publication) noexcept {
  const std::lock_guard lock{lock_};
  const auto newest = std::find(waiting_.rbegin(), waiting_.rend(), &publication);
  const auto which = newest == waiting_.rend() ? waiting_.begin() : std::next(newest).base();
  if (which == waiting_.end()) return nullptr;
  Publication* const taken = *which;
  waiting_.erase(which);
  return taken;
}

PublicationEnvelope* SubscriptionQueue::make_token(const SubscriberOps& ops) {
  auto* const token = make_envelope<PublicationEnvelope>(ops.token);
  add_ref();
  token->queue = this;
  return token;
}

void SubscriptionQueue::discard(PublicationEnvelope* token) noexcept {
  token->queue = nullptr;
  release();
  destroy_envelope(token);
}

SubscriptionQueue::Put SubscriptionQueue::send_token(Cell& cell, PublicationEnvelope* token,
                                                     const Publication& publication, Refusal refusal) {
  const EnvelopeOps* const ops = token->ops;
  const auto take_away = [&] {
    Publication* const left = take_back(publication);
    discard(token);
    if (left == nullptr || left == &publication) return true;
    // A token that came before ours has claimed it: it has been handled, and what that one came for is without a token.
    Runtime& runtime = *cell.runtime();
    runtime.count(Count::Sent);
    runtime.count(Count::Refused);
    bury(cell, ops, *left, DeadReason::Closed);
    return false;
  };
  Delivery delivery{};
  try {
    delivery = deliver(cell, token, How{.refusal = refusal, .stays_when_it_throws = true});
  } catch (...) {  // no memory
    if (take_away()) throw;
    return {Delivery::Accepted, false};
  }
  if (delivery == Delivery::Accepted || refusal == Refusal::DeadLetter) return {delivery, false};
  if (take_away()) return {delivery, false};
  return {Delivery::Accepted, false};
}

SubscriptionQueue::Put SubscriptionQueue::put(Cell& cell, const SubscriberOps& ops, Publication& publication,
                                              Refusal refusal) {
  PublicationEnvelope* const token = make_token(ops);  // first: what throws has changed nothing
  Runtime& runtime = *cell.runtime();
  Publication* oldest = nullptr;
  Entered entered = Entered::Refused;
  try {
    entered = enter(publication, oldest);
  } catch (...) {
    discard(token);
    throw;
  }
  if (entered == Entered::Added) return send_token(cell, token, publication, refusal);
  discard(token);
  if (entered == Entered::Replaced) {
    runtime.count(Count::Sent);
    runtime.count(Count::Taken);  // the old one, by whom it gave way to
    bury(cell, ops.token, *oldest, DeadReason::DroppedOldest);
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
