#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "back_pressure.hpp"
#include "base/mutex.hpp"
#include "coppice/actor/cell.hpp"
#include "coppice/actor/holding.hpp"
#include "coppice/actor/life_item.hpp"
#include "coppice/actor/signals.hpp"
#include "coppice/actor/watch.hpp"

namespace coppice::detail {

struct SilenceTimer;
/// A message has been handled.
void note_message(SilenceTimer& timer, TimePoint now) noexcept;
struct CoroutineAsk;

/// What an actor holds, newest first. Under CellExtras::outside.
struct HoldingList {
  void push(Holding& holding, HoldFor until) noexcept;  // adds a count
  /// True: it was in, and the list's count is the caller's.
  [[nodiscard]] bool remove(Holding& holding) noexcept;
  /// Takes out what is held until then (Place: all), oldest first; the counts are the caller's.
  [[nodiscard]] Holding* take(HoldFor until) noexcept;
  /// The one behind it, of what take() answered. Without the lock: nobody else sees them any more.
  [[nodiscard]] static Holding* after(Holding& taken) noexcept;
  /// Without the lock; right for what the owner itself has put in.
  [[nodiscard]] bool may_have_any() const noexcept { return newest.load(kRelaxed) != nullptr; }
  Atomic<Holding*> newest{nullptr};  // changed under the lock
};
/// Gives up what the actor holds until then.
void give_up_holdings(Cell& cell, HoldFor until) noexcept;

/// One end of a link between two actors. Either of them may have made it, or both at once: each side gives it a number
/// of its own, and a signal speaks of the numbers that its sender knew, so that one of an older link does nothing.
struct LinkEnd {
  IntrusivePtr<Cell> other;
  std::uint64_t mine = 0;    // 0: this side has not made it
  std::uint64_t theirs = 0;  // 0: the other side has not, as far as is known here
  bool spent = false;        // it has carried an exit that waits in the mailbox; it goes when that is handled
  /// Unique among all links there are.
  [[nodiscard]] std::uint64_t key() const noexcept { return mine != 0 ? mine : theirs; }
};

/// What only some places need; made when first needed, so that an idle actor without it stays small.
///
/// Threads    the owner's turn, or the killer that took the place over; successor, last_error: any; links, holdings: any,
///            under the lock; record: the manager's turn.
class CellExtras : public PoolAllocated {
 public:
  // What every start of a supervised life touches stands together: perhaps another core touched it last.
  std::string name;
  void* record = nullptr;               // the manager's: not the owner's turn but its
  LaneSignal* taken_signals = nullptr;  // taken from the lane, not handled yet: here, since a hook may not return
  IntrusivePtr<Ticket> start_ticket;
  Cell* newest_child = nullptr;  // counted each; linked through older_/newer_

  // The end that is under way.
  bool ending = false;
  bool was_killed = false;
  bool keep_place = false;    // a next life may come
  bool told_to_keep = false;  // a next life will come: the supervisor stops this one in order to start it again
  bool start_failed = false;
  bool start_ignored = false;
  bool is_in_cycle = false;   // has been told of; under the lock of suspension.cpp
  bool downs_due = false;     // the life has ended and its watchers wait for the supervisor's verdict
  bool closed_place = false;  // closed by the supervisor, spec kept
  OnError verdict = OnError::Supervise;

  // What a manager said while its code ran; see Cell::finish_start and finish_stop.
  enum class ManagerStart : unsigned char { Open, Ok, Failed };
  ManagerStart manager_start = ManagerStart::Open;
  bool manager_stopped = false;

  BriefLock outside;                 // guards links, holdings
  unsigned steps = 0;                // so many messages, then it is paused again; 0: until somebody says so
  SilenceTimer* silence = nullptr;   // one of the items: its receive timeout
  unsigned timers = 0;               // live ones among the items
  std::size_t stashed = 0;           // how many are in the stash
  Envelope* stash_oldest = nullptr;  // chained by Link::next; the turn's of who handles, never a killer's
  Envelope* stash_newest = nullptr;
  unsigned suspended = 0;              // handlers that wait for something; each has its message in hand
  DeadReason of_suspended{};           // of their messages: set before they are unwound, for a killer changes `reason`
  const TypeInfo* handling = nullptr;  // what was in hand when it crashed
  ExitReason reason;                   // of the end under way, then of the last life
  ExitReason manager_reason;
  Timer* child_timer = nullptr;
  LifeItem* items = nullptr;  // newest first
  CoroutineAsk* awaited =
      nullptr;                  // builds with assertions: what its handler waits for; under the lock of suspension.cpp
  HandlerRun* ready = nullptr;  // of the suspended handlers those that go on at the next occasion, in that order
  WatchNode* watchers = nullptr;  // newest first; counted each
  HoldingList holdings;
  const EnvelopeOps* exit_ops = nullptr;  // traps exits
  std::unique_ptr<MuteWaiter> mute_waiter;
  IntrusivePtr<Cell> muted_by;                   // whom it waits for; under the lock of back_pressure.cpp
  std::vector<IntrusivePtr<Cell>> full_besides;  // whom it has filled while it was muted by another
  Link* pinned = nullptr;                        // what a handler that was left behind has in hand
  Atomic<Cell*> successor{nullptr};              // counted
  std::string own_name;                          // a supervised place claims it whenever it opens
  std::vector<LinkEnd> links;
  std::vector<IntrusivePtr<PlaceItem>> place_items;
  std::vector<IntrusivePtr<Ticket>> end_tickets;

  mutable BriefLock error_lock;  // guards:
  ExitReason last_error;
};

}  // namespace coppice::detail
