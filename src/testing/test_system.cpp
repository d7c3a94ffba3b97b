#include "coppice/testing/test_system.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "chooser.hpp"
#include "coppice/actor/signals.hpp"
#include "own_allocations.hpp"
#include "scheduler/timer_wheel.hpp"
#include "system/system_core.hpp"

namespace coppice::testing {
namespace detail {

using namespace coppice::detail;

namespace {

/// Writes down all events; the run loop is made for it, as for any other monitor.
struct TraceMonitor {
  static constexpr bool kRecords = true;
  using Event = coppice::Event;
  void record(const coppice::Event& event) {
    if (sink != nullptr) sink->record(event);
  }
  EventSink* sink = nullptr;
};

/// Everybody who is ready, run one at a time in the order that the schedule says.
class SeededScheduler final : public Scheduler {
 public:
  SeededScheduler(Runtime& runtime, ManualClock& clock, TestOptions& options)
      : Scheduler{&runtime},
        clock_{clock},
        chooser_{std::move(options.schedule), options.seed, options.keeps_deviations},
        wheel_{clock.now()} {}

  void submit(Runnable& runnable) noexcept override { submit_back(runnable); }
  void submit_back(Runnable& runnable) noexcept override {
    COPPICE_VERIFY(&this_thread == owner_, "a test system is used by another thread than the one that made it");
    const OwnAllocations own;
    ready_.push_back(&runnable);
  }
  void arm(Timer& timer, TimePoint deadline) noexcept override { wheel_.arm(timer, deadline); }
  bool disarm(Timer& timer) noexcept override { return TimerWheel::disarm(timer); }

  bool step() {
    catch_up();
    if (ready_.empty()) return false;
    const std::size_t index = chooser_.pick(ready_);
    Runnable* const runnable = ready_[index];
    ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(index));
    run(*runnable);
    catch_up();
    return true;
  }
  /// Moves time to `t`, but never back, and fires what is due by then.
  void move_to(TimePoint t) {
    clock_.set(std::max(t, clock_.now()));
    is_behind_ = false;
    wheel_.advance(clock_.now());
  }
  /// Moves time to `t` in the middle of a turn.
  void spend_until(TimePoint t) {
    clock_.set(std::max(t, clock_.now()));
    is_behind_ = true;
  }
  /// One step: somebody runs, or time moves to the next timer. False: neither, until `horizon`.
  bool explore(TimePoint horizon) {
    catch_up();
    const TimePoint next = next_timer();
    const bool may_move = next <= horizon && next != TimePoint::max();
    if (ready_.empty() ? !may_move : !may_move || !chooser_.timer_first()) return step();
    move_to(next);
    return true;
  }
  void clear() noexcept { wheel_.clear(); }
  [[nodiscard]] TimePoint next_timer() const noexcept { return wheel_.next(); }
  [[nodiscard]] std::size_t ready() const noexcept { return ready_.size(); }
  [[nodiscard]] std::uint64_t timers() const noexcept { return wheel_.size(); }
  [[nodiscard]] const Chooser& chooser() const noexcept { return chooser_; }

 private:
  /// Fires what has become due during a turn.
  void catch_up() {
    if (is_behind_) move_to(clock_.now());
  }

  const ThreadContext* const owner_ = &this_thread;
  ManualClock& clock_;
  Chooser chooser_;
  TimerWheel wheel_;
  std::vector<Runnable*> ready_;
  bool is_behind_ = false;  // time has passed within a turn, and the wheel does not know yet
};

struct FaultPlan final : Runtime::Faults {
  struct Fault {
    std::uint64_t left;
    std::optional<std::uint64_t> actor;
  };
  static void strike(std::vector<Fault>& faults, const Cell& cell, const char* what) {
    for (auto it = faults.begin(); it != faults.end(); ++it) {
      if (it->actor && *it->actor != cell.id()) continue;
      if (--it->left > 0) continue;
      faults.erase(it);
      throw InjectedFault{std::string{"injected fault in "} + what};
    }
  }
  void before_message(Cell& cell) override { strike(messages, cell, "a message"); }
  void before_start(Cell& cell) override { strike(starts, cell, "a start"); }
  std::vector<Fault> messages;
  std::vector<Fault> starts;
};

}  // namespace

class TestCore final : public SystemCore, public EventSink {
 public:
  TestCore(TestOptions&& options, MonitorBinding binding, const IntrusivePtr<MonitorHolder<TraceMonitor>>& holder)
      : SystemCore{std::move(options.system), std::move(binding)}, seed_{options.seed}, begun_{time_.now()} {
    clock = &time_;
    is_simulated = true;
    batch.store(1, kRelaxed);
    auto made = std::make_unique<SeededScheduler>(*this, time_, options);
    scheduler_ = made.get();
    default_scheduler = scheduler_;
    keep_scheduler(std::move(made));
    keeps_log_ = options.keeps_log;
    if (keeps_log_) holder->monitor.sink = this;
    if (!options_.on_report) reports = false;  // nothing is printed
    // A function that the test gave is called as well.
    options_.on_failure = [this, given = std::move(options_.on_failure)](const FailureReport& report) mutable {
      if (given) given(report);
      failures_.push_back(report.path + " (life " + std::to_string(report.incarnation) +
                          "): " + report.reason.to_string());
    };
  }

