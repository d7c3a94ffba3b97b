#include "coppice/mailbox/mailbox.hpp"

namespace coppice::detail {
namespace {

Signal ended_marker;

Signal* oldest_first(Signal* newest) noexcept {
  Signal* oldest = nullptr;
  while (newest != nullptr) {
    Signal* const next = newest->next_signal;
    newest->next_signal = oldest;
    oldest = newest;
    newest = next;
  }
  return oldest;
}

}  // namespace

Pushed Mailbox::push_signal(Signal& signal) noexcept {
  Signal* top = signals_.load(kRelaxed);
  do {
    if (top == &ended_marker) return Pushed::Refused;
    signal.next_signal = top;
    // release: partner of the acquire in take_signals(). Nothing behind `top` is read, so a reused address is harmless.
  } while (!signals_.compare_exchange_weak(top, &signal, kRelease, kRelaxed));
  // From here `signal` may be gone: the owner can have taken it. Mark the word, so that the owner cannot rest over it.
  std::uintptr_t seen = head_.load(kRelaxed);
  // acq_rel: as in push(). A held mailbox wakes for signals; its hold stays until the owner ends it.
  while (!head_.compare_exchange_weak(seen, (seen | kSignals) & ~kIdle, kAcqRel, kRelaxed)) {
  }
  return (seen & kIdle) != 0 ? Pushed::Activate : Pushed::Queued;
}

Signal* Mailbox::take_signals() noexcept {
  // The mark first, the lane second: a signal that arrives between leaves a mark too many, never one too few.
  head_.fetch_and(~kSignals, kAcqRel);
  return oldest_first(signals_.exchange(nullptr, kAcquire));  // partner: the release in push_signal()
}

Rest Mailbox::try_rest(bool held, Link*& freed) noexcept {
  freed = nullptr;
  std::uintptr_t seen = head_.load(kRelaxed);
  Link* const last = tail_.load(kRelaxed);
  for (;;) {
    if ((seen & kSignals) != 0) return Rest::Signals;
    std::uintptr_t resting = 0;
    if (held) {
      resting = seen | kIdle | kHeld;
    } else {
      if (to_link(seen) != last) return last->next.load(kAcquire) != nullptr ? Rest::Messages : Rest::InFlight;
      // Everything is taken: the stub becomes the last link, and the block of the old one is nobody's. No sender can hold it:
      // one that read it as the head fails its exchange, one that exchanged it away would have changed the head.
      // (When the stub is the last link already, a sender may be linking to it this moment: hands off.)
      if (last != &stub_) {
        stub_.next.store(nullptr, kRelaxed);
        tail_.store(&stub_, kRelease);  // before the exchange: after it another thread may be the owner
      }
      resting = to_word(&stub_) | (seen & kClosed) | kIdle;
    }
    // release: partner of the acquire in push() and push_signal(), whose caller becomes or wakes the next owner.
    if (head_.compare_exchange_weak(seen, resting, kAcqRel, kRelaxed)) {
      if (!held && last != &stub_) freed = last;
      return Rest::Idle;
    }
    tail_.store(last, kRelease);
  }
}

bool Mailbox::end() noexcept {
  Signal* none = nullptr;
  return signals_.compare_exchange_strong(none, &ended_marker, kAcqRel, kRelaxed);
}

Signal* Mailbox::end_now() noexcept { return oldest_first(signals_.exchange(&ended_marker, kAcqRel)); }

Link* Mailbox::strip() noexcept {
  Link* const last = tail_.load(kRelaxed);
  if (last == &stub_) return nullptr;
  stub_.next.store(nullptr, kRelaxed);
  tail_.store(&stub_, kRelease);
  std::uintptr_t seen = head_.load(kRelaxed);
  // Only marks can change under us: the mailbox is closed and all that was accepted is taken.
  while (!head_.compare_exchange_weak(seen, to_word(&stub_) | (seen & kMarks), kAcqRel, kRelaxed)) {
  }
  return last;
}

std::uint64_t Mailbox::depth() const noexcept {
  std::uint64_t count = 0;
  for (const Link* link = next(); link != nullptr; link = link->next.load(kAcquire)) ++count;
  return count;
}

}  // namespace coppice::detail
