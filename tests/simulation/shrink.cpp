#include "shrink.hpp"

#include <algorithm>
#include <utility>

namespace coppice::simulation {
namespace {

constexpr int kRunsMax = 3'000;

class Shrinking {
 public:
  Shrinking(const Workload& workload, std::string oracle) : workload_{workload}, oracle_{std::move(oracle)} {}

  /// Runs it; true: the same oracle speaks.
  bool fails(const Plan& plan) {
    ++runs_;
    last_ = run_workload(workload_, plan);
    return last_.finding && last_.finding->oracle == oracle_;
  }

  /// Leaves out of `items` what is not needed, in chunks of a half, a quarter, … one. `with` makes the plan of what is
  /// kept.
  template <class Item, class With>
  void reduce(std::vector<Item>& items, With&& with) {
    for (std::size_t chunk = items.size(); chunk != 0; chunk = chunk == 1 ? 0 : (chunk + 1) / 2) {
      for (std::size_t begin = 0; begin < items.size() && runs_ < kRunsMax;) {
        std::vector<Item> fewer{items.begin(), items.begin() + static_cast<std::ptrdiff_t>(begin)};
        const std::size_t end = std::min(begin + chunk, items.size());
        fewer.insert(fewer.end(), items.begin() + static_cast<std::ptrdiff_t>(end), items.end());
        if (fails(with(fewer))) {
          items = std::move(fewer);
        } else {
          begin = end;
        }
      }
    }
  }

  [[nodiscard]] int runs() const noexcept { return runs_; }
  [[nodiscard]] Outcome& last() noexcept { return last_; }

 private:
  const Workload& workload_;
  std::string oracle_;
  int runs_ = 0;
  Outcome last_;
};

std::vector<std::uint32_t> all_below(std::uint32_t count) {
  std::vector<std::uint32_t> numbers(count);
  for (std::uint32_t i = 0; i < count; ++i) numbers[i] = i;
  return numbers;
}

std::vector<std::uint32_t> others(const std::vector<std::uint32_t>& kept, std::uint32_t count) {
  std::vector<std::uint32_t> left_out;
  for (std::uint32_t i = 0; i < count; ++i)
    if (!std::binary_search(kept.begin(), kept.end(), i)) left_out.push_back(i);
  return left_out;
}

}  // namespace

Shrunk shrink(const Workload& workload, const Plan& failing, const Outcome& outcome) {
  Shrinking shrinking{workload, outcome.finding->oracle};
  Shrunk shrunk;
  shrunk.plan = failing;
  shrunk.plan.keeps_log = true;
  // The same schedule, as deviations.
  if (!shrinking.fails(shrunk.plan)) {
    shrunk.outcome = std::move(shrinking.last());
    return shrunk;  // the same seed does not do the same: the caller says so
  }
  std::vector<testing::Deviation> deviations = shrinking.last().deviations;
  const auto follow = [](const Plan& plan, const std::vector<testing::Deviation>& what) {
    Plan next = plan;
    next.schedule = testing::Schedule{.strategy = testing::Strategy::Follow, .follow = what};
    return next;
  };
  std::vector<std::uint32_t> operations = all_below(shrinking.last().operations);
  std::vector<std::uint32_t> faults = all_below(shrinking.last().faults);
  const auto count = static_cast<std::uint32_t>(operations.size());
  const auto fault_count = static_cast<std::uint32_t>(faults.size());

  const auto keep_operations = [&](const std::vector<std::uint32_t>& kept) {
    Plan next = shrunk.plan;
    next.operations_left_out = others(kept, count);
    return next;
  };
  const auto keep_faults = [&](const std::vector<std::uint32_t>& kept) {
    Plan next = shrunk.plan;
    next.faults_left_out = others(kept, fault_count);
    return next;
  };
  // While the schedule is still the strategy's it goes on making sense with fewer operations; then its deviations.
  shrinking.reduce(operations, keep_operations);
  shrunk.plan = keep_operations(operations);
  shrinking.reduce(faults, keep_faults);
  shrunk.plan = keep_faults(faults);
  if (shrinking.fails(shrunk.plan)) deviations = shrinking.last().deviations;
  if (shrinking.fails(follow(shrunk.plan, deviations))) {
    shrinking.reduce(deviations, [&](const auto& kept) { return follow(shrunk.plan, kept); });
    shrunk.plan = follow(shrunk.plan, deviations);
    shrinking.reduce(operations, keep_operations);
    shrunk.plan = keep_operations(operations);
  }
  static_cast<void>(shrinking.fails(shrunk.plan));
  shrunk.outcome = std::move(shrinking.last());
  shrunk.operations = static_cast<std::uint32_t>(operations.size());
  shrunk.faults = static_cast<std::uint32_t>(faults.size());
  shrunk.runs = shrinking.runs();
  return shrunk;
}

}  // namespace coppice::simulation
