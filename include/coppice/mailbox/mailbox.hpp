#pragma once

#include <cstdint>

#include "coppice/base/atomic.hpp"
#include "coppice/base/config.hpp"
#include "coppice/base/pause.hpp"
#include "coppice/message/envelope.hpp"

// [path 2 of 7] push: from ActorRef::send, on the sender's thread; to submit, when it answers Activate

namespace coppice::detail {

/// Something the runtime tells an actor, past its messages: stop, watch, a child's exit …
/// [M4] Signals have a lane of their own, without a bound; they are taken before the next message.
struct Signal {
  Signal* next_signal = nullptr;
};

/// What a push came to. Must be looked at: whoever is told Activate owns the activation.
enum class [[nodiscard]] Pushed : unsigned char {
  Queued,    // somebody else runs the owner, or will
  Activate,  // this push woke the mailbox: the caller, and nobody else, submits the owner
  Refused,   // closed: the caller keeps what it wanted to push
};

/// What came of the owner's wish to rest. Must be looked at.
enum class [[nodiscard]] Rest : unsigned char {
  Idle,      // the owner must not touch the mailbox (nor the cell) again
  Signals,   // signals arrived: take them
  Messages,  // messages arrived: go on
  InFlight,  // a sender stands between its exchange and its link: come back in a moment
};

/// What senders write for each message. A host keeps it a cache line away from the lane and the outlet: where they
/// shared a line, each push and each take would fetch it from the other's processor.
struct MailboxInlet {
  Atomic<std::uintptr_t> head{0};  // the link pushed last | marks
};

/// The signals that wait. Seldom written, but the owner looks before each message.
struct MailboxLane {
  Atomic<Signal*> signals{nullptr};  // newest first; a marker when nobody will look again; tagged: a light one, alone
};

/// What the owner writes for each message. A host puts it where a multiple of 16 bytes is, for the word's marks.
struct MailboxOutlet {
  Link stub;                    // stands in for "the link taken last" while idle, so that an idle actor keeps no block
  Atomic<Link*> tail{nullptr};  // the link taken last; written by the owner only
};

/// Many senders, one owner: the thread that currently runs the actor's activation.
///
/// Threads    push(), push_signal(): any thread. Everything else: the owner.
/// Ownership  push() takes the link unless it answers Refused. The link taken last stays with the mailbox until the
///            next one is taken, or until the owner rests; what it carries may be destroyed before.
/// Order      First in, first out for each sender; unspecified between senders. Signals: the same, in a lane of their
///            own.
/// Failure    Nothing throws, allocates or blocks.
///
/// One word decides: the link pushed last, with four marks.
///
///     Busy --rest--> Idle --push, push_signal--> Busy
///     Busy --rest(held)--> Held --push--> Held     Held --push_signal--> Busy (the hold is then the owner's to end)
///     Busy --close--> Closed (pushes are refused, signals still taken) --end--> Ended (signals are refused too)
///
/// [M1] Between leaving Idle and returning to it, exactly one push answers Activate. Hence one activation per actor,
///      hence handlers need no locks. Cell rests on this.
/// [M2] An owner cannot rest over a waiting message (unless held) nor over a waiting signal.
/// [M3] Closing is one step on the word that pushes change: after it no push is accepted, before it none is lost.
class MailboxRef {
 public:
  MailboxRef(MailboxInlet& inlet, MailboxLane& lane, MailboxOutlet& outlet) noexcept
      : in_{inlet}, lane_{lane}, out_{outlet} {}

  /// Once, before anything else. Busy: whoever makes it submits the owner.
  void open(bool busy) noexcept {
    COPPICE_ASSERT((to_word(&out_.stub) & kMarks) == 0, "a mailbox stands where its marks do not fit");
    in_.head.store(to_word(&out_.stub) | (busy ? 0 : kIdle), kRelaxed);
    out_.tail.store(&out_.stub, kRelaxed);
  }

