#include "run.hpp"

#include <algorithm>
#include <iterator>
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
  constexpr int kMostThrows[9] = {0, 0, 0, 0, 1, 1, 2, 4, 12};
  constexpr int kMostOthers[9] = {0, 0, 0, 0, 0, 0, 1, 2, 6};
  throws_ = Faults::drawn(of_faults, kMostThrows, 3, 0);
  // From a source of their own: without one of these a seed does what it did before there were any.
  Draw of_others{Draw::mix(~plan.seed)};
  delays_ = Faults::drawn(of_others.fork(), kMostOthers, 2, throws_.end_number());
  scarcity_ = Faults::drawn(of_others.fork(), kMostOthers, 2, delays_.end_number());
  is_punctual_ = never_early(outcome_.schedule) && delays_.is_empty();
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

const Fault* Run::due(Faults& faults) {
  if (!faults_on_) return nullptr;
  const Fault* const fault = faults.at_this_moment();
  if (fault == nullptr) return nullptr;
  outcome_.faults = std::max(outcome_.faults, fault->number + 1);
  return contains(plan_.faults_left_out, fault->number) ? nullptr : fault;
}

void Run::slow_point() {
  const Fault* const fault = due(delays_);
  if (fault == nullptr) return;
  constexpr Duration kTakes[] = {100us, 1ms, 1ms, 3ms, 5ms, 20ms, 2s, 40s};
  const Duration takes = kTakes[fault->how % std::size(kTakes)];
  if (plan_.keeps_log) {
    outcome_.struck.push_back("handler " + std::to_string(fault->at) + " takes " +
                              std::to_string(takes.count() / 1'000) + " us");
  }
  system().spend(takes, (fault->how >> 32) % 2 == 0 ? testing::Due::Late : testing::Due::InTime);
}

void Run::fault_point() {
  slow_point();
  const Fault* const fault = due(throws_);
  if (fault == nullptr) return;
  if (plan_.keeps_log) outcome_.struck.push_back("hook " + std::to_string(fault->at) + " throws");
  switch (fault->at % 4) {
    case 0: throw std::runtime_error{"planned"};
    case 1: throw 42;
    case 2: throw std::bad_alloc{};
    default: throw ThrowingText{};
  }
}

std::uint64_t Run::allocation_that_fails() {
  const Fault* const fault = due(scarcity_);
  if (fault == nullptr) return 0;
  // A send has one or two, a spawn a dozen.
  constexpr std::uint64_t kWhich[] = {1, 1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12};
  const std::uint64_t which = kWhich[fault->how % std::size(kWhich)];
  if (plan_.keeps_log) {
    outcome_.struck.push_back("call " + std::to_string(fault->at) + ": its allocation " + std::to_string(which) +
                              " fails, if there is one");
  }
  return which;
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
