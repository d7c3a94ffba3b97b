// A pool of workers that crash: counts lines, words and bytes of every file below some paths.
//
// It shows   work shared out by a coordinator to supervised workers. With --crash-every K each K-th file crashes its
//            worker when half of it is counted: the half dies with the worker, the supervisor starts the worker again,
//            the file is counted again, and the totals are those of `LC_ALL=C wc`.
// It prints  a progress bar while stderr is a terminal; what could not be counted, a line each; a table of jobs,
//            crashes and restarts; the totals; files that are empty or changed meanwhile. --json writes the same to a
//            file. Exit codes: see report.hpp.
// Read       ../monitoring before; then worker.cpp, coordinator.cpp, this file; ../saga after.

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <coppice/coppice.hpp>

#include "../support/arguments.hpp"
#include "../support/checked_output.hpp"
#include "../support/crash_counter.hpp"
#include "../support/interrupt.hpp"
#include "coordinator.hpp"
#include "display.hpp"
#include "report.hpp"
#include "worker.hpp"

using namespace std::chrono_literals;

namespace {

using System = coppice::BasicActorSystem<examples::CrashCounter>;

std::optional<int> read_arguments(Options& options, int argc, char** argv) {
  CLI::App app{
      "Counts lines, words and bytes of every file below the paths, as `LC_ALL=C wc` does, with a supervised pool."};
  app.add_option("PATH", options.paths, "Files and directories; symbolic links are followed")
      ->check(examples::not_empty())
      ->required();
  app.add_option("--workers", options.workers, "How many workers")
      ->check(examples::whole_number(1, 1'024))
      ->capture_default_str();
  app.add_option("--crash-every", options.crash_every, "Crash the worker in the middle of every so-manieth file")
      ->check(examples::whole_number(1, std::numeric_limits<std::int64_t>::max()));
  app.add_option("--crash-on", options.poison, "Crash at every attempt at a file whose path contains this text")
      ->check(examples::not_empty());
  app.add_option("--json", options.json, "Write the report to this file, too")->check(examples::not_empty());
  return examples::parse(app, argc, argv);
}

/// As many restarts as all attempts of all jobs: a crash is business here, and kAttempts is what ends it.
coppice::Intensity patience(std::size_t jobs) {
  const std::uint64_t crashes_max = static_cast<std::uint64_t>(jobs) * kAttempts + 1;
  const std::uint64_t most = std::numeric_limits<std::uint32_t>::max() - 1;
  return {.restarts = static_cast<std::uint32_t>(std::min(crashes_max, most)), .within = 100ms};
}

Outcome count(System& system, const Options& options, Found found) {
  const coppice::Intensity intensity = patience(found.jobs.size());
  const auto coordinator = system.spawn<Coordinator>({.name = "coordinator"}, std::move(found), options.workers,
                                                     Injection{.every = options.crash_every, .poison = options.poison});
  const auto display = system.spawn<Display>({.name = "display"}, coordinator);
  const auto pool = system.start(
      coppice::supervisor({.id = "pool", .strategy = coppice::OneForOne{}, .intensity = intensity},
                          coppice::children<Worker>(options.workers, "worker-{}", CoordinatorRef{coordinator})));
  if (!pool) return {.gave_up = "it did not start: " + pool.error().reason.to_string()};

  auto outcome = coordinator.ask(Run{*pool}, coppice::kForever).get();
  static_cast<void>(system.stop(display).get());  // takes the progress bar away
  if (!outcome) return {.gave_up = std::string{"no answer from the coordinator: "} + to_string(outcome.error())};
  return std::move(outcome).value();
}

int run(const Options& options) {
  Found found = find_files(options.paths);
  if (was_interrupted()) {
    fmt::print(stderr, "worker_pool: interrupted while looking for files; nothing was counted\n");
    return 128 + interrupting_signal();
  }
  const auto poisoned = [&](const Job& job) { return job.path.find(options.poison) != std::string::npos; };
  if (!options.poison.empty() && std::ranges::none_of(found.jobs, poisoned)) {
    fmt::print(stderr, "worker_pool: --crash-on {}: no file has that in its path\n",
               examples::printable(options.poison));
    return 1;
  }
  examples::ReportFile report{options.json};  // after the search, which may pass by its place
  if (!report.problem().empty()) {
    fmt::print(stderr, "worker_pool: --json {}: {}\n", examples::printable(report.path()), report.problem());
    return 1;
  }

  System system{{.reports = false}};  // crashes on purpose: the table tells of them
  Finished finished{.outcome = count(system, options, std::move(found)), .crashes = system.monitor()};
  finished.in_order = system.shutdown({.within = 5s}).complete && system.ledger().balances();
  finished.signal = interrupting_signal();
  release_interrupts();
  const std::string problem = report.write(as_json(options, finished));
  print(finished);
  if (!problem.empty()) {
    fmt::print(stderr, "worker_pool: --json {}: not written: {}\n", examples::printable(report.path()), problem);
    return 1;
  }
  return exit_code(finished);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const auto code = read_arguments(options, argc, argv)) return *code;
  hold_interrupts();
  return examples::with_checked_output("worker_pool", [&] { return run(options); });
}
