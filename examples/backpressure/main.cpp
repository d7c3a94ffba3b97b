// Back-pressure: a fast producer against a slow consumer, once for each policy that a full mailbox may have.
//
// It shows   what becomes of the messages that do not fit: refused at the sender, dropped, evicted by newer ones, waited
//            for, or replaced by the latest of their key; and that none is lost without a reason.
// It prints  a table: how many were sent, handled and dead, the most that waited at once, the longest time that one
//            waited, and why the dead ones died. --plot FILE.png draws how many waited over time, with gnuplot. It exits
//            with 1 when anything does not add up.
// Read       ../getting_started before; then flood.cpp, this file; ../worker_pool after.

#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "../support/arguments.hpp"
#include "../support/checked_output.hpp"
#include "../support/report_file.hpp"
#include "flood.hpp"
#include "plot.hpp"
#include "report.hpp"

namespace {

struct Options {
  Numbers numbers;
  std::uint64_t work = 10;
  std::string policy = "all";
  std::string plot;
};

std::vector<std::string> policy_names() {
  std::vector<std::string> names{"all"};
  for (const Policy& policy : kPolicies) names.emplace_back(policy.name);
  return names;
}

std::optional<int> read_arguments(Options& options, int argc, char** argv) {
  CLI::App app{"Floods a slow actor through a bounded mailbox, and shows what each overflow policy makes of it."};
  app.add_option("--capacity", options.numbers.capacity, "How many messages may wait")
      ->check(examples::whole_number(1, 10'000'000))
      ->capture_default_str();
  app.add_option("--messages", options.numbers.messages, "How many are sent")
      ->check(examples::whole_number(1, 100'000'000))
      ->capture_default_str();
  app.add_option("--work", options.work, "How many microseconds the consumer needs for one")
      ->check(examples::whole_number(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--faster", options.numbers.faster, "How many times as fast the producer is")
      ->check(examples::whole_number(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--policy", options.policy, "Which policy")
      ->check(CLI::IsMember{policy_names()})
      ->capture_default_str();
  app.add_option("--plot", options.plot, "Draw how many wait over time into this file, a PNG; needs gnuplot")
      ->check(examples::not_empty());
  return examples::parse(app, argc, argv);
}

int run(const Options& options) {
  const Plot plot{options.plot};
  const auto complain = [&](const std::string& what) {
    fmt::print(stderr, "backpressure: --plot {}: {}\n", examples::printable(plot.file()), what);
    return 1;
  };
  if (const std::string problem = plot.problem(); !problem.empty()) return complain(problem);

  int code = 0;
  std::vector<Flood> floods;
  print_head();
  for (const Policy& policy : kPolicies) {
    if (options.policy != "all" && options.policy != policy.name) continue;
    floods.push_back(flood(policy, options.numbers));
    print_row(floods.back());
    if (const auto wrong = problem(floods.back(), options.numbers)) {
      fmt::print(stderr, "backpressure: {}: {}\n", policy.name, *wrong);
      code = 1;
    }
  }
  if (plot.is_wanted()) {
    if (const std::string problem = plot.draw(floods); !problem.empty()) return complain(problem);
    fmt::print("drawn: {}\n", examples::printable(plot.file()));
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const auto code = read_arguments(options, argc, argv)) return *code;
  options.numbers.work = std::chrono::microseconds{options.work};
  return examples::with_checked_output("backpressure", [&] { return run(options); });
}
