#pragma once

#include <cstdint>

#include "base/mutex.hpp"
#include "coppice/base/atomic.hpp"
#include "coppice/mailbox/bound.hpp"

namespace coppice::detail {

/// An actor that waits for room in somebody's mailbox: it is muted, or a handler of it is suspended.
struct RoomWaiter {
  explicit RoomWaiter(void (*let)(RoomWaiter&) noexcept) noexcept : let_go{let} {}
  void (*let_go)(RoomWaiter& waiter) noexcept;  // there may be room, or the mailbox is closed; any thread
  RoomWaiter* newer = nullptr;                  // in a room's list, under its lock, as the rest
  RoomWaiter* older = nullptr;
  Room* room = nullptr;
};

/// Those who wait until a mailbox that blocks has room.
///
/// Threads    any. let_go() runs on the thread that opens, under no lock.
/// Ownership  a waiter stays its maker's; it is in the list from join() until leave() answers true or let_go() is called.
/// [R1] After join() or thread_joins() an owner that lets a message leave and then fences lightly sees that somebody waits;
///      or what has left is seen by who has joined. Of actors only the first in an empty list fences heavily for that: while
///      the list holds anybody, the owner goes on to see it, and who joins sees what the first one saw.
class Room {
 public:
  ~Room() = default;
  /// Whether anybody waits. One that is about to may be missed: see [R1].
  [[nodiscard]] bool has_waiters() const noexcept { return waiting_.load(kRelaxed) != 0; }

  /// A thread says that it waits; it then tries once more, and only then sleeps on round() while that is as it was.
  void thread_joins() noexcept;
  void thread_leaves() noexcept {
    waiting_.fetch_sub(1, kRelaxed);
    threads_.fetch_sub(1, kRelaxed);
  }
  [[nodiscard]] Atomic<std::uint32_t>& round() noexcept { return round_; }

  /// The same for an actor; it then looks once more whether there is room.
  void join(RoomWaiter& waiter) noexcept;
  /// False: it has been let go, or is being let go this moment.
  bool leave(RoomWaiter& waiter) noexcept;

  /// Lets go whom it is told. True: threads sleep on round(), for the caller to wake.
  [[nodiscard]] bool admit(Admit whom) noexcept;

 private:
  void remove(RoomWaiter& waiter) noexcept;  // under the lock

  Atomic<std::uint32_t> waiting_{0};
  Atomic<std::uint32_t> threads_{0};  // of them
  Atomic<std::uint32_t> round_{0};
  BriefLock lock_;
  RoomWaiter* newest_ = nullptr;
  RoomWaiter* oldest_ = nullptr;
  bool is_seen_ = false;       // somebody has fenced who is in the list, or was while it was not empty
  std::uint32_t emptied_ = 0;  // how often the list has become empty
};

}  // namespace coppice::detail
