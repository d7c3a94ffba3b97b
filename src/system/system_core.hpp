#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "context_scheduler.hpp"
#include "coppice/actor/cell.hpp"
#include "coppice/system/system.hpp"
#include "names.hpp"
#include "report_printer.hpp"
#include "scheduler/work_pool.hpp"

namespace coppice::detail {

/// What a system is made of, whatever drives it: names, the actors at the top, the ledger, dead letters, the shutdown.
///
/// Threads    any. No user code runs under its lock.
/// Ownership  counted by the System object, by every cell and by every worker thread.
class SystemCore : public Runtime {
 public:
  SystemCore(SystemOptions&& options, MonitorBinding binding);
  ~SystemCore() override;

  // ---- Runtime ----
  void dead_letter(Cell& target, const Envelope& envelope, DeadReason reason) noexcept override;
  void place_ended(Cell& cell, const ExitReason& reason) noexcept override;
  void unhandled_failure(Cell& cell, const ExitReason& reason, const TypeInfo* handling) noexcept override;
  void report(const SupervisorReport& report) noexcept override;
  void zombie_left(Cell& cell, const TypeInfo* handling) noexcept override;
  void zombie_returned(Cell& cell) noexcept override;
  bool wait(const Atomic<std::uint32_t>& word, std::uint32_t expected, TimePoint deadline) noexcept override;
  void wake(Atomic<std::uint32_t>& word) noexcept override;
  std::uint64_t random() noexcept override;
  bool admit() noexcept override;
  void unadmit() noexcept override;
  bool claim_name(std::string_view name, Cell& cell, HoldFor until, IntrusivePtr<Cell>& taken_by) override {
    return names_.claim(name, cell, until, taken_by);
  }
  IntrusivePtr<Cell> find_name(std::string_view name) override { return names_.find(name); }
  bool free_name(std::string_view name) override { return names_.free(name); }
  void dead_letter_to(std::string_view name, const Envelope& envelope) noexcept override;
  bool adopt_top_level(Cell& cell) override;
  bool is_closing() const noexcept override { return closing_.load(kAcquire); }
  void* io_context() override;

  // ---- System ----
  ShutdownReport shutdown(Duration within) noexcept;
  void destroy_system() noexcept;
  [[nodiscard]] Ledger ledger() const noexcept;
  [[nodiscard]] SystemStats stats() const noexcept;
  [[nodiscard]] std::vector<DeadLetter> dead_letters() const;
  void add_sink(const IntrusivePtr<DeadLetterSink>& sink);
  void remove_sink(const DeadLetterSink& sink) noexcept;
  [[nodiscard]] const std::string& start_error() const noexcept { return start_error_; }
  [[nodiscard]] std::uint64_t live() const noexcept { return live_.load(kAcquire); }
  /// For a scheduler besides the default; belongs to the core.
  Scheduler& keep_scheduler(std::unique_ptr<Scheduler>&& scheduler);  // still the caller's where it throws
  [[nodiscard]] std::vector<IntrusivePtr<Cell>> top_level_actors() const;
  void emit(EventKind kind, std::string_view text) noexcept;

  // ---- fork(); see fork.cpp ----
  void lock_for_fork() noexcept;
  void unlock_after_fork() noexcept;
  /// In the child: there is no system any more, and nothing in it that could be waited for.
  void abandon() noexcept;
  SystemCore* next_core = nullptr;  // all that there are, under a lock of their own
  SystemCore* previous_core = nullptr;

  [[nodiscard]] WorkPool* pool() const noexcept { return pool_; }
  /// The system's workers, or none where it runs in a context of the user's.
  void start_pool();
  [[nodiscard]] std::unique_ptr<WorkPool> make_pool(const WorkPoolOptions& options);

 protected:
  [[nodiscard]] std::uint64_t total(Count what) const noexcept;
  void fail_start(std::string text);
  /// Armed timers of schedulers that are not pools.
  [[nodiscard]] virtual std::uint64_t more_timers() const noexcept { return 0; }
  SystemOptions options_;

 private:
  void start_in_context();

  struct DriveTimer;
  // Ended: the actors; Done: the threads as well.
  enum : std::uint32_t { kOpen = 0, kEnding = 1, kEnded = 2, kDone = 3 };

  bool begin_shutdown(Duration within) noexcept;
  void drive(TimePoint now) noexcept;
  void ask_next() noexcept;
  void arm_drive(TimePoint when) noexcept;
  void disarm_drive() noexcept;
  void kill_the_rest() noexcept;
  void finish_threads() noexcept;
  void note_late(Cell& cell, const TypeInfo* handling) noexcept;
  void note_dead_letter(DeadLetter letter, const Cell* target) noexcept;
  void print_dead_letter(const DeadLetter& letter, const Cell* target) noexcept;
  void tell_sinks(const DeadLetter& letter) noexcept;
  void keep_dead_letter(DeadLetter letter) noexcept;

  ReportPrinter printer_;
  ReportPrinter dead_letter_printer_;
  MonitorBinding binding_;
  SteadyClock steady_;
  std::string start_error_;
  WorkPool* pool_ = nullptr;             // the first of the schedulers, where the system has workers
  ContextScheduler* context_ = nullptr;  // that, where it runs in a context of the user's
  Atomic<std::uint64_t> live_{0};
  Atomic<std::uint64_t> zombies_{0};
  Atomic<std::uint64_t> random_;
  Atomic<bool> closing_{false};
  Atomic<bool> has_sinks_{false};  // changed under the mutex
  Atomic<std::uint32_t> shutdown_state_{kOpen};
  Names names_;  // with a lock of its own

  // A lock of its own, since each spawn and each end takes it. Taken after mutex_ where both are.
  mutable BriefLock top_lock_;
  Cell* newest_ = nullptr;  // actors without a parent, newest first; counted each

  mutable Mutex mutex_;  // guards all below
  std::vector<std::unique_ptr<Scheduler>> schedulers_;
  std::vector<WorkPool*> pools_;
  std::vector<DeadLetter> dead_ring_;
  std::uint64_t dead_next_ = 0;  // so many have been kept
  std::vector<IntrusivePtr<DeadLetterSink>> sinks_;
  bool keeps_dead_letters_ = true;  // until the System object goes: each holds its target, which holds this
  IntrusivePtr<Cell> awaited_;      // told to stop by the shutdown, not ended yet; changed under both locks
  TimePoint awaited_until_{};       // then it is killed
  TimePoint deadline_{};
  IntrusivePtr<Timer> drive_timer_;  // looks after the awaited one
  TimePoint begun_{};
  bool threads_done_ = false;
  Atomic<unsigned> finishing_on_{0};  // the number of the thread that looks after the threads
  std::vector<LateActor> late_;
  ShutdownReport report_;
};

/// So that the child of a fork() finds all cores there are.
void enter_core(SystemCore& core) noexcept;
void leave_core(SystemCore& core) noexcept;

}  // namespace coppice::detail
