#pragma once

#include <cstdint>
#include <utility>

#include "coppice/actor/cell.hpp"
#include "coppice/actor/watch.hpp"

namespace coppice::detail {

/// Somebody outside waits for a start or an end. Also the timer that kills an actor which does not end in time.
///
/// Threads    complete(): whoever ends it, once; the rest: the waiter.
struct Ticket : Timer {
  enum : std::uint32_t { kOpen = 0, kDone = 1 };
  explicit Ticket(Runtime& r) noexcept
      : Timer{&Ticket::fire_late, [](Timer& t) noexcept { delete static_cast<Ticket*>(&t); }},
        runtime{IntrusivePtr<Runtime>::share(&r)} {}
  /// The first completion counts; later ones are ignored.
  void complete(bool success, const ExitReason& why) noexcept;
  /// Kills `late`, which was set before the ticket was handed on, at the deadline, unless completed before. Once, after
  /// that: a kill may not come before the stop that it belongs to.
  void kill_at(TimePoint when) noexcept;

  Atomic<std::uint32_t> claimed{0};
  Atomic<std::uint32_t> progress{kOpen};
  bool ok = false;
  ExitReason reason;
  IntrusivePtr<Runtime> runtime;
  IntrusivePtr<Cell> late;  // whom to kill

 private:
  static void fire_late(Timer& timer) noexcept;
};

/// Something made from outside that belongs to a place and ends with it: the ask for what a task comes to.
///
/// Threads    place_ended(): the place's turn; it must not wait.
struct PlaceItem : Counted {
  virtual void place_ended() noexcept = 0;
};
/// Any thread. A place that has ended answers at once.
void attach(Cell& cell, IntrusivePtr<PlaceItem> item);

/// Whoever wants to know how many messages wait in mailboxes, numbered by itself.
///
/// Threads    both: any, several at a time.
struct DepthSink : Counted {
  virtual void depth_is(std::uint32_t which, std::uint64_t depth) noexcept = 0;
  [[nodiscard]] virtual bool wants(std::uint32_t which) const noexcept = 0;
};
/// More than that many messages are not counted.
inline constexpr std::uint64_t kDepthMost = 10'000;
/// Asks a place for the depth of its mailbox, which it answers when it comes by. One that is in the middle of a handler
/// is answered for at once. Any thread.
void ask_depth(Cell& cell, const IntrusivePtr<DepthSink>& sink, std::uint32_t which);
/// Looks again whether one that was asked, and has not answered, stands in a handler. Any thread.
void look_for_depth(Cell& cell, DepthSink& sink, std::uint32_t which) noexcept;

/// Whether what waits in the mailbox of an actor that is told to stop is still handled.
enum class StopMode : unsigned char {
  Discard,  // dead letters
  Drain,    // handled first
};

struct CellLife;
struct HandlerRun;

/// What travels in an actor's system lane.
struct LaneSignal : Signal {
  enum class Kind : unsigned char {
    Stop,        // end the life; keep_place: the supervisor will start another
    Kill,        // end it without on_stop; a reason other than normal is the end's, else it is killed
    Restart,     // the supervisor: start the next life (opens a closed place again)
    Retain,      // the supervisor: a next life will come; tell the watchers now
    Close,       // the supervisor: no next life; the place is closed, its spec kept
    Bury,        // the supervisor has forgotten the place
    ChildEvent,  // a child to its parent
    ChildLate,   // the time that a child had to stop is over
    Watch,
    Unwatch,
    Link,
    Unlink,
    LinkExit,
    Exit,     // an exit signal without a link
    Attach,   // something from outside that ends with the place
    Poke,     // a manager's own: run child_event with nothing (timers of a supervisor)
    Measure,  // how many messages wait?
    Yield,    // let others go first
    Pause,
    Resume,  // incarnation: so many messages, then it is paused again; 0: for good
    Unmute,  // there is room again where it waited for some
    Wakeup,  // a Wakeup; all others are CellSignals
  };
  explicit LaneSignal(Kind k) noexcept : kind{k} {}
  Kind kind;
};

/// What a suspended handler waits for has come. Part of what it waits for, which keeps a count of itself for the time
/// that it is under way. Light, for there may be one for each message.
///
/// Threads    pushing: any, once at a time. The rest: the turn of the handler's actor.
struct Wakeup : LaneSignal {
  Wakeup(void (*let)(Wakeup&) noexcept, bool light) noexcept : LaneSignal{Kind::Wakeup}, is_light{light}, let_go{let} {}
  const bool is_light;                      // is_enough touches nothing of the cell
  void (*let_go)(Wakeup& wakeup) noexcept;  // drops that count; any thread
  // Null: the handler goes on. Else: whether it does. Called even when nobody waits any more.
  bool (*is_enough)(Wakeup& wakeup, CellLife& life) noexcept = nullptr;
  HandlerRun* run = nullptr;  // who waits for it; null: nobody any more
};

/// What else an actor is told past its messages. One fat struct: signals are rare, and one kind of block serves them
/// all.
struct CellSignal : LaneSignal, PoolAllocated {
  explicit CellSignal(Kind k) noexcept : LaneSignal{k} {}
  StopMode mode = StopMode::Discard;
  bool keep_place = false;    // the mailbox stays open: a next life may come
  bool told_to_keep = false;  // by the supervisor: a next life will come
  bool by_itself = false;     // a life's own wish to end, or its crash: nothing to the place's next one
  ChildEvent::Kind child_kind = ChildEvent::Kind::Exited;
  OnError verdict = OnError::Supervise;
  bool left_behind = false;  // as ChildEvent's, and so is handling
  std::uint32_t incarnation = 0;
  union {
    const TypeInfo* handling = nullptr;  // of Stop and ChildEvent, as ChildEvent's
    std::uint64_t link_mine;             // of a link's signals: its numbers, as the sender knew them; see LinkEnd
  };
  std::uint64_t link_theirs = 0;
  ExitReason reason;
  IntrusivePtr<Cell> other;
  IntrusivePtr<WatchNode> watch;
  IntrusivePtr<Ticket> ticket;
  IntrusivePtr<PlaceItem> item;
  IntrusivePtr<DepthSink> sink;
};

/// A place that has been admitted and is on its way: until it lives, whatever fails or throws leaves nothing of it.
struct Unborn {
  explicit Unborn(Runtime& r) noexcept : runtime{&r} {}
  Unborn(const Unborn&) = delete;
  Unborn& operator=(const Unborn&) = delete;
  ~Unborn() {
    if (runtime == nullptr) return;
    if (cell) cell->never_starts();  // by its name others may have found it already
    runtime->unadmit();
  }
  [[nodiscard]] IntrusivePtr<Cell> lives() noexcept {
    runtime = nullptr;
    return std::move(cell);
  }
  Runtime* runtime;
  IntrusivePtr<Cell> cell;
};

[[nodiscard]] inline CellSignal* make_signal(CellSignal::Kind kind) { return new CellSignal{kind}; }

/// Kills a cell: asks it to end without on_stop, and if its handler stands in the way takes the place from it. True:
/// taken over, the parent's ChildEvent is on its way. False: it will end by itself, or try again in a millisecond.
/// Called by the parent, or the system. `why`: what its end says; an error's text goes on with what it was handling.
/// `ticket`: completed when the life that is meant has ended.
[[nodiscard]] bool try_kill(Cell& cell, const ExitReason& why = ExitReason::killed(),
                            IntrusivePtr<Ticket> ticket = {}) noexcept;

}  // namespace coppice::detail
