#pragma once

#include <concurrentqueue.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/thread.hpp"
#include "coppice/base/clock.hpp"
#include "coppice/message/ledger.hpp"
#include "coppice/scheduler/scheduler.hpp"
#include "reactor.hpp"
#include "run_ring.hpp"
#include "seats.hpp"
#include "spare_places.hpp"
#include "steal_gain.hpp"
#include "timer_wheel.hpp"

namespace coppice::detail {

struct WorkPoolOptions {
  unsigned workers = 1;
  unsigned processors = Seats::kUnlimited;  // that they share
  Duration spin{};                 // how long a worker without work looks for some before it parks; zero: not at all
  bool always_spin = false;        // never park
  std::optional<unsigned> pin_to;  // the first worker's processor, the next one's is one more
  std::uint64_t ledger_id = 0;     // the runtime's
  void (*hold)(Runtime*) noexcept = nullptr;    // adds a count of the runtime, which this part knows by name only
  void (*let_go)(Runtime*) noexcept = nullptr;  // drops it; the pool may be gone afterwards
};

/// So many idle workers' bits stand in one word. Where orders are searched it is one: of workers in one word each knows
/// what the one before it has done, which those of a large machine do not.
#if defined(COPPICE_INTERLEAVE)
inline constexpr unsigned kIdleBits = 1;
#else
inline constexpr unsigned kIdleBits = 64;
#endif

/// Work-stealing workers: each has a slot for what its handler woke last, a ring that others steal half of, and a timer
/// wheel; what comes from outside goes through one injector. Idle ones park on a futex, one of them in the reactor.
///
/// Threads    submit(), submit_back(), submit_quietly(), announce(), yield(), arm(), disarm(), stop(): any.
/// Ownership  belongs to its runtime; each worker thread holds a count of the runtime, so a thread that never returns
///            keeps it.
/// [S3] No wake-up is lost: who submits publishes, fences and looks for sleepers; who parks announces itself, fences
///      and looks for work. Only submit_quietly() publishes and no more: this worker comes to it itself, or an idle one
///      that looks every few milliseconds while anybody is busy. What the reactor brings is as quiet where there is such
///      an idle one, until it has waited for kQuiet behind others. A worker that leaves work to others (StealGain, Seats)
///      naps, uncounted, and looks again when a nap is over. Where seats are scarce one that has none, or tries out for
///      all, naps as a lookout for those who sleep: while there is one nobody wakes them, and it counts as searching
///      before it is none any more.
class WorkPool final : public Scheduler {
 public:
  /// Threads that cannot be started or pinned: start() says so by `error`, or throws std::bad_alloc, and nothing runs.
  WorkPool(Runtime& runtime, const Clock& clock, const WorkPoolOptions& options);
  ~WorkPool() override;

  [[nodiscard]] bool start(std::string& error);
  /// Lets the workers leave when nothing is left to run, until the deadline. False: somebody did not come back; its
  /// thread is left behind.
  bool stop(TimePoint deadline) noexcept;

  void submit(Runnable& runnable) noexcept override;
  void submit_back(Runnable& runnable) noexcept override;
  void submit_quietly(Runnable& runnable) noexcept override;
  void announce() noexcept override;
  void yield(Runnable& runnable) noexcept override;
  void arm(Timer& timer, TimePoint deadline) noexcept override;
  void arm_unlikely(Timer& timer, TimePoint deadline) noexcept override;
  bool disarm(Timer& timer) noexcept override;

  /// In the child of a fork(), on its one thread: nothing runs, is waited for or locked any more. Not destroyed.
  void abandon() noexcept;
  void push_from_worker(WorkerSlot& slot, Runnable& runnable) noexcept;
  [[nodiscard]] Reactor& reactor();
  [[nodiscard]] bool has_reactor() const noexcept { return reactor_.load(kAcquire) != nullptr; }
  [[nodiscard]] std::uint64_t timers() const noexcept;
  [[nodiscard]] unsigned workers() const noexcept { return static_cast<unsigned>(workers_.size()); }
  [[nodiscard]] std::uint64_t total(Count what) const noexcept;

