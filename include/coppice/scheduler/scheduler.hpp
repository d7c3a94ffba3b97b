#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "coppice/base/clock.hpp"
#include "coppice/message/ledger.hpp"
#include "coppice/scheduler/runnable.hpp"
#include "coppice/scheduler/timer.hpp"

// [path 3 of 7] submit: from push, by the sender that was told Activate; to run, on a worker

namespace coppice::detail {

class Cell;
class Runtime;
struct Construction;

/// Where activations run. The work-stealing pool, a pinned thread, a foreign executor and the seeded test scheduler are
/// schedulers.
///
/// Threads    every function: any thread.
/// Failure    nothing throws.
class Scheduler {
 public:
  explicit Scheduler(Runtime* runtime) noexcept : runtime_{runtime} {}
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  virtual ~Scheduler() = default;

  /// Runs it soon.
  virtual void submit(Runnable& runnable) noexcept = 0;
  /// Runs it after what waits already.
  virtual void submit_back(Runnable& runnable) noexcept = 0;
  /// Runs it after the activation that is under way on this thread, and draws no sleeper to it. If that activation lasts,
  /// an idle worker finds it all the same, some milliseconds later.
  virtual void submit_quietly(Runnable& runnable) noexcept { submit_back(runnable); }
  /// Draws a sleeper, if there is one, to what was submitted quietly.
  virtual void announce() noexcept {}
  /// As submit_back, for a runnable that gives up its own turn: it used up its share, or waits for another thread's next
  /// step. The last thing of an activation.
  virtual void yield(Runnable& runnable) noexcept { submit_back(runnable); }
  /// Arms an idle or fired timer; takes one count of it.
  virtual void arm(Timer& timer, TimePoint deadline) noexcept = 0;
  /// As arm(), for a deadline that hardly ever comes (an ask's: the answer is there before), and takes over one count of
  /// the caller's. It may fire later than one that arm() was told of, by as long as the worker takes to look around.
  virtual void arm_unlikely(Timer& timer, TimePoint deadline) noexcept {
    arm(timer, deadline);
    timer.release();
  }
  /// True: it will not fire. False: it has fired, or was never armed.
  virtual bool disarm(Timer& timer) noexcept = 0;
  [[nodiscard]] Runtime* runtime() const noexcept { return runtime_; }

 private:
  Runtime* runtime_;
};

/// Small steps that a worker's thread has put off, since many of them are one step when they are taken together.
struct PutOff {
  PutOff() = default;
  PutOff(const PutOff&) = delete;
  PutOff& operator=(const PutOff&) = delete;
  virtual ~PutOff() = default;
  virtual void catch_up() noexcept = 0;
};

/// The part of a worker that senders use without a call: its slot for the runnable that its handler woke last. Only its
/// own thread touches it.
struct WorkerSlot {
  Scheduler* scheduler = nullptr;
  Runnable* next = nullptr;  // last in, first out
  // Made by who has something to put off. The worker catches up where it has found nothing to run, so also before it
  // sleeps; every few dozen activations; and at its end.
  std::unique_ptr<PutOff> put_off;
};

/// What a thread knows about itself. Zero on threads that are not a runtime's.
struct ThreadContext {
  WorkerSlot* worker;       // this thread runs a pool's queue
  std::uint64_t ledger_id;  // of which runtime it has a ledger shard to itself; 0: of none
  LedgerShard* ledger;
  Cell* cell;                  // whose activation runs here
  Construction* construction;  // the actor that is being constructed here
  Runnable* run_here;          // if this is woken from here, the thread runs it itself: submit() leaves it to it
  TimePoint now;               // of the turn, when now_known
  bool now_known;
  unsigned shard;              // which of the shared parts of a ledger it uses; 0: not numbered yet
  unsigned counted_elsewhere;  // how often it has counted in a shared part since it last tried to lease one
  bool is_ending;              // it leases no more
};
extern constinit thread_local ThreadContext this_thread;
/// Gives the calling thread its number, from 1.
void number_this_thread() noexcept;

/// The out-of-line half of submit(): the slot was taken, or the caller is not a worker of that scheduler.
void submit_slow(Scheduler& scheduler, Runnable& runnable) noexcept;

/// Makes the runnable run. The fast path: the caller is a worker of that scheduler with an empty slot; no fence, no
/// wake-up.
inline void submit(Scheduler& scheduler, Runnable& runnable) noexcept {
  WorkerSlot* const worker = this_thread.worker;
  if (worker != nullptr && worker->scheduler == &scheduler && worker->next == nullptr) {
    worker->next = &runnable;
    return;
  }
  submit_slow(scheduler, runnable);
}

/// [S2] The flush rule: when an activation goes on to a further message while the slot is taken, or another activation
/// goes first, the slot's runnable moves to the queue that others steal from. So nothing waits longer than one handler
/// behind the one that woke it.
void flush_slot(WorkerSlot& worker) noexcept;

}  // namespace coppice::detail
