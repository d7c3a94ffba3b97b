#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "coppice/actor/exit_reason.hpp"
#include "coppice/actor/holding.hpp"
#include "coppice/actor/monitor.hpp"
#include "coppice/mailbox/overflow.hpp"
#include "coppice/message/envelope.hpp"
#include "coppice/message/ledger.hpp"
#include "coppice/scheduler/scheduler.hpp"

namespace coppice {
class System;
}

namespace coppice::detail {

class Cell;

/// What a cell needs from its system. The interface stands here, with its caller; system/ and testing/ implement it.
///
/// Threads    any.
/// Ownership  counted: every cell holds one count, so that a ref which outlives its system stays safe.
/// Failure    nothing throws.
class Runtime : public RunTable {  // NOLINT(cppcoreguidelines-virtual-class-destructor): release() deletes it
 public:
  Runtime() = default;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  void add_ref() noexcept { refs_.add(); }
  void release() noexcept {
    if (refs_.drop()) delete this;
  }

  /// Adds to the ledger: the thread's own shard where it has one, a shared one otherwise.
  void count(Count what, std::uint64_t n = 1) noexcept {
    if (this_thread.ledger_id == ledger_id_) [[likely]] {
      this_thread.ledger->add_owned(what, n);
    } else {
      count_from_outside(what, n);
    }
  }
  /// Counts a send. False: it must not be sent, since this process is the child of a fork(). Where the thread has its own
  /// shard that costs nothing: in the child no thread has.
  [[nodiscard]] bool count_sent() noexcept {
    if (this_thread.ledger_id == ledger_id_) [[likely]] {
      this_thread.ledger->add_owned(Count::Sent);
      return true;
    }
    count_from_outside(Count::Sent, 1);
    return !is_abandoned();
  }
  void count_handled() noexcept {
    if (this_thread.ledger_id == ledger_id_) [[likely]] {
      LedgerShard& ledger = *this_thread.ledger;
      ledger.add_owned(Count::Handled);
      ledger.add_owned(Count::Taken);
    } else {
      count_from_outside(Count::Handled, 1);
      count_from_outside(Count::Taken, 1);
    }
  }

  /// From 1, unique in the system: the order of creation.
  [[nodiscard]] std::uint64_t new_id() noexcept { return last_id_.fetch_add(1, kRelaxed) + 1; }

  /// Records a message that nobody will handle; the ledger, the dead letter queue and the monitor hear of it.
  virtual void dead_letter(Cell& target, const Envelope& envelope, DeadReason reason) noexcept = 0;
  /// The place is over: its name is free, it no longer counts. Its last count may go after this.
  virtual void place_ended(Cell& cell, const ExitReason& reason) noexcept = 0;
  /// A life crashed and nobody supervises it. `handling`: the message in hand, or null.
  virtual void unhandled_failure(Cell& cell, const ExitReason& reason, const TypeInfo* handling) noexcept = 0;
  /// Something went wrong in a supervision tree. Only where `reports`.
  virtual void report(const SupervisorReport& report) noexcept = 0;
  /// A handler did not return in time and was left behind; later: it returned.
  virtual void zombie_left(Cell& cell, const TypeInfo* handling) noexcept = 0;
  virtual void zombie_returned(Cell& cell) noexcept = 0;
  /// Blocks the calling thread while `word` holds `expected`, until `deadline` at the latest. False: the time was up.
  /// Not to be called on an actor's turn. A test system runs its actors meanwhile.
  virtual bool wait(const Atomic<std::uint32_t>& word, std::uint32_t expected, TimePoint deadline) noexcept = 0;
  virtual void wake(Atomic<std::uint32_t>& word) noexcept = 0;
  /// A random number from the system's one seeded source (jitter).
  [[nodiscard]] virtual std::uint64_t random() noexcept = 0;
  /// One more live actor; false when the system is full or closing.
  [[nodiscard]] virtual bool admit() noexcept = 0;
  /// Gives an actor a name that no live one has. Not given: `taken_by` is who has it, or null: `cell` is closed.
  [[nodiscard]] virtual bool claim_name(std::string_view name, Cell& cell, HoldFor until,
                                        IntrusivePtr<Cell>& taken_by) = 0;
  /// Who has it, or null.
  [[nodiscard]] virtual IntrusivePtr<Cell> find_name(std::string_view name) = 0;
  /// False: nobody had it.
  virtual bool free_name(std::string_view name) = 0;
  /// Records a message to a name that nobody has.
  virtual void dead_letter_to(std::string_view name, const Envelope& envelope) noexcept = 0;
  /// Lists an actor that has no parent, for the shutdown. False: too late.
  [[nodiscard]] virtual bool adopt_top_level(Cell& cell) = 0;
  /// Undoes admit() for an actor that was not spawned after all.
  virtual void unadmit() noexcept = 0;
  [[nodiscard]] virtual bool is_closing() const noexcept = 0;
  /// The pool's asio::io_context; null where there is none.
  [[nodiscard]] virtual void* io_context() = 0;
  /// Chance for tests to fail the n-th message or start; null in production.
  struct Faults {
    virtual ~Faults() = default;
    virtual void before_message(Cell& cell) = 0;  // may throw: the handler "throws"
    virtual void before_start(Cell& cell) = 0;    // may throw: the constructor "throws"
  };