  /// Any thread.
  Pushed push(Link& link) noexcept {
    link.next.store(nullptr, kRelaxed);  // published by the store to next below
    std::uintptr_t seen = in_.head.load(kRelaxed);
    for (;;) {
      if ((seen & kClosed) != 0) [[unlikely]] {
        return Pushed::Refused;
      }
      // Keep SIGNALS and HELD; IDLE goes, unless the mailbox is held: then nobody may run its messages.
      const std::uintptr_t keep = (seen & kHeld) != 0 ? seen & (kSignals | kHeld | kIdle) : seen & kSignals;
      // acq_rel: the release half hands over what this sender did, the acquire half takes the state of an owner that
      // rested (partner: the exchange in try_rest). Nothing behind `seen` is read before this succeeds, so a reused
      // address is harmless.
      if (in_.head.compare_exchange_weak(seen, to_word(&link) | keep, kAcqRel, kRelaxed)) break;
      back_off();
      seen = in_.head.load(kRelaxed);
    }
    // release: partner of the acquire in next(). The link before ours cannot be freed before it has a successor.
    to_link(seen)->next.store(&link, kRelease);
    return (seen & (kIdle | kHeld)) == kIdle ? Pushed::Activate : Pushed::Queued;
  }

  /// Puts a link behind all others, whether the mailbox is closed or not: who pushes is its owner, and will come to it.
  /// Owner.
  void push_own(Link& link) noexcept;

  /// Puts a chain of links in front of all that wait, whether the mailbox is closed or not. False: a sender stands
  /// between its exchange and its link; once more in a moment. Owner.
  [[nodiscard]] bool prepend(Link& first, Link& last) noexcept;

  /// Any thread. Refused: the place has ended and nobody will look again. `light`: the owner may take it with
  /// take_light(), if it is alone.
  Pushed push_signal(Signal& signal, bool light = false) noexcept;

  /// The next message, or null. Taking it frees the one before. Owner.
  [[nodiscard]] Link* next() const noexcept {
    return out_.tail.load(kRelaxed)->next.load(kAcquire);  // partner: the release in push()
  }
  /// Makes `link` (what next() answered) the last one taken; answers the one before for the caller to free, or null.
  /// Owner.
  [[nodiscard]] Link* take(Link* link) noexcept {
    Link* const before = out_.tail.load(kRelaxed);
    out_.tail.store(link,
                    kRelease);  // release: a take-over of a stuck owner reads it (partner: depth(), Cell::take_over)
    return before == &out_.stub ? nullptr : before;
  }

  /// The link taken last, or null. Owner.
  [[nodiscard]] Link* last_taken() const noexcept {
    Link* const last = out_.tail.load(kAcquire);
    return last == &out_.stub ? nullptr : last;
  }

  /// Whether signals wait. Owner; cheap enough to ask before each message.
  [[nodiscard]] bool has_signals() const noexcept { return lane_.signals.load(kAcquire) != nullptr; }
  /// The one signal that waits, if it is a light one; else null. For an owner that is not sure whether somebody takes the
  /// place over: it looks at no signal, and where another waits as well, who takes over may have pushed it. Owner.
  [[nodiscard]] Signal* take_light() noexcept;
  /// All waiting signals, oldest first. Owner.
  [[nodiscard]] Signal* take_signals() noexcept;

  /// Lets the owner rest. After Idle the owner must not touch the mailbox again; `freed` then is the last link, for it
  /// to free. While held, messages may wait. Owner.
  Rest try_rest(bool held, Link*& freed) noexcept;

  /// try_rest() for the common case, in a few instructions: not held, no marks, something was taken and nothing has
  /// arrived since. False: nothing has changed, ask try_rest(). Owner.
  [[nodiscard]] bool rest_quickly(Link*& freed) noexcept {
    Link* const last = out_.tail.load(kRelaxed);
    if (last == &out_.stub) [[unlikely]] {
      return false;
    }
    out_.stub.next.store(nullptr, kRelaxed);
    out_.tail.store(&out_.stub, kRelease);
    std::uintptr_t unmarked = to_word(last);
    if (in_.head.compare_exchange_strong(unmarked, to_word(&out_.stub) | kIdle, kAcqRel, kRelaxed)) [[likely]] {
      freed = last;
      return true;
    }
    out_.tail.store(last, kRelease);
    return false;
  }

