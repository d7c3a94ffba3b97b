#include "room.hpp"

#include <mutex>
#include <utility>

namespace coppice::detail {

void Room::join(RoomWaiter& waiter) noexcept {
  const std::lock_guard lock{lock_};
  waiter.room = this;
  waiter.newer = nullptr;
  waiter.older = newest_;
  if (newest_ != nullptr) newest_->newer = &waiter;
  newest_ = &waiter;
  waiting_.fetch_add(1, kSeqCst);
}

bool Room::leave(RoomWaiter& waiter) noexcept {
  const std::lock_guard lock{lock_};
  if (waiter.room != this) return false;
  if (waiter.older != nullptr) waiter.older->newer = waiter.newer;
  if (waiter.newer != nullptr) waiter.newer->older = waiter.older;
  if (newest_ == &waiter) newest_ = waiter.older;
  waiter.room = nullptr;
  waiting_.fetch_sub(1, kRelaxed);
  return true;
}

bool Room::open() noexcept {
  RoomWaiter* oldest = nullptr;
  {
    const std::lock_guard lock{lock_};
    std::uint32_t count = 0;
    for (RoomWaiter* each = std::exchange(newest_, nullptr); each != nullptr; ++count) {
      RoomWaiter* const older = each->older;
      each->room = nullptr;
      each->older = oldest;  // oldest first from here on, by `older`
      oldest = each;
      each = older;
    }
    waiting_.fetch_sub(count, kRelaxed);
    round_.fetch_add(1, kRelease);
  }
  while (oldest != nullptr) {
    RoomWaiter* const next = oldest->older;  // before: it may be gone, or in another list, after
    oldest->let_go(*oldest);
    oldest = next;
  }
  return threads_.load(kRelaxed) != 0;
}

}  // namespace coppice::detail
