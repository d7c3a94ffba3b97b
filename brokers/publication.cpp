#include "coppice/brokers/publication.hpp"

#include "late_releases.hpp"
#include "subscription_queue.hpp"

namespace coppice::detail {

namespace {

/// Which envelope's handler may promise a reply on this thread now, and what it would promise it to.
struct {
  const Envelope* envelope = nullptr;
  AskCore* part = nullptr;
} constinit thread_local part_in_hand;

}  // namespace

PublicationExtras::~PublicationExtras() {
  // The last receiver has let go: nobody is left who might answer.
  if (ask) ask->fail(why_not.load(kRelaxed));
  if (sender != nullptr) sender->release();
  if (reply_to != nullptr) reply_to->release();
}

void Publication::destroy() noexcept {
  extras.reset();
  const std::uint32_t bytes = ops->bytes;
  try {
    if (ops->destroy != nullptr) ops->destroy(*this);
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
  to.ask = part_in_hand.envelope == &envelope ? part_in_hand.part : extras->ask.get();
  to.correlation_id = extras->correlation_id;
  to.sent_at = extras->sent_at;
  to.deadline = extras->deadline;
}

void PublicationEnvelope::destroy_publication(Envelope& envelope) {
  auto& self = static_cast<PublicationEnvelope&>(envelope);
  if (self.claim()) release_late(*self.publication);
}

void answer_publication(Cell& replier, PublicationExtras& extras, const TypeInfo* type, void* reply) noexcept {
  AskCore* const ask = extras.ask.get();
  if (ask == nullptr || !same_type(ask->reply_ops->type, type) || ask->settle(reply)) return;
  // That another one was faster is no event; that nobody was is.
  if (ask->is_done() && !ask->replied) replier.runtime()->count(Count::LateReply);
}

// ---- who answers later ----

namespace {

struct AskPart final : AskCore {
  AskPart(Publication& of, AskCore& whole, std::uint32_t slot_offset, std::uint32_t all) noexcept
      : AskCore{&AskPart::destroy_block, &AskPart::pass_on, whole.asker, *whole.reply_ops, slot_offset, all},
        publication{IntrusivePtr<Publication>::of(of)} {}
  static void destroy_block(Timer& timer) noexcept {
    auto& self = static_cast<AskPart&>(timer);
    const std::uint32_t block = self.bytes;
    self.~AskPart();
    free_block(&self, block);
  }
  static void pass_on(AskCore& core, bool hand_over) noexcept {
    auto& self = static_cast<AskPart&>(core);
    core.progress.store(kDone, kRelease);
    const auto of = std::move(self.publication);  // the last to let go ends the ask
    PublicationExtras& extras = *of->extras;
    AskCore& whole = *extras.ask;
    if (!core.replied) {
      extras.why_not.store(core.error, kRelaxed);
    } else if (!whole.settle(core.slot()) && whole.is_done() && !whole.replied && this_thread.cell != nullptr) {
      this_thread.cell->runtime()->count(Count::LateReply);
    }
    if (hand_over) core.release();
  }

  IntrusivePtr<Publication> publication;
};

constexpr EnvelopeOps kPartOps{
    nullptr, nullptr, nullptr, nullptr, &PartialQuestion::describe_part, sizeof(PartialQuestion), false};

}  // namespace

IntrusivePtr<AskCore> part_of_ask(Publication& publication, const TypeInfo* type) {
  AskCore* const whole = publication.extras == nullptr ? nullptr : publication.extras->ask.get();
  if (whole == nullptr || !same_type(whole->reply_ops->type, type)) return {};
  const std::uint32_t alignment = whole->reply_ops->alignment;
  const auto slot = static_cast<std::uint32_t>((sizeof(AskPart) + alignment - 1) / alignment * alignment);
  const std::uint32_t bytes = slot + whole->reply_ops->bytes;
  return IntrusivePtr<AskCore>::adopt(::new (allocate_block(bytes)) AskPart{publication, *whole, slot, bytes});
}

PartInHand::PartInHand(const Envelope& envelope, Publication& publication, const TypeInfo* type)
    : part_{part_of_ask(publication, type)} {
  part_in_hand = {&envelope, part_.get()};
}

PartInHand::~PartInHand() { part_in_hand = {}; }

PartialQuestion::PartialQuestion(Publication& publication, const TypeInfo* type)
    : Question{&kPartOps}, asker{publication.extras->ask->asker} {
  ask = part_of_ask(publication, type).detach();
  sent_at = publication.extras->sent_at;
  deadline = publication.extras->deadline;
}

void PartialQuestion::describe_part(const Envelope& envelope, Particulars& to) noexcept {
  const auto& self = static_cast<const PartialQuestion&>(envelope);
  describe_ask(envelope, to);
  to.sender = to.reply_to = self.asker;
}

}  // namespace coppice::detail