  /// Refuses every later push. What was accepted can still be taken; try_rest answers InFlight until all of it is
  /// linked. Owner.
  void close() noexcept {
    if ((in_.head.load(kRelaxed) & kClosed) == 0) in_.head.fetch_or(kClosed, kAcqRel);  // only an owner sets this mark
  }
  /// Accepts again. Owner.
  void reopen() noexcept { in_.head.fetch_and(~kClosed, kAcqRel); }
  /// Ends the hold that the last rest began. Owner.
  void release_hold() noexcept {
    if ((in_.head.load(kRelaxed) & kHeld) != 0) in_.head.fetch_and(~kHeld, kAcqRel);  // only an owner sets this mark
  }
  /// Closes the signals' lane as well, if it is empty; false when a signal came first. Owner, after close().
  [[nodiscard]] bool end() noexcept;
  /// Closes the signals' lane and takes what waits there, oldest first, in one step: at no moment does the lane look
  /// empty to an owner that is being replaced. After close().
  [[nodiscard]] Signal* end_now() noexcept;
  /// After close(), when is_drained(): gives up the last link, for the owner to free (or null). Owner.
  [[nodiscard]] Link* strip() noexcept;

  [[nodiscard]] bool is_closed() const noexcept { return (in_.head.load(kAcquire) & kClosed) != 0; }
  /// Messages that wait, at most `most` of them counted. Owner, or while it cannot take any.
  [[nodiscard]] std::uint64_t depth(std::uint64_t most = ~std::uint64_t{0}) const noexcept;
  /// The owner rests, and nothing waits. Any thread; over as soon as it is said.
  [[nodiscard]] bool is_idle() const noexcept {
    return (in_.head.load(kAcquire) & (kIdle | kHeld | kSignals)) == kIdle;
  }
  /// True when all that was accepted is linked and taken. Owner.
  [[nodiscard]] bool is_drained() const noexcept {
    return to_link(in_.head.load(kAcquire)) == out_.tail.load(kRelaxed);
  }

 private:
  static constexpr std::uintptr_t kIdle = 1;
  static constexpr std::uintptr_t kSignals = 2;
  static constexpr std::uintptr_t kHeld = 4;
  static constexpr std::uintptr_t kClosed = 8;
  static constexpr std::uintptr_t kMarks = 15;

  [[nodiscard]] bool drop_stray_mark() noexcept;
  [[nodiscard]] static std::uintptr_t to_word(const Link* link) noexcept {
    return reinterpret_cast<std::uintptr_t>(link);
  }
  [[nodiscard]] static Link* to_link(std::uintptr_t word) noexcept { return reinterpret_cast<Link*>(word & ~kMarks); }

  MailboxInlet& in_;
  MailboxLane& lane_;
  MailboxOutlet& out_;
};

/// A mailbox with its parts side by side, for hosts that do not mind.
class alignas(16) Mailbox : private MailboxInlet, private MailboxLane, private MailboxOutlet, public MailboxRef {
 public:
  Mailbox() noexcept : MailboxRef{inlet(), lane(), outlet()} { open(false); }
  /// Made busy: whoever made it submits the owner.
  struct Busy {};
  explicit Mailbox(Busy) noexcept : MailboxRef{inlet(), lane(), outlet()} { open(true); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

 private:
  [[nodiscard]] MailboxInlet& inlet() noexcept { return *this; }
  [[nodiscard]] MailboxLane& lane() noexcept { return *this; }
  [[nodiscard]] MailboxOutlet& outlet() noexcept { return *this; }
};

}  // namespace coppice::detail