  /// Never used again: a thread that kept its shard of a runtime which has gone cannot mistake another one for it.
  [[nodiscard]] std::uint64_t ledger_id() const noexcept { return ledger_id_; }
  /// This process is the child of a fork(): none of the runtime's threads are here, and whatever they did just then is
  /// half done. Nothing is sent, started or waited for any more.
  [[nodiscard]] bool is_abandoned() const noexcept { return abandoned_.load(kRelaxed); }

 private:
  // Here, among what each message reads.
  std::uint64_t ledger_id_ = new_ledger_id();  // changed by abandon_ledger() only
  Atomic<bool> abandoned_{false};

 public:
  System* system = nullptr;
  const Clock* clock = nullptr;
  EventSink* events = nullptr;  // null: nobody listens
  void* monitor = nullptr;      // the policy's instance, for the run loop made for it
  Faults* faults = nullptr;
  bool reports = false;       // somebody listens to report()
  bool is_simulated = false;  // a test system: nothing of it may run in real time
  Duration callers_spin{};    // a thread that waits for an answer looks for it so long before it sleeps
  bool callers_run = false;   // a thread that calls an idle actor runs it itself
  Scheduler* default_scheduler = nullptr;
  Atomic<unsigned> batch{64};  // messages an activation may handle; a shutdown lowers it
  unsigned timers_max = 0;     // live timers an actor may have; 0 never occurs
  std::size_t stash_max = 0;   // messages an actor may stash; 0 never occurs
  MailboxOptions mailbox_default;

 protected:
  virtual ~Runtime() = default;
  /// For the one thread that the child of a fork() has.
  void abandon_ledger() noexcept {
    abandoned_.store(true, kRelaxed);
    ledger_id_ = ~std::uint64_t{0};  // no thread's: whoever counts comes to count_from_outside()
  }
  [[nodiscard]] std::uint64_t total_outside(Count what) const noexcept { return outside_->total(what); }

 private:
  [[nodiscard]] static std::uint64_t new_ledger_id() noexcept;
  /// For a thread that has no shard of this runtime. One that counts much leases one.
  void count_from_outside(Count what, std::uint64_t n) noexcept;

  IntrusivePtr<OutsideLedger> outside_ = IntrusivePtr<OutsideLedger>::adopt(new OutsideLedger);
  alignas(kCacheLine) RefCount refs_;  // written at each spawn; what stands before is read for each message
  Atomic<std::uint64_t> last_id_{0};
};

}  // namespace coppice::detail
