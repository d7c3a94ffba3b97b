// simulate: runs the workloads under many seeds, each a schedule of its own, and looks whether a promise breaks.
//
//     simulate --seeds 10000                      all workloads, seeds 1 to 10,000 of each
//     simulate --workload mesh --seed 17          one run again, shrunk if it fails, with what happened
//     simulate --workload mesh --seeds 1000 --hashes   the hash of each schedule, a line each
//
// Answers 0 if all held, 1 if something broke, 2 for arguments that make no sense.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "shrink.hpp"
#include "support/scale.hpp"

namespace coppice::simulation {
namespace {

struct Arguments {
  std::optional<std::string> workload;
  std::uint64_t seeds = testing::scaled(100'000);
  std::uint64_t first = 1;
  std::optional<std::uint64_t> seed;
  unsigned jobs = 0;
  bool hashes = false;
};

struct Failure {
  std::uint64_t seed;
  Finding finding;
};

struct Search {
  std::vector<std::uint64_t> hashes;  // by seed
  std::optional<Failure> failure;     // of the lowest seed
};

/// Each thread takes the next row of seeds. A failure ends the search; it is the one of the lowest seed that was run.
Search search(const Workload& workload, const Arguments& arguments) {
  constexpr std::uint64_t kRow = 32;
  Search result;
  result.hashes.resize(arguments.seeds);
  std::mutex mutex;
  std::atomic<std::uint64_t> next{0};
  std::atomic<bool> failed{false};
  const auto work = [&] {
    for (std::uint64_t begin = 0; !failed && (begin = next.fetch_add(kRow)) < arguments.seeds;) {
      const std::uint64_t end = std::min(begin + kRow, arguments.seeds);
      for (std::uint64_t i = begin; i < end; ++i) {
        const std::uint64_t seed = arguments.first + i;
        Outcome outcome = run_workload(workload, Plan{.seed = seed});
        result.hashes[i] = outcome.hash;
        if (!outcome.finding) continue;
        failed = true;
        const std::lock_guard lock{mutex};
        if (!result.failure || seed < result.failure->seed) result.failure = Failure{seed, std::move(*outcome.finding)};
        break;
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < arguments.jobs; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return result;
}

const char* name_of(testing::Strategy strategy) {
  switch (strategy) {
    case testing::Strategy::RandomWalk: return "random walk";
    case testing::Strategy::Priorities: return "priorities";
    case testing::Strategy::Delays: return "delays";
    case testing::Strategy::Sticky: return "sticky";
    case testing::Strategy::StarveOne: return "starve one";
    case testing::Strategy::Follow: return "follow";
  }
  return "?";
}

std::string deviations_text(const std::vector<testing::Deviation>& deviations) {
  std::string text;
  for (const testing::Deviation& each : deviations) {
    text += fmt::format(" {}:{}", each.step,
                        each.choice == testing::Deviation::kTimer ? std::string{"timer"} : std::to_string(each.choice));
  }
  return text.empty() ? " none" : text;
}

/// One seed, with all that there is to say about it. True: it held.
bool explain(const Workload& workload, std::uint64_t seed) {
  const Plan plan{.seed = seed, .keeps_log = true};
  const Outcome outcome = run_workload(workload, plan);
  fmt::print("{}, seed {}: {}, {} operations, schedule {:016x}\n", workload.name, seed,
             name_of(outcome.schedule.strategy), outcome.operations, outcome.hash);
  if (!outcome.finding) {
    fmt::print("all held\n");
    return true;
  }
  fmt::print("{}: {}\n", outcome.finding->oracle, outcome.finding->text);
  const Shrunk shrunk = shrink(workload, plan, outcome);
  if (!shrunk.outcome.finding) {
    fmt::print("and a second run of the same seed held: this run depends on something beside its seed\n");
    return false;
  }
  fmt::print("shrunk in {} runs to {} operations, {} faults, and deviations (step:choice){}\n", shrunk.runs,
             shrunk.operations, shrunk.faults, deviations_text(shrunk.outcome.deviations));
  fmt::print("{}: {}\n", shrunk.outcome.finding->oracle, shrunk.outcome.finding->text);
  for (const std::string& line : shrunk.outcome.struck) fmt::print("  fault: {}\n", line);
  for (const std::string& line : shrunk.outcome.log) fmt::print("  {}\n", line);
  return false;
}

/// True: all held, and the schedules differ.
bool look_for_failures(const Workload& workload, const Arguments& arguments) {
  const auto begun = std::chrono::steady_clock::now();
  Search found = search(workload, arguments);
  if (found.failure) {
    fmt::print("{}: seed {} breaks {}: {}\nreplay: simulate --workload {} --seed {}\n", workload.name,
               found.failure->seed, found.failure->finding.oracle, found.failure->finding.text, workload.name,
               found.failure->seed);
    static_cast<void>(explain(workload, found.failure->seed));
    return false;
  }
  if (arguments.hashes) {
    for (std::uint64_t i = 0; i < arguments.seeds; ++i)
      fmt::print("{} {} {:016x}\n", workload.name, arguments.first + i, found.hashes[i]);
    return true;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::sort(found.hashes.begin(), found.hashes.end());
  const auto distinct = std::unique(found.hashes.begin(), found.hashes.end()) - found.hashes.begin();
  const double share = static_cast<double>(distinct) / static_cast<double>(arguments.seeds);
  fmt::print("{:<12} {:>8} seeds held, {:.2f} % of the schedules distinct, {:.1f} s\n", workload.name, arguments.seeds,
             100 * share, seconds);
  if (arguments.seeds >= 100 && share < 0.99) {
    fmt::print("{}: too many seeds do the same\n", workload.name);
    return false;
  }
  return true;
}

int run(int argc, char** argv) {
  Arguments arguments;
  arguments.jobs = std::max(1U, std::thread::hardware_concurrency());
  CLI::App app{"Looks for a schedule under which a promise of coppice breaks."};
  std::string names = "all of them:";
  for (const Workload& each : workloads()) names += fmt::format("\n{:<12} {}", each.name, each.what);
  app.add_option("--workload", arguments.workload, "one of these; without it " + names);
  app.add_option("--seeds", arguments.seeds, "so many seeds of each workload")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}))
      ->capture_default_str();
  const auto whole = [](const std::string& text) {
    const bool is = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
    return is ? std::string{} : '"' + text + "\" is no whole number from 0";
  };
  app.add_option("--first", arguments.first, "the first of them")->check(whole)->capture_default_str();
  app.add_option("--seed", arguments.seed, "this one alone, explained, and shrunk if it fails")->check(whole);
  app.add_option("--jobs", arguments.jobs, "threads")->check(CLI::Range(1U, 1'024U))->capture_default_str();
  app.add_flag("--hashes", arguments.hashes, "prints the hash of each schedule");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  bool any = false;
  bool held = true;
  for (const Workload& workload : workloads()) {
    if (arguments.workload && workload.name != *arguments.workload) continue;
    any = true;
    held = (arguments.seed ? explain(workload, *arguments.seed) : look_for_failures(workload, arguments)) && held;
  }
  if (!any) {
    fmt::print(stderr, "simulate: there is no workload \"{}\"; they are:", arguments.workload.value_or(""));
    for (const Workload& each : workloads()) fmt::print(stderr, " {}", each.name);
    fmt::print(stderr, "\n");
    return 2;
  }
  return held ? 0 : 1;
}

}  // namespace
}  // namespace coppice::simulation

int main(int argc, char** argv) try { return coppice::simulation::run(argc, argv); } catch (const std::exception& e) {
  fmt::print(stderr, "simulate: {}\n", e.what());
  return 2;
}
