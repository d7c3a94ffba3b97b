#pragma once

#include <optional>

#include "coppice/actor/cell.hpp"
#include "mailbox/room.hpp"

namespace coppice::detail {

/// The sender of the message in hand has filled `receiver`'s mailbox, which blocks: when its handler returns it handles
/// nothing until there is room, or the place has ended. Of several that it has filled it waits for one after the other. Not
/// if the receiver waits for the sender, itself or through others: of those who fill each other's mailboxes in a circle one
/// is not muted, and moves all others on.
///
/// Threads    the sender's turn.
/// [B6] The muted wait for each other in no circle, so at the end of each row stands one that is not muted: that is looked
///      up and written down under one lock.
void mute(Cell& sender, Cell& receiver) noexcept;
/// Call it before, and before the message is put: takes the memory that mute() needs. Throws std::bad_alloc.
void prepare_to_mute(Cell& sender);

/// The same for a sender whose suspended handler waits: false, and nothing is to be waited for, where mute() would do
/// nothing.
[[nodiscard]] bool begin_wait(Cell& sender, Cell& receiver) noexcept;
void end_wait(Cell& sender) noexcept;
/// After end_wait(), on the sender's turn: mutes it for the next of those that it has filled besides, if one still is full.
void wait_for_the_next(Cell& sender) noexcept;

/// One try to deliver, the send being counted. Nothing: it is full and blocks, and the envelope still the caller's.
/// Throws std::bad_alloc: as if it were full.
[[nodiscard]] std::optional<Delivery> deliver_unless_full(Cell& cell, Envelope* envelope, bool above);
/// An end as a dead letter after that.
void refuse(Cell& cell, Envelope* envelope, Delivery why, DeadReason reason);

/// Its place in a room: the cell is held until it is let go.
struct MuteWaiter final : RoomWaiter {
  explicit MuteWaiter(Cell& c) noexcept;
  Cell& cell;  // whose extras this is part of; counted while it waits
};

/// A thread that waits for room, for the length of its wait.
class ThreadWait {
 public:
  explicit ThreadWait(Room& room) noexcept : room_{room} { room.thread_joins(); }
  ~ThreadWait() { room_.thread_leaves(); }
  ThreadWait(const ThreadWait&) = delete;
  ThreadWait& operator=(const ThreadWait&) = delete;

 private:
  Room& room_;
};

/// One more that was sent there and not handed back, for a mailbox that measures.
void note_enqueued(Cell& cell) noexcept;

}  // namespace coppice::detail
