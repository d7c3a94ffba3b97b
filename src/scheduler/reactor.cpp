#include "reactor.hpp"

#include <algorithm>
#include <chrono>

namespace coppice::detail {
namespace {

constexpr unsigned kGuestAlone = 8;  // polls in a row; each of the context is a call of the kernel, or two
constexpr Duration kLookAfterGuest = std::chrono::milliseconds{1};

}  // namespace

// A completion only puts a closure into an actor's mailbox. What a foreign completion handler throws, made without an
// actor's executor, has no actor that it could end: it is dropped here rather than ending a worker.

void Reactor::poll() noexcept {
  polls_.add();
  ReactorGuest* const guest = guest_.load(kAcquire);
  if (guest == nullptr || ++guest_alone_ == kGuestAlone) return poll_all();
  guest->poll();
}

void Reactor::poll_all() noexcept {
  guest_alone_ = 0;
  if (ReactorGuest* const guest = guest_.load(kAcquire)) guest->poll();
  try {
    io_.poll();
  } catch (...) {
  }
}

void Reactor::wait(TimePoint deadline) noexcept {
  ReactorGuest* const guest = guest_.load(kAcquire);
  if (guest != nullptr && !guest->wake_through_context())
    deadline = std::min(deadline, saturating_add(SteadyClock{}.now(), kLookAfterGuest));
  try {
    if (deadline == TimePoint::max()) {
      io_.run_one();
    } else {
      io_.run_one_until(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(deadline));
    }
  } catch (...) {
  }
}

}  // namespace coppice::detail
