#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coppice/coppice.hpp"
#include "coppice/testing/draw.hpp"
#include "coppice/testing/test_system.hpp"
#include "faults.hpp"
#include "memory.hpp"

namespace coppice::simulation {

using namespace std::chrono_literals;
using testing::Draw;

/// What a run does beyond its workload's own draws. All of it is drawn from the seed, unless a shrunk run is given.
struct Plan {
  std::uint64_t seed = 1;
  std::optional<testing::Schedule> schedule = {};
  std::vector<std::uint32_t> operations_left_out = {};  // by number, as the next; sorted
  std::vector<std::uint32_t> faults_left_out = {};
  bool keeps_log = false;
};

/// What an oracle has found.
struct Finding {
  std::string oracle;  // its name: conservation, order, exclusivity, liveness, …
  std::string text;
};

/// What came of a run.
struct Outcome {
  std::optional<Finding> finding;  // the first; none: all held
  std::uint64_t hash = 0;          // of the schedule
  std::uint32_t operations = 0;
  std::uint32_t faults = 0;
  testing::Schedule schedule;
  std::vector<testing::Deviation> deviations;
  std::vector<std::string> log;
  std::vector<std::string> struck;  // the faults, in words; where the log is kept
};

/// One run of a workload: a seeded system, the workload's own draws, its faults and what the oracles found.
///
///     draws   the workload's configuration and operations come from draw(), never from the schedule: a schedule can be
///             changed, and operations left out, while the rest stays as it was
///     steps   operate() lets the system take a few steps before each operation, so that operations come at any moment
class Run {
 public:
  explicit Run(const Plan& plan);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run();

  [[nodiscard]] Draw& draw() noexcept { return draw_; }
  /// Until system() is called for the first time.
  [[nodiscard]] SystemOptions& options() noexcept { return options_.system; }
  [[nodiscard]] testing::TestSystem& system() {
    if (!system_) system_.emplace(std::move(options_));
    return *system_;
  }
  /// Whether time moves only when nobody is ready, and no handler takes any: then everything is handled at the very
  /// moment at which it is due.
  [[nodiscard]] bool is_punctual() const noexcept { return is_punctual_; }

  /// Makes what the workload's actors share; it outlives them.
  template <class T, class... Args>
  T& keep(Args&&... args) {
    const auto made = std::make_shared<T>(std::forward<Args>(args)...);
    kept_.push_back(made);
    return *made;
  }
  /// Some steps, and then the operation, unless this run leaves it out.
  template <class Operation>
  void operate(Operation&& operation) {
    if (begin_operation()) operation();
  }
  /// Steps until nobody is ready and nothing is due for an hour. Finding: it does not come to rest.
  void settle();
  /// Until then, and after the end, nothing throws, takes time or finds no memory.
  void faults_begin() noexcept { faults_on_ = true; }
  void faults_end() noexcept { faults_on_ = false; }
  /// In a hook or handler: takes some time and throws, one of several types, each if the plan says so.
  void fault_point();
  /// In a handler: takes some time, if the plan says so. The turn goes on at the later moment.
  void slow_point();
  /// A call of the library's, one of whose allocations fails if the plan says so. False: it has thrown std::bad_alloc,
  /// and nothing of it may have been done. No user code may run in it.
  template <class Call>
  [[nodiscard]] bool finds_memory(Call&& call) {
    const FailNthAllocation fail{allocation_that_fails()};
    try {
      call();
    } catch (const std::bad_alloc&) {
      if (!fail.has_failed()) throw;
      return false;
    }
    return true;
  }
  /// The same in a handler that does not care: the exception is its own end.
  template <class Call>
  void needs_memory(Call&& call) {
    if (!finds_memory(std::forward<Call>(call))) throw std::bad_alloc{};
  }

  /// An oracle speaks; the first finding counts.
  void found(std::string_view oracle, std::string text);
  void check(bool holds, std::string_view oracle, std::string_view text) {
    if (!holds) found(oracle, std::string{text});
  }
  [[nodiscard]] bool has_failed() const noexcept { return outcome_.finding.has_value(); }

  /// At rest: conservation; then a shutdown that leaves nothing.
  void finish();
  /// Shutting down is the workload's: what has to hold after it.
  void check_shutdown(const ShutdownReport& report);
  [[nodiscard]] Outcome conclude();

 private:
  [[nodiscard]] bool begin_operation();
  [[nodiscard]] bool step();
  [[nodiscard]] std::uint64_t allocation_that_fails();
  /// The fault that is due at this moment of its kind, unless this run leaves it out.
  [[nodiscard]] const Fault* due(Faults& faults);

  Plan plan_;
  Draw draw_;
  Outcome outcome_;
  bool is_punctual_ = true;
  testing::TestOptions options_;
  std::vector<std::shared_ptr<void>> kept_;  // before the system: its actors' end uses it
  std::optional<testing::TestSystem> system_;
  Faults throws_;
  Faults delays_;
  Faults scarcity_;
  bool faults_on_ = false;
  bool finished_ = false;
  std::uint64_t steps_ = 0;
};

/// A closed program with exact counts.
struct Workload {
  std::string_view name;
  std::string_view what;
  void (*run)(Run& run);
};
[[nodiscard]] const std::vector<Workload>& workloads();

[[nodiscard]] Outcome run_workload(const Workload& workload, const Plan& plan);

}  // namespace coppice::simulation
