#pragma once

#include <cstddef>
#include <utility>

#include "coppice/actor/actor_ref.hpp"

namespace coppice::detail {

/// Keeps an envelope for later; takes it. Rejected: the stash is full, and the message is a dead letter.
Delivery put_aside(Cell& cell, Envelope* envelope) noexcept;
/// Moves the oldest of what is kept, `most` at most, in order to the front of the mailbox. How many there were.
/// Throws std::bad_alloc where the mailbox needs memory for it: all of them stay put aside then.
std::size_t bring_back(Cell& cell, std::size_t most);
/// Puts a message in front of all that wait. Takes it.
void put_in_front(Cell& cell, Envelope* envelope) noexcept;
[[nodiscard]] std::size_t put_aside_count(const Cell& cell) noexcept;

/// Of a handler that is a coroutine and has waited for something: what came with its message, for the caller to take; it
/// counts the ask, or else sender and reply_to. Null: the message in hand is another's.
[[nodiscard]] Particulars* came_with_run(const Cell& cell) noexcept;

/// The message in hand again, with whatever came along: its sender, its options, and whoever waits for the answer. They go
/// over to the new envelope.
template <class A, class M>
[[nodiscard]] Envelope* repack(Cell& cell, M&& message) {
  static_cast<void>(cell.extras());  // where the stash is: what needs memory comes first
  Envelope* const in_hand = cell.current();
  if (in_hand != nullptr && in_hand->ops == &HandlerOps<A, M>::kAsk) {
    auto* const again = make_envelope<AskEnvelope<M>>(in_hand->ops, std::forward<M>(message));
    again->take_over(static_cast<Question&>(*in_hand));
    return again;
  }
  if (in_hand != nullptr && in_hand->ops == &HandlerOps<A, M>::kSendWith) {
    auto* const again = make_envelope<RichEnvelope<M>>(in_hand->ops, std::forward<M>(message));
    again->take_over(static_cast<Companions&>(*in_hand));
    return again;
  }
  if (Particulars* const came = came_with_run(cell); came != nullptr && came->ask != nullptr) {
    auto* const again = make_envelope<AskEnvelope<M>>(&HandlerOps<A, M>::kAsk, std::forward<M>(message));
    again->take_over(*came);
    return again;
  } else if (came != nullptr && (came->sender != nullptr || came->reply_to != nullptr)) {
    auto* const again = make_envelope<RichEnvelope<M>>(&HandlerOps<A, M>::kSendWith, std::forward<M>(message));
    again->take_over(*came);
    return again;
  }
  return make_envelope<MessageEnvelope<M>>(&HandlerOps<A, M>::kSend, std::forward<M>(message));
}

}  // namespace coppice::detail
