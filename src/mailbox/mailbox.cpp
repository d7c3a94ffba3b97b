#include "coppice/mailbox/mailbox.hpp"

namespace coppice::detail {
namespace {

Signal ended_marker;

constexpr std::uintptr_t kLight = 1;
Signal* with_tag(Signal& signal) noexcept {
  return reinterpret_cast<Signal*>(reinterpret_cast<std::uintptr_t>(&signal) | kLight);
}
bool is_tagged(const Signal* signal) noexcept { return (reinterpret_cast<std::uintptr_t>(signal) & kLight) != 0; }
Signal* without_tag(Signal* signal) noexcept {
  return reinterpret_cast<Signal*>(reinterpret_cast<std::uintptr_t>(signal) & ~kLight);
}

Signal* oldest_first(Signal* top) noexcept {
  Signal* newest = without_tag(top);
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

void MailboxRef::push_own(Link& link) noexcept {
  link.next.store(nullptr, kRelaxed);
  std::uintptr_t seen = in_.head.load(kRelaxed);
  // As push(). The owner runs: there is no IDLE to be removed but that of a hold, which stays the owner's.
  while (!in_.head.compare_exchange_weak(seen, to_word(&link) | (seen & kMarks), kAcqRel, kRelaxed)) {
  }
  to_link(seen)->next.store(&link, kRelease);
}

bool MailboxRef::prepend(Link& first, Link& last) noexcept {
  Link* const taken = out_.tail.load(kRelaxed);
  Link* const waiting = taken->next.load(kAcquire);
  if (waiting != nullptr) {  // senders are further back: this link is the owner's alone
    last.next.store(waiting, kRelaxed);
    taken->next.store(&first, kRelease);  // whoever measures the depth walks here
    return true;
  }
  std::uintptr_t seen = in_.head.load(kRelaxed);
  last.next.store(nullptr, kRelaxed);
  do {
    if (to_link(seen) != taken) return false;  // somebody is about to link to it
    // As push(), for a chain whose links are the owner's until the exchange.
  } while (!in_.head.compare_exchange_weak(seen, to_word(&last) | (seen & kMarks), kAcqRel, kRelaxed));
  taken->next.store(&first, kRelease);
  return true;
}

Pushed MailboxRef::push_signal(Signal& signal, bool light) noexcept {
  Signal* top = lane_.signals.load(kRelaxed);
  do {
    if (top == &ended_marker) return Pushed::Refused;
    signal.next_signal = without_tag(top);
    // release: partner of the acquire in take_signals(). Nothing behind `top` is read, so a reused address is harmless.
  } while (!lane_.signals.compare_exchange_weak(top, light && top == nullptr ? with_tag(signal) : &signal, kRelease,
                                                kRelaxed));
  // From here `signal` may be gone: the owner can have taken it. Mark the word, so that the owner cannot rest over it.
  std::uintptr_t seen = in_.head.load(kRelaxed);
  // acq_rel: as in push(). A held mailbox wakes for signals; its hold stays until the owner ends it.
  while (!in_.head.compare_exchange_weak(seen, (seen | kSignals) & ~kIdle, kAcqRel, kRelaxed)) {
  }
  return (seen & kIdle) != 0 ? Pushed::Activate : Pushed::Queued;
}

Signal* MailboxRef::take_light() noexcept {
  Signal* top = lane_.signals.load(kRelaxed);
  if (!is_tagged(top)) return nullptr;
  // acquire: partner of the release in push_signal(). Its mark is one too many now, and goes at the next rest.
  return lane_.signals.compare_exchange_strong(top, nullptr, kAcquire, kRelaxed) ? without_tag(top) : nullptr;
}

Signal* MailboxRef::take_signals() noexcept {
  if (!has_signals()) return nullptr;  // a mark that is too many goes when the owner wants to rest
  // The mark first, the lane second: a signal that arrives between leaves a mark too many, never one too few.
  in_.head.fetch_and(~kSignals, kAcqRel);
  return oldest_first(lane_.signals.exchange(nullptr, kAcquire));  // partner: the release in push_signal()
}

/// A signal may have been taken between its two steps: then its mark came after it, and must go or the owner would
/// never rest. False: the mark stays, a signal waits.
bool MailboxRef::drop_stray_mark() noexcept {
  if (has_signals()) return false;
  // The mark first, the lane second, as in take_signals(): whose mark goes here has its signal in the lane for us to
  // see.
  in_.head.fetch_and(~kSignals, kAcqRel);
  if (!has_signals()) return true;
  in_.head.fetch_or(kSignals, kAcqRel);
  return false;
}

Rest MailboxRef::try_rest(bool held, Link*& freed) noexcept {
  freed = nullptr;
  std::uintptr_t seen = in_.head.load(kRelaxed);
  Link* const last = out_.tail.load(kRelaxed);
  for (;;) {
    if ((seen & kSignals) != 0) {
      if (!drop_stray_mark()) return Rest::Signals;
      seen = in_.head.load(kRelaxed);
      continue;
    }
    std::uintptr_t resting = 0;
    if (held) {
      resting = seen | kIdle | kHeld;
    } else {
      if (to_link(seen) != last) return last->next.load(kAcquire) != nullptr ? Rest::Messages : Rest::InFlight;
      // Everything is taken: the stub becomes the last link, and the block of the old one is nobody's. No sender can
      // hold it: one that read it as the head fails its exchange, one that exchanged it away would have changed the
      // head. (When the stub is the last link already, a sender may be linking to it this moment: hands off.)
      if (last != &out_.stub) {
        out_.stub.next.store(nullptr, kRelaxed);
        out_.tail.store(&out_.stub, kRelease);  // before the exchange: after it another thread may be the owner
      }
      resting = to_word(&out_.stub) | (seen & kClosed) | kIdle;
    }
    // release: partner of the acquire in push() and push_signal(), whose caller becomes or wakes the next owner.
    if (in_.head.compare_exchange_weak(seen, resting, kAcqRel, kRelaxed)) {
      if (!held && last != &out_.stub) freed = last;
      return Rest::Idle;
    }
    out_.tail.store(last, kRelease);
  }
}

bool MailboxRef::end() noexcept {
  Signal* none = nullptr;
  return lane_.signals.compare_exchange_strong(none, &ended_marker, kAcqRel, kRelaxed);
}

Signal* MailboxRef::end_now() noexcept { return oldest_first(lane_.signals.exchange(&ended_marker, kAcqRel)); }

Link* MailboxRef::strip() noexcept {
  Link* const last = out_.tail.load(kRelaxed);
  if (last == &out_.stub) return nullptr;
  out_.stub.next.store(nullptr, kRelaxed);
  out_.tail.store(&out_.stub, kRelease);
  std::uintptr_t seen = in_.head.load(kRelaxed);
  // Only marks can change under us: the mailbox is closed and all that was accepted is taken.
  while (!in_.head.compare_exchange_weak(seen, to_word(&out_.stub) | (seen & kMarks), kAcqRel, kRelaxed)) {
  }
  return last;
}

std::uint64_t MailboxRef::depth(std::uint64_t most) const noexcept {
  std::uint64_t count = 0;
  for (const Link* link = next(); link != nullptr && count < most; link = link->next.load(kAcquire)) ++count;
  return count;
}

}  // namespace coppice::detail