 private:
  struct Worker;

  void thread_main(Worker& me) noexcept;
  void loop(Worker& me) noexcept;
  [[nodiscard]] Runnable* next_local(Worker& me) noexcept;
  [[nodiscard]] Runnable* find_work(Worker& me) noexcept;
  [[nodiscard]] Runnable* steal(Worker& me, TimePoint now) noexcept;
  [[nodiscard]] Runnable* steal_from(Worker& me, std::uint32_t other, TimePoint now) noexcept;
  [[nodiscard]] static Done done_by(const Worker& worker) noexcept;
  [[nodiscard]] Done done_by_all() const noexcept;
  [[nodiscard]] std::uint32_t tried(const Worker& me) const noexcept;
  [[nodiscard]] std::uint64_t done_on_trial(const Worker& me) const noexcept;
  [[nodiscard]] bool take_seat(Worker& me, TimePoint now) noexcept;
  [[nodiscard]] bool leaves(Worker& me, std::uint32_t other, TimePoint now) noexcept;
  [[nodiscard]] Runnable* search(Worker& me) noexcept;
  [[nodiscard]] Runnable* from_injector(Worker& me) noexcept;
  [[nodiscard]] Runnable* some_from_injector(Worker& me) noexcept;
  [[nodiscard]] Runnable* from_outside(Worker& me) noexcept;
  void look_around(Worker& me) noexcept;
  bool poll_reactor(Worker& me) noexcept;
  void announce_late(Worker& me) noexcept;
  void note_node(Worker& me) const noexcept;
  bool sort_timers(Worker& worker) noexcept;
  void run_timers(Worker& me) noexcept;
  void help_overdue(const Worker& me) noexcept;
  void park(Worker& me) noexcept;
  void nap(Worker& me) noexcept;
  void sleep(Worker& me) noexcept;
  [[nodiscard]] bool has_outside_work() const noexcept;
  [[nodiscard]] bool has_work(const Worker* besides = nullptr) const noexcept;
  [[nodiscard]] bool has_lookout() const noexcept { return seats_.are_scarce() && lookouts_.load(kRelaxed) != 0; }
  [[nodiscard]] bool is_space_to_spin() const noexcept;
  void found_work(Worker& me) noexcept;
  void notify() noexcept;
  void unpark(Worker& worker) noexcept;
  [[nodiscard]] std::size_t parked() const noexcept;
  [[nodiscard]] bool withdraw_idle(Worker& me) noexcept;
  void push_to_ring(Worker& me, Runnable& runnable) noexcept;
  void inject(Runnable& runnable) noexcept;
  [[nodiscard]] bool is_taken_soon() const noexcept;

  const Clock* clock_;
  WorkPoolOptions options_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Seats seats_;
  moodycamel::ConcurrentQueue<Runnable*> injector_;
  SparePlaces spare_;                        // for what the injector has no memory for
  std::vector<Atomic<std::uint64_t>> idle_;  // a bit a worker, kIdleBits a word
  // Workers that look for something. Too few for a moment, even below zero: who was just getting up by itself when it
  // was woken may be through before its waker has counted it. Above zero there is somebody.
  alignas(kCacheLine) Atomic<std::int32_t> searching_{0};
  Atomic<std::uint32_t> napping_{0};
  Atomic<std::uint32_t> lookouts_{0};                      // of those, who have no seat
  Atomic<std::uint32_t> looking_soon_{0};                  // sleepers that wake within kLookAfterBusy by themselves
  alignas(kCacheLine) Atomic<bool> outside_waits_{false};  // perhaps: somebody has submitted from outside
  alignas(kCacheLine) Atomic<bool> stopping_{false};
  Atomic<bool> abandoned_{false};
  Atomic<std::uint32_t> alive_{0};
  Atomic<std::uint32_t> next_wheel_{0};
  Atomic<Reactor*> reactor_{nullptr};
  const bool has_memory_nodes_;
  const bool tries_together_;  // what pays is tried out by all workers together
};

}  // namespace coppice::detail