  bool wait(const Atomic<std::uint32_t>& word, std::uint32_t expected, TimePoint deadline) noexcept override {
    while (word.load(kAcquire) == expected) {
      if (step()) continue;
      const TimePoint next = scheduler_->next_timer();
      if (next <= deadline && next != TimePoint::max()) {
        scheduler_->move_to(next);
        continue;
      }
      if (deadline == TimePoint::max()) stuck("a wait that nothing can end");
      if (deadline > time_.now()) scheduler_->move_to(deadline);
      return false;
    }
    return true;
  }
  void wake(Atomic<std::uint32_t>&) noexcept override {}
  std::uint64_t more_timers() const noexcept override { return scheduler_->timers(); }

  void record(const Event& event) noexcept override {
    const OwnAllocations own;
    const auto ms = std::chrono::duration_cast<std::chrono::microseconds>(time_.now() - begun_).count();
    char time[32];
    std::snprintf(time, sizeof time, "+%lld.%06llds ", static_cast<long long>(ms / 1'000'000),
                  static_cast<long long>(ms % 1'000'000));
    std::string line = time;
    line += to_string(event.kind);
    line += ' ';
    if (event.path.empty() && event.actor != 0) {
      line += '#' + std::to_string(event.actor);
    } else {
      line += event.path;
    }
    if (!event.subject.empty()) line.append(" ").append(event.subject);
    if (!event.text.empty()) line.append(": ").append(event.text);
    log_.push_back(std::move(line));
  }

  bool step() {
    count_step();
    return scheduler_->step();
  }
  void count_step() {
    if (++steps_ > kStepsMax) stuck("a run that does not come to rest");
  }
  [[noreturn]] void stuck(const char* what) const {
    std::fprintf(stderr, "coppice: %s in a test system; replay with seed %llu\n", what,
                 static_cast<unsigned long long>(seed_));
    std::abort();
  }
  void fresh_budget() noexcept { steps_ = 0; }

  /// What lies in the mailboxes of everybody alive.
  [[nodiscard]] std::uint64_t walked_depth() const {
    std::uint64_t sum = 0;
    std::vector<const Cell*> left;
    for (const auto& cell : top_level_actors()) left.push_back(cell.get());
    while (!left.empty()) {
      const Cell* const cell = left.back();
      left.pop_back();
      sum += cell->depth_at_rest();
      if (const Factory* const factory = cell->factory()) {
        factory->visit_places(
            [](void* to, Cell& place) { static_cast<std::vector<const Cell*>*>(to)->push_back(&place); }, &left);
      }
      for (const Cell* child = cell->newest_child_at_rest(); child != nullptr; child = child->older_sibling())
        left.push_back(child);
    }
    return sum;
  }

  static constexpr std::uint64_t kStepsMax = 50'000'000;
  ManualClock time_;
  std::uint64_t seed_;
  TimePoint begun_;
  SeededScheduler* scheduler_ = nullptr;
  FaultPlan plan_;
  std::uint64_t steps_ = 0;
  bool keeps_log_ = true;
  std::vector<std::string> log_;
  std::vector<std::string> failures_;
};

namespace {

IntrusivePtr<Runtime> make_core(TestOptions&& options) {
  COPPICE_VERIFY(options.system.run_in.io_context == nullptr,
                 "a test system does not run in a user's io_context: that has no virtual time");
  const auto holder = IntrusivePtr<MonitorHolder<TraceMonitor>>::adopt(new MonitorHolder<TraceMonitor>{});
  return IntrusivePtr<Runtime>::adopt(new TestCore{std::move(options), bind_monitor<TraceMonitor>(holder), holder});
}

}  // namespace
}  // namespace detail

