#pragma once

#include <cstdint>
#include <exception>
#include <string>

#include "coppice/actor/ask.hpp"
#include "coppice/actor/cell.hpp"
#include "coppice/actor/life_item.hpp"
#include "coppice/actor/signals.hpp"

namespace coppice::detail {

// Handlers that are coroutines, as the core sees them: without <coroutine>, which only coppice/coroutine.hpp costs.

/// One coroutine of a handler's call; part of its promise.
struct TaskFrame {
  void* frame = nullptr;          // the coroutine's
  HandlerRun* run = nullptr;      // the call that it is part of
  TaskFrame* parent = nullptr;    // who awaits it; null: it is the handler itself
  TaskFrame** held_by = nullptr;  // the owner's pointer to it, which goes to null with it
  void* result = nullptr;         // what it returned (for void: anything); null: it has not
  std::exception_ptr error;       // what it threw
};

/// One call of a handler that is a coroutine. While it is suspended it stands for its message: it carries what came with
/// it, and is the message in hand when the handler goes on.
///
/// Threads    the actor's turn.
/// Ownership  its own: it goes when the handler has run to its end, has thrown, or is unwound with its life.
/// Failure    what the handler throws after a suspension is the actor's crash, as before one.
///
/// [H2] Its message is counted once: handled when the handler has run to its end, else dead: in hand when the handler or
///      its life crashed, stopped when the life ended otherwise.
/// [H3] A life's end unwinds its frames, the innermost first, before the state is destroyed.
struct HandlerRun final : Envelope, LifeItem, PoolAllocated {
  HandlerRun(Cell& c, const EnvelopeOps& suspended, TaskFrame& handler, bool reentrant) noexcept;
  ~HandlerRun();
  HandlerRun(const HandlerRun&) = delete;
  HandlerRun& operator=(const HandlerRun&) = delete;

  /// Keeps what came with the message. `question`: the message, if it was asked.
  void keep(const Envelope& envelope, Question* question) noexcept;
  /// Runs it until it waits for something (false) or is over. Throws what the handler throws.
  [[nodiscard]] bool go_on();
  void unwind();

  static void abandon_run(Envelope& envelope, DeadReason reason) noexcept;
  static void describe_run(const Envelope& envelope, Particulars& to) noexcept;
  static void destroy_run(Envelope& envelope);
  static void withdraw_run(LifeItem& item) noexcept;

  Cell* cell;  // whose life keeps it
  TaskFrame* root;
  TaskFrame* leaf;  // who runs, or would go on
  HandlerRun* next_ready = nullptr;
  bool is_reentrant;
  bool is_ready = false;  // in CellExtras::ready
  bool moves_on = false;  // from one of its coroutines to another
  bool is_over = false;
  Particulars came;  // counts sender and reply_to (of an ask: `ask` does), and the ask
};

/// What a suspended handler has in hand: one object a message type.
template <class M>
inline constexpr EnvelopeOps kSuspendedOps{nullptr,       &HandlerRun::abandon_run,  &HandlerRun::destroy_run,
                                           &kTypeInfo<M>, &HandlerRun::describe_run, sizeof(HandlerRun),
                                           false};

/// Starts a handler; `root` has not run yet, and is the callee's when this returns. Throws what the handler throws.
[[nodiscard]] Outcome start_handler(Cell& cell, Envelope& envelope, Question* question, TaskFrame& root,
                                    const EnvelopeOps& suspended, bool reentrant);
void destroy_frame(TaskFrame& frame);

// ---- what a handler can wait for ----

/// Of several asks, how many are still to come.
struct Gathering {
  unsigned left = 0;
  bool one_is_enough = false;  // the first reply
};

/// An ask from a coroutine, sent. Takes the question; null: it fails with `why_not`. The caller gets a count. Throws
/// std::bad_alloc.
[[nodiscard]] AskCore* start_ask(Cell* target, Question* question, AskError why_not, Duration within,
                                 const ReplyOps& reply);
/// The handler goes on when the ask is done, which it is not yet; one of several: when enough of them are.
void await_ask(AskCore& ask, HandlerRun& run, Gathering* several = nullptr) noexcept;
/// Drops the caller's count. If the ask is not done, its reply comes too late.
void give_up_ask(AskCore& ask) noexcept;

/// Called in builds with assertions, once for each actor, when handlers that are not reentrant wait for each other's
/// answers in a circle: "app/a -> app/b -> app/a". Null: it is printed. The asks still end at their deadlines.
using AskCycleHook = void (*)(const std::string& path);
extern constinit Atomic<AskCycleHook> ask_cycle_hook;

/// The count is the caller's. Throws std::bad_alloc.
[[nodiscard]] Timer* start_sleep(HandlerRun& run, TimePoint until);
void give_up_sleep(Timer& timer) noexcept;

/// A turn of the run queue. The count is the caller's. Throws std::bad_alloc.
struct YieldPause;
[[nodiscard]] YieldPause* start_yield(HandlerRun& run);
void give_up_yield(YieldPause& pause) noexcept;

/// A message to a mailbox that may be full and block.
struct RoomPause;
/// Null: it was not full, and `delivery` says what became of it. Otherwise the count is the caller's. Takes the envelope.
[[nodiscard]] RoomPause* start_send(Cell& target, Envelope* envelope, Delivery& delivery);
/// False: it has gone after all, above the capacity.
[[nodiscard]] bool await_room(RoomPause& pause, HandlerRun& run) noexcept;
[[nodiscard]] Delivery delivery_of(const RoomPause& pause) noexcept;
void give_up_send(RoomPause& pause) noexcept;

}  // namespace coppice::detail
