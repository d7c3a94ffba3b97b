// A pipeline of stages that know topics and not each other: ingest, validate, process, store, over a log file.
//
// It shows   publish and subscribe between supervised stages. With --crash-every K each stage crashes at every K-th
//            line; RestForOne starts it and all behind it again. Subscriptions made from outside belong to the place:
//            what is published meanwhile waits for the next life. The event in hand is lost with its life, so the
//            crash says on a topic which line that was and ingest sends it again; a line that comes twice is counted
//            once. The counts are those of awk over the same file.
// It prints  counts by level and by service, crashes and restarts; what is wrong with the first lines that are. --json
//            writes the same to a file. Exit codes: 0; 2, if lines were invalid; 1, if what it shows did not happen;
//            128 and the signal's number after Ctrl-C: what was read until then is counted.
// Read       ../saga before; then events.hpp, stages.hpp, this file.

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <coppice/coppice.hpp>

#include "../support/arguments.hpp"
#include "../support/checked_output.hpp"
#include "../support/crash_counter.hpp"
#include "../support/interrupt.hpp"
#include "report.hpp"
#include "stages.hpp"

using namespace std::chrono_literals;

namespace {

using System = coppice::BasicActorSystem<examples::CrashCounter>;

std::optional<int> read_arguments(Options& options, int argc, char** argv) {
  CLI::App app{"Counts the events of a log file (seconds, level, service, milliseconds) with a supervised pipeline."};
  app.add_option("LOG", options.log, "The file")->check(examples::not_empty())->required();
  app.add_option("--crash-every", options.crash_every, "Crash each stage at every so-manieth line")
      ->check(examples::whole_number(1, std::numeric_limits<std::int64_t>::max()));
  app.add_option("--window", options.window, "Lines under way at a time")
      ->check(examples::whole_number(1, 10'000))
      ->capture_default_str();
  app.add_option("--json", options.json, "Write the report to this file, too")->check(examples::not_empty());
  return examples::parse(app, argc, argv);
}

/// Why the file cannot be counted; empty: it can.
std::string problem_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::generic_category().message(errno);
  if (S_ISDIR(status.st_mode)) return "it is a directory";
  if (!S_ISREG(status.st_mode)) return "it is not a regular file";
  std::ifstream file{path, std::ios::binary};
  if (!file) return std::generic_category().message(errno);
  file.peek();
  return file.bad() ? "it cannot be read" : "";
}

/// Runs all lines to their end. Why they did not come to it, or nothing.
std::string run_pipeline(System& system, const Options& options, Finished& finished) {
  coppice::InMemoryBroker broker{system};
  const auto chaos = [&] { return finished.chaos.emplace_back(std::make_shared<Chaos>(options.crash_every)); };
  const auto pipeline = system.start(coppice::supervisor(
      {.id = "pipeline", .strategy = coppice::RestForOne{}, .intensity = {.restarts = 1'000'000, .within = 100ms}},
      coppice::child<Ingest>({.id = "ingest"}, &broker, chaos(), finished.journal, options.log, options.window),
      coppice::child<Validate>({.id = "validate"}, &broker, chaos()),
      coppice::child<Process>({.id = "process"}, &broker, chaos()),
      coppice::child<Store>({.id = "store"}, &broker, chaos(), finished.counts)));
  if (!pipeline) return pipeline.error().reason.to_string();
  const auto ingest = pipeline->child<Ingest>("ingest").value();
  const auto store = pipeline->child<Store>("store").value();
  std::vector<coppice::Subscription> subscriptions;
  subscriptions.push_back(broker.subscribe<Stored>("lines.stored", ingest));
  subscriptions.push_back(broker.subscribe<Lost>("lines.lost", ingest));
  subscriptions.push_back(broker.subscribe<RawLine>("lines.raw", pipeline->child<Validate>("validate").value()));
  subscriptions.push_back(broker.subscribe<LogEvent>("events.valid", pipeline->child<Process>("process").value()));
  subscriptions.push_back(broker.subscribe<ProcessedEvent>("events.processed.*", store));
  subscriptions.push_back(broker.subscribe<InvalidLine>("events.invalid", store));
  ingest.send(Begin{});

  std::string gave_up;
  for (;;) {
    const auto done = ingest.ask(WhenDone{}, coppice::kForever).get();
    if (done) break;
    // The life that had promised to answer crashed: the next one can be asked. A place that has ended cannot.
    if (done.error() == coppice::AskError::NoReply || done.error() == coppice::AskError::Crashed) continue;
    gave_up = to_string(done.error());
    break;
  }
  finished.in_order = system.shutdown({.within = 5s}).complete && system.ledger().balances();
  return gave_up;
}

int run(const Options& options) {
  if (const std::string problem = problem_of(options.log); !problem.empty()) {
    fmt::print(stderr, "event_pipeline: {}: {}\n", examples::printable(options.log), problem);
    return 1;
  }
  examples::ReportFile report{options.json};
  if (!report.problem().empty()) {
    fmt::print(stderr, "event_pipeline: --json {}: {}\n", examples::printable(report.path()), report.problem());
    return 1;
  }
  System system{{.reports = false}};  // crashes on purpose: the report tells of them
  Finished finished{.crashes = system.monitor()};
  finished.gave_up = run_pipeline(system, options, finished);
  finished.in_hand = system.ledger().dead(coppice::DeadReason::InHand);
  finished.signal = interrupting_signal();
  release_interrupts();
  const std::string problem = report.write(as_json(finished));
  print(options, finished);
  if (!problem.empty()) {
    fmt::print(stderr, "event_pipeline: --json {}: not written: {}\n", examples::printable(report.path()), problem);
    return 1;
  }
  return exit_code(finished);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const auto code = read_arguments(options, argc, argv)) return *code;
  hold_interrupts();
  return examples::with_checked_output("event_pipeline", [&] { return run(options); });
}