TestSystem::TestSystem(TestOptions options)
    : System{detail::make_core(std::move(options))}, test_{static_cast<detail::TestCore*>(&core())} {}
TestSystem::~TestSystem() {
  shut_down_now();
  // What is left to say is said, and what is still armed lets go of what it holds: nobody will come back to it.
  while (test_->scheduler_->step()) {
  }
  test_->scheduler_->clear();
  while (test_->scheduler_->step()) {
  }
}

bool TestSystem::step() {
  test_->fresh_budget();
  return test_->step();
}

bool TestSystem::explore(Duration within) {
  test_->fresh_budget();
  return test_->scheduler_->explore(coppice::detail::saturating_add(now(), within));
}

std::size_t TestSystem::run_until_idle() {
  test_->fresh_budget();
  std::size_t steps = 0;
  while (test_->step()) ++steps;
  return steps;
}

void TestSystem::advance(Duration by) {
  run_until_idle();
  const TimePoint until = coppice::detail::saturating_add(now(), by);
  while (test_->scheduler_->next_timer() <= until && test_->scheduler_->next_timer() != TimePoint::max()) {
    test_->scheduler_->move_to(test_->scheduler_->next_timer());
    run_until_idle();
  }
  test_->scheduler_->move_to(until);
  run_until_idle();
}

void TestSystem::leap(Duration by) {
  run_until_idle();
  test_->scheduler_->move_to(coppice::detail::saturating_add(now(), by));
  run_until_idle();
}

void TestSystem::spend(Duration by, Due due) {
  if (by <= Duration::zero()) return;
  const TimePoint until = coppice::detail::saturating_add(now(), by);
  auto& scheduler = *test_->scheduler_;
  while (due == Due::InTime && scheduler.next_timer() <= until && scheduler.next_timer() != TimePoint::max())
    scheduler.move_to(scheduler.next_timer());
  scheduler.spend_until(until);
}

bool TestSystem::advance_to_next_timer() {
  run_until_idle();
  const TimePoint next = test_->scheduler_->next_timer();
  if (next == TimePoint::max()) return false;
  test_->scheduler_->move_to(next);
  run_until_idle();
  return true;
}

std::size_t TestSystem::ready() const noexcept { return test_->scheduler_->ready(); }

void TestSystem::crash(const AnyRef& actor, std::string_view text) {
  coppice::detail::Cell& cell = coppice::detail::RefAccess::cell(actor);
  auto* const signal = coppice::detail::make_signal(coppice::detail::CellSignal::Kind::Stop);
  signal->reason = ExitReason::error(text);
  signal->keep_place = cell.is_supervised();
  cell.signal(signal);
  run_until_idle();
}

bool TestSystem::has_stopped(const AnyRef& actor) {
  run_until_idle();
  return actor.is_closed();
}

void TestSystem::fail_message(std::uint64_t n, const AnyRef& actor) {
  test_->plan_.messages.push_back({n, actor ? std::optional{actor.id()} : std::nullopt});
  test_->faults = &test_->plan_;
}

void TestSystem::fail_start(std::uint64_t n, const AnyRef& actor) {
  test_->plan_.starts.push_back({n, actor ? std::optional{actor.id()} : std::nullopt});
  test_->faults = &test_->plan_;
}

Ledger TestSystem::ledger() {
  Ledger ledger = System::ledger();
  // Not derived from the other counts: counted in the mailboxes, so that a message lost inside one shows.
  ledger.queued = test_->walked_depth();
  return ledger;
}
const std::vector<std::string>& TestSystem::event_log() const noexcept { return test_->log_; }
const std::vector<std::string>& TestSystem::failures() const noexcept { return test_->failures_; }
std::uint64_t TestSystem::seed() const noexcept { return test_->seed_; }
std::uint64_t TestSystem::schedule_hash() const noexcept { return test_->scheduler_->chooser().hash(); }
const std::vector<Deviation>& TestSystem::deviations() const noexcept {
  return test_->scheduler_->chooser().deviations();
}

}  // namespace coppice::testing
