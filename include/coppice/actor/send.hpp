#pragma once

#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "coppice/actor/cell.hpp"
#include "coppice/message/message.hpp"

// [path 1 of 7] send: from the user; to push, on the same thread

namespace coppice::detail {

/// Whether a refused message becomes a dead letter or goes back to the caller.
enum class Refusal : unsigned char { DeadLetter, HandBack };

/// How a send wants to be treated, besides.
struct How {
  Refusal refusal = Refusal::DeadLetter;
  Priority priority = Priority::Normal;
  std::optional<Duration> within = {};  // how long a thread waits at a mailbox that blocks; else as that says
  bool stays_when_it_throws = false;    // the envelope is the caller's then, whatever the refusal
};

/// Puts an envelope into an actor's mailbox and submits the actor if that woke it. Any thread. On HandBack and anything
/// but Accepted the envelope is still the caller's; otherwise it is gone. A mailbox with a shelf or a room may need memory:
/// throws std::bad_alloc, nothing was sent then, and the envelope as after a refusal.
///
/// A function of the library: inlined into each send it would be 60 instructions there, and save one or two.
Delivery deliver(Cell& cell, Envelope* envelope, Refusal refusal = Refusal::DeadLetter);
Delivery deliver(Cell& cell, Envelope* envelope, const How& how);
/// For what the runtime owes somebody, an answer or a Down: where a mailbox has no memory for its place in it, there will
/// be.
void deliver_surely(Cell& cell, Envelope* envelope) noexcept;
/// The same for an envelope that has been counted as sent, with others of its publication.
Delivery deliver_counted(Cell& cell, Envelope* envelope, Refusal refusal = Refusal::DeadLetter);

/// Makes an envelope of type E in a pool block.
template <class E, class... Args>
[[nodiscard]] E* make_envelope(Args&&... args) {
  static_assert(alignof(E) <= 16, "messages that need more than 16 bytes of alignment travel behind a std::unique_ptr");
  void* const block = allocate_block(sizeof(E));
  try {
    return ::new (block) E(std::forward<Args>(args)...);
  } catch (...) {  // a copy or move of the message threw: on the sender, who hears of it
    free_block(block, sizeof(E));
    throw;
  }
}

/// A message and nothing else.
template <class M>
struct MessageEnvelope : Envelope {
  template <class U>
  MessageEnvelope(const EnvelopeOps* operations, U&& m) : Envelope{operations}, message(std::forward<U>(m)) {}
  ~MessageEnvelope() = delete;  // ops->destroy destroys the message; the link stays valid in the mailbox
  union {
    M message;
  };
};

}  // namespace coppice::detail
