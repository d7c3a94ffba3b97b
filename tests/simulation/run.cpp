#include "run.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

namespace coppice::simulation {
namespace {

using testing::Schedule;
using testing::Strategy;

constexpr std::uint64_t kStepsMax = 100'000;  // a hundred times what the longest run takes

/// The portfolio: no strategy finds everything.
Schedule draw_schedule(Draw draw) {
  Schedule schedule;
  const std::size_t lot = draw.below(100);
  schedule.strategy = lot < 25   ? Strategy::RandomWalk
                      : lot < 55 ? Strategy::Priorities
                      : lot < 80 ? Strategy::Delays
                      : lot < 90 ? Strategy::Sticky
                                 : Strategy::StarveOne;
  schedule.changes = static_cast<unsigned>(draw.between(1, 6));
  schedule.steps = 1U << draw.between(5, 9);
  constexpr unsigned kEarly[] = {0, 0, 40, 10, 3};
  schedule.early_timers_one_in = kEarly[draw.below(5)];
  return schedule;
}

struct ThrowingText final : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return "thrown by the plan"; }
};

bool never_early(const Schedule& schedule) {
  const auto& follow = schedule.follow;
  return schedule.early_timers_one_in == 0 && std::none_of(follow.begin(), follow.end(), [](const auto& each) {
           return each.choice == testing::Deviation::kTimer;
         });
}

bool contains(const std::vector<std::uint32_t>& sorted, std::uint32_t value) {
  return std::binary_search(sorted.begin(), sorted.end(), value);
}

}  // namespace

Run::Run(const Plan& plan) : plan_{plan}, draw_{Draw::mix(plan.seed)} {
  Draw of_schedule = draw_.fork();
  Draw of_faults = draw_.fork();
  outcome_.schedule = plan.schedule ? *plan.schedule : draw_schedule(of_schedule.fork());
  // Most runs have no fault at all, and those with many are rare: what fails without one is found without one.
  constexpr int kMost[] = {0, 0, 0, 0, 1, 1, 2, 4, 12};
  const int faults = kMost[of_faults.below(9)];
  const std::size_t among = std::size_t{1} << of_faults.between(3, 8);
  for (int i = 0; i < faults; ++i) fault_at_.push_back(static_cast<std::uint32_t>(of_faults.below(among)));
  std::sort(fault_at_.begin(), fault_at_.end());
  fault_at_.erase(std::unique(fault_at_.begin(), fault_at_.end()), fault_at_.end());
  is_punctual_ = never_early(outcome_.schedule);
  options_ = testing::TestOptions{.seed = of_schedule.next(),
                                  .system = {.seed = of_schedule.next()},
                                  .schedule = outcome_.schedule,
                                  .keeps_log = plan.keeps_log,
                                  .keeps_deviations = plan.keeps_log};
}

Run::~Run() = default;

bool Run::step() {
  if (++steps_ <= kStepsMax) return system().explore(1h);
  found("liveness", "after " + std::to_string(kStepsMax) + " steps it has not come to rest");
  return false;
}

bool Run::begin_operation() {
  const std::uint32_t number = outcome_.operations++;
  for (std::size_t steps = draw_.below(8); steps != 0 && !has_failed(); --steps) {
    if (!step()) break;
  }
  // Between which steps an operation came belongs to the schedule.
  outcome_.hash = Draw::mix(outcome_.hash + system().schedule_hash() + number);
  return !has_failed() && !contains(plan_.operations_left_out, number);
}

void Run::settle() {
  while (!has_failed() && step()) {
  }
}

void Run::fault_point() {
  if (!faults_on_) return;
  const std::uint32_t here = fault_points_++;
  while (next_fault_ < fault_at_.size() && fault_at_[next_fault_] < here) ++next_fault_;
  if (next_fault_ == fault_at_.size() || fault_at_[next_fault_] != here) return;
  const std::uint32_t number = static_cast<std::uint32_t>(next_fault_++);
  outcome_.faults = std::max(outcome_.faults, number + 1);
  if (contains(plan_.faults_left_out, number)) return;
  ++thrown_;
  switch (here % 4) {
    case 0: throw std::runtime_error{"planned"};
    case 1: throw 42;
    case 2: throw std::bad_alloc{};
    default: throw ThrowingText{};
  }
}

void Run::found(std::string_view oracle, std::string text) {
  if (!outcome_.finding) outcome_.finding = Finding{std::string{oracle}, std::move(text)};
}

void Run::finish() {
  settle();
  if (has_failed()) return;
  const Ledger ledger = system().ledger();
  if (!ledger.balances()) {
    return found("conservation", "sent " + std::to_string(ledger.sent) + ", handled " + std::to_string(ledger.handled) +
                                     ", dead " + std::to_string(ledger.dead()) + ", handed back " +
                                     std::to_string(ledger.handed_back) + ", in the mailboxes " +
                                     std::to_string(ledger.queued));
  }
  if (ledger.queued != 0)
    return found("liveness", std::to_string(ledger.queued) + " messages wait, and nobody runs any more");
  check_shutdown(system().shutdown({.within = 10s}));
}

void Run::check_shutdown(const ShutdownReport& report) {
  finished_ = true;
  if (has_failed()) return;
  if (!report.complete || !report.late.empty()) return found("shutdown", "it did not end all actors in time");
  const SystemStats stats = system().stats();
  if (stats.actors != 0 || stats.timers != 0 || stats.zombies != 0) {
    return found("shutdown",
                 std::to_string(stats.actors) + " actors and " + std::to_string(stats.timers) + " timers are left");
  }
  const Ledger ledger = system().ledger();
  if (!ledger.balances() || ledger.queued != 0) found("conservation", "after the shutdown the ledger does not balance");
}

Outcome Run::conclude() {
  if (!finished_ && !has_failed()) found("harness", "the workload has not finished its run");
  outcome_.hash = Draw::mix(outcome_.hash + system().schedule_hash());
  if (plan_.keeps_log) {
    outcome_.deviations = system().deviations();
    outcome_.log = system().event_log();
  }
  return std::move(outcome_);
}

Outcome run_workload(const Workload& workload, const Plan& plan) {
  Run run{plan};
  workload.run(run);
  return run.conclude();
}

}  // namespace coppice::simulation
