#pragma once

#include <string>
#include <vector>

#include "coppice/actor/cell.hpp"
#include "coppice/actor/life_item.hpp"
#include "coppice/actor/signals.hpp"
#include "coppice/actor/watch.hpp"

namespace coppice::detail {

/// What only some places need; made when first needed, so that an idle actor without it stays small.
///
/// Threads    the owner's turn, or the killer that took the place over; successor: any.
class CellExtras : public PoolAllocated {
 public:
  std::string name;
  bool registered = false;

  Cell* newest_child = nullptr;   // counted each; linked through older_/newer_
  LifeItem* items = nullptr;      // newest first
  WatchNode* watchers = nullptr;  // newest first; counted each
  unsigned timers = 0;            // live ones among the items
  std::vector<IntrusivePtr<Cell>> links;
  std::vector<IntrusivePtr<PlaceItem>> place_items;
  std::vector<IntrusivePtr<Ticket>> end_tickets;
  IntrusivePtr<Ticket> start_ticket;
  const EnvelopeOps* exit_ops = nullptr;  // traps exits

  // What a manager said while its code ran; see Cell::finish_start and finish_stop.
  enum class ManagerStart : unsigned char { Open, Ok, Failed };
  ManagerStart manager_start = ManagerStart::Open;
  bool manager_stopped = false;
  ExitReason manager_reason;

  // The end that is under way.
  bool ending = false;
  bool was_killed = false;
  bool keep_place = false;    // a next life may come
  bool told_to_keep = false;  // a next life will come: the supervisor stops this one in order to start it again
  bool start_failed = false;
  bool start_ignored = false;
  bool downs_due = false;     // the life has ended and its watchers wait for the supervisor's verdict
  bool closed_place = false;  // closed by the supervisor, spec kept
  OnError verdict = OnError::Supervise;
  ExitReason reason;  // of the end under way, then of the last life
  Timer* child_timer = nullptr;
  CellSignal* taken_signals = nullptr;  // taken from the lane, not handled yet: here, since a hook may not return
  Link* pinned = nullptr;               // what a handler that was left behind has in hand

  Atomic<Cell*> successor{nullptr};  // counted
  void* record = nullptr;            // the manager's: not the owner's turn but its
};

}  // namespace coppice::detail
