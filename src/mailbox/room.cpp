#include "room.hpp"

#include <mutex>

#include "base/platform.hpp"

namespace coppice::detail {

void Room::thread_joins() noexcept {
  threads_.fetch_add(1, kRelaxed);
  waiting_.fetch_add(1, kSeqCst);
  heavy_fence();  // [R1]
}

void Room::join(RoomWaiter& waiter) noexcept {
  std::uint32_t emptied = 0;
  {
    const std::lock_guard lock{lock_};
    waiter.room = this;
    waiter.newer = nullptr;
    waiter.older = newest_;
    if (newest_ != nullptr) newest_->newer = &waiter;
    newest_ = &waiter;
    if (oldest_ == nullptr) oldest_ = &waiter;
    waiting_.fetch_add(1, kSeqCst);
    if (is_seen_) return;
    emptied = emptied_;
  }
  heavy_fence();  // [R1], not under the lock: it takes microseconds
  const std::lock_guard lock{lock_};
  if (emptied_ == emptied) is_seen_ = true;
}

void Room::remove(RoomWaiter& waiter) noexcept {
  (waiter.older != nullptr ? waiter.older->newer : oldest_) = waiter.newer;
  (waiter.newer != nullptr ? waiter.newer->older : newest_) = waiter.older;
  waiter.room = nullptr;
  waiting_.fetch_sub(1, kRelaxed);
  if (newest_ != nullptr) return;
  is_seen_ = false;  // who joins next fences
  ++emptied_;
}

bool Room::leave(RoomWaiter& waiter) noexcept {
  const std::lock_guard lock{lock_};
  if (waiter.room != this) return false;
  remove(waiter);
  return true;
}

bool Room::admit(Admit whom) noexcept {
  if (whom == Admit::Nobody) return false;
  RoomWaiter* first = nullptr;
  {
    const std::lock_guard lock{lock_};
    first = oldest_;
    while (oldest_ != nullptr) {
      RoomWaiter& waiter = *oldest_;
      remove(waiter);
      if (whom < Admit::Everybody) {
        waiter.newer = nullptr;
        break;
      }
    }
    if (whom >= Admit::OneActorAndThreads) round_.fetch_add(1, kRelease);
  }
  while (first != nullptr) {
    RoomWaiter* const next = first->newer;  // before: it may be gone, or in another list, after
    first->let_go(*first);
    first = next;
  }
  return whom >= Admit::OneActorAndThreads && threads_.load(kRelaxed) != 0;
}

}  // namespace coppice::detail
