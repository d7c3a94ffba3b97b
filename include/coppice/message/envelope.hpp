#pragma once

#include <cstddef>
#include <cstdint>

#include "coppice/base/atomic.hpp"
#include "coppice/base/clock.hpp"
#include "coppice/base/type_info.hpp"
#include "coppice/message/block_pool.hpp"
#include "coppice/message/message.hpp"

namespace coppice::detail {

class Cell;
struct AskCore;
struct Envelope;

/// What a mailbox chains: a pointer to the next one. At least 16-byte aligned, since the mailbox keeps four marks in
/// the low bits.
struct Link {
  Atomic<Link*> next{nullptr};
};

enum class Outcome : unsigned char {
  Handled,  // the user's handler ran to its end
  Stale,    // withdrawn meanwhile (a cancelled timer, an unwatched Down, a closure of an earlier life): dead, Cancelled
  Expired,  // it came too late to be handled: dead, Expired
  Suspended,  // a coroutine has it now, and says later what became of it
};

/// What came with a message besides the message.
struct Particulars {
  Cell* sender = nullptr;    // borrowed from the envelope
  Cell* reply_to = nullptr;  // borrowed from the envelope
  AskCore* ask = nullptr;    // what waits for the reply; borrowed as well
  std::uint64_t correlation_id = 0;
  TimePoint sent_at{};
  TimePoint deadline = TimePoint::max();
  unsigned char priority = 2;  // a Priority, which a higher part knows: Normal
};

/// What can be done with an envelope whose payload type only its maker knows.
struct EnvelopeOps {
  Outcome (*handle)(Cell& cell, Envelope& envelope);  // runs the handler; what it throws is the actor's crash
  // It will not be handled: tells whoever waits for it; may be null.
  void (*abandon)(Envelope& envelope, DeadReason reason) noexcept;
  // Destroys what it carries (a hostile destructor may throw); the envelope itself stays.
  void (*destroy)(Envelope& envelope);
  const TypeInfo* message;
  void (*describe)(const Envelope& envelope, Particulars& to) noexcept;  // what came with the message; may be null
  std::uint32_t bytes;                                                   // of the block
  bool bounded;                                                          // counts against the mailbox's capacity
  std::uint16_t message_at = 0;  // where the message stands in the envelope, for mailboxes that look at it; 0: nowhere
  std::uint16_t shared_at = 0;   // else a pointer stands there, and the message so many bytes behind what it points to
};

/// One thing in a mailbox: a link, how to treat it, and (in the types made from it) a sender and the user's message.
///
/// Ownership  its maker's until a push takes it, then the mailbox's, then the owner's who took it out.
struct Envelope : Link {
  constexpr explicit Envelope(const EnvelopeOps* operations) noexcept : ops{operations} {}
  const EnvelopeOps* ops;
};

/// The message that an envelope carries, or null where mailboxes may not look at it.
[[nodiscard]] inline const void* message_in(const Envelope& envelope) noexcept {
  const EnvelopeOps& ops = *envelope.ops;
  if (ops.message_at == 0) return nullptr;
  const std::byte* const at = reinterpret_cast<const std::byte*>(&envelope) + ops.message_at;
  return ops.shared_at == 0 ? at : *reinterpret_cast<const std::byte* const*>(at) + ops.shared_at;
}

template <class Base>
struct WithTail : Base {
  char tail;
};

/// Where a message of type M stands behind a base, in the types made from it.
template <class Base, class M>
consteval std::uint16_t message_at() {
  static_assert(sizeof(WithTail<Base>) > sizeof(Base),
                "the base ends in padding, where the compiler may put what stands behind it");
  return (sizeof(Base) + alignof(M) - 1) / alignof(M) * alignof(M);
}
template <class Base, class M>
inline constexpr std::uint16_t kMessageAt = message_at<Base, M>();

/// Destroys what the envelope carries, then its block. What a message's destructor throws ends here.
inline void destroy_envelope(Envelope* envelope) noexcept {
  const std::uint32_t bytes = envelope->ops->bytes;
  try {
    envelope->ops->destroy(*envelope);
  } catch (...) {  // nobody's handler: there is no life to end
  }
  free_block(envelope, bytes);
}

}  // namespace coppice::detail
