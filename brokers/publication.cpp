#include "coppice/brokers/publication.hpp"

#include "subscription_queue.hpp"

namespace coppice::detail {

PublicationExtras::~PublicationExtras() {
  // The last receiver has let go: nobody is left who might answer.
  if (ask && !promised.load(kRelaxed)) ask->fail(why_not.load(kRelaxed));
  if (sender != nullptr) sender->release();
  if (reply_to != nullptr) reply_to->release();
}

void Publication::destroy() noexcept {
  extras.reset();
  const std::uint32_t bytes = ops->bytes;
  try {
    ops->destroy(*this);
  } catch (...) {  // nobody's handler: there is no life to end
  }
  free_block(this, bytes);
}

void PublicationEnvelope::claim_from_queue() const noexcept {
  publication = queue->claim();
  queue->release();
  queue = nullptr;
}

void PublicationEnvelope::abandon_publication(Envelope& envelope, DeadReason reason) noexcept {
  auto& self = static_cast<PublicationEnvelope&>(envelope);
  if (!self.claim()) return;
  PublicationExtras* const extras = self.publication->extras.get();
  if (extras != nullptr && extras->ask) extras->why_not.store(error_for(reason), kRelaxed);
}

void PublicationEnvelope::describe_publication(const Envelope& envelope, Particulars& to) noexcept {
  const auto& self = static_cast<const PublicationEnvelope&>(envelope);
  if (!self.claim()) return;
  const PublicationExtras* const extras = self.publication->extras.get();
  if (extras == nullptr) return;
  to.sender = extras->sender;
  to.reply_to = extras->reply_to;
  to.ask = extras->ask.get();
  to.correlation_id = extras->correlation_id;
  to.sent_at = extras->sent_at;
  to.deadline = extras->deadline;
}

void PublicationEnvelope::destroy_publication(Envelope& envelope) {
  auto& self = static_cast<PublicationEnvelope&>(envelope);
  if (self.claim()) self.publication->release();
}

void answer_publication(Cell& replier, PublicationExtras& extras, const TypeInfo* type, void* reply) noexcept {
  AskCore* const ask = extras.ask.get();
  if (ask == nullptr || !same_type(ask->reply_ops->type, type) || ask->settle(reply)) return;
  // That another one was faster is no event; that nobody was is.
  if (ask->is_done() && !ask->replied) replier.runtime()->count(Count::LateReply);
}

void note_promise(PublicationExtras& extras, const TypeInfo* type) noexcept {
  if (extras.ask && same_type(extras.ask->reply_ops->type, type)) extras.promised.store(true, kRelaxed);
}

}  // namespace coppice::detail
