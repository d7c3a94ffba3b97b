#include "report.hpp"

#include <algorithm>

#include <fmt/format.h>

using examples::printable;
using examples::Tally;

namespace {

/// Every injected crash was reported by the supervisor, and nothing else was; every crash had its restart.
bool crashes_add_up(const Finished& finished) {
  const Tally all = finished.crashes.all();
  return all.crashes == finished.outcome.injected && all.restarts == all.crashes;
}

std::vector<WorkerShare> by_name(std::vector<WorkerShare> workers) {
  const auto shorter_first = [](const WorkerShare& a, const WorkerShare& b) {
    return a.name.size() != b.name.size() ? a.name.size() < b.name.size() : a.name < b.name;
  };
  std::ranges::sort(workers, shorter_first);
  return workers;
}

void print_table(const Finished& finished) {
  constexpr auto kRow = "{:<16} {:>10} {:>10} {:>10}\n";
  std::uint64_t jobs = 0;
  fmt::print(kRow, "worker", "jobs", "crashes", "restarts");
  for (const WorkerShare& worker : by_name(finished.outcome.workers)) {
    const Tally tally = finished.crashes.of(worker.name);
    fmt::print(kRow, worker.name, worker.jobs, tally.crashes, tally.restarts);
    jobs += worker.jobs;
  }
  const Tally all = finished.crashes.all();
  fmt::print(kRow, "all", jobs, all.crashes, all.restarts);
}

void print_failures(const Outcome& outcome) {
  for (const Failure& failure : outcome.failures) {
    fmt::print(stderr, "worker_pool: {}: {}\n", printable(failure.path), printable(failure.reason));
  }
}

void print_totals(const Outcome& outcome) {
  fmt::print("\n{} lines, {} words, {} bytes in {} files\n", outcome.totals.lines, outcome.totals.words,
             outcome.totals.bytes, outcome.files);
  if (!outcome.failures.empty()) fmt::print("{} paths could not be counted\n", outcome.failures.size());
  if (!outcome.largest.empty()) {
    fmt::print("the largest is {}: {} bytes\n", printable(outcome.largest), outcome.largest_bytes);
  }
  for (const std::string& path : outcome.empty_named) fmt::print("{}: empty\n", printable(path));
  if (outcome.empty > outcome.empty_named.size()) {
    fmt::print("{} more are empty\n", outcome.empty - outcome.empty_named.size());
  }
  for (const Changed& changed : outcome.changed) {
    fmt::print("{}: changed while it was counted, from {} bytes to {}: {} were counted\n", printable(changed.path),
               changed.size_before, changed.size_after, changed.counted);
  }
  fmt::print("{} crashes injected, {} jobs tried again, {} bytes counted in vain\n", outcome.injected, outcome.retries,
             outcome.in_vain);
}

void print_what_is_wrong(const Finished& finished) {
  const Outcome& outcome = finished.outcome;
  if (finished.signal != 0) {
    fmt::print(stderr, "worker_pool: interrupted: {} of {} files were counted, and the totals are theirs\n",
               outcome.files, outcome.found);
    return;
  }
  if (!outcome.gave_up.empty()) fmt::print(stderr, "worker_pool: the pool gave up: {}\n", outcome.gave_up);
  if (!crashes_add_up(finished)) {
    const Tally all = finished.crashes.all();
    fmt::print(stderr, "worker_pool: {} crashes were injected; the supervisor saw {} crashes and {} restarts\n",
               outcome.injected, all.crashes, all.restarts);
  }
  if (!finished.in_order) fmt::print(stderr, "worker_pool: the system did not shut down in order\n");
}

}  // namespace

int exit_code(const Finished& finished) {
  if (finished.signal != 0) return 128 + finished.signal;
  if (!finished.outcome.gave_up.empty() || !finished.in_order || !crashes_add_up(finished)) return 1;
  return finished.outcome.failures.empty() ? 0 : 2;
}

void print(const Finished& finished) {
  const Outcome& outcome = finished.outcome;
  print_failures(outcome);
  print_table(finished);
  print_totals(outcome);
  std::fflush(stdout);
  print_what_is_wrong(finished);
}

nlohmann::ordered_json as_json(const Options& options, const Finished& finished) {
  using Json = nlohmann::ordered_json;
  const Outcome& outcome = finished.outcome;
  const Tally all = finished.crashes.all();
  Json report;
  report["example"] = "worker_pool";
  report["exit_code"] = exit_code(finished);
  report["interrupted"] = finished.signal != 0;
  report["options"]["workers"] = options.workers;
  report["options"]["crash_every"] = options.crash_every ? Json(*options.crash_every) : Json(nullptr);
  report["totals"] = {
      {"lines", outcome.totals.lines}, {"words", outcome.totals.words}, {"bytes", outcome.totals.bytes}};
  report["files"] = {{"found", outcome.found},
                     {"counted", outcome.files},
                     {"empty", outcome.empty},
                     {"failed", outcome.failures.size()}};
  report["crashes"] = {{"injected", outcome.injected},
                       {"crashes", all.crashes},
                       {"restarts", all.restarts},
                       {"retries", outcome.retries},
                       {"bytes_in_vain", outcome.in_vain}};
  report["workers"] = Json::array();
  for (const WorkerShare& worker : by_name(outcome.workers)) {
    const Tally tally = finished.crashes.of(worker.name);
    report["workers"].push_back(
        {{"id", worker.name}, {"jobs", worker.jobs}, {"crashes", tally.crashes}, {"restarts", tally.restarts}});
  }
  report["changed"] = Json::array();
  for (const Changed& changed : outcome.changed) {
    report["changed"].push_back({{"path", changed.path},
                                 {"size_before", changed.size_before},
                                 {"size_after", changed.size_after},
                                 {"counted", changed.counted}});
  }
  report["failures"] = Json::array();
  for (const Failure& failure : outcome.failures) {
    report["failures"].push_back({{"path", failure.path}, {"reason", failure.reason}, {"attempts", failure.attempts}});
  }
  return report;
}
