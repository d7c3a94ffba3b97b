#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "soak.hpp"

// soak MINUTES [SEED]: all workloads, each for its share of the time; a table for people and for docs/evidence.md. Exits
// with 1 when anything differs. As long as something is asked for that has not been reached, time goes there; what is
// left then goes to all of them once more.

namespace coppice::soak {
namespace {

using std::chrono::duration;

void run(const Workload& workload, const Length& length, Findings& findings) {
  const std::size_t known = findings.wrong().size();
  workload.run(length, findings);
  for (std::size_t i = known; i < findings.wrong().size(); ++i)
    fmt::print(stderr, "soak: {}: seed {}: {}\n", workload.name, length.seed, findings.wrong()[i]);
}

/// One pass over all workloads. The time that one of them leaves goes to those behind it.
void pass(Findings (&findings)[std::size(kWorkloads)], Steady::time_point end, std::uint32_t seed, bool as_asked) {
  double shares = 0;
  for (const Workload& workload : kWorkloads) shares += workload.share;
  for (std::size_t i = 0; i < std::size(kWorkloads); ++i) {
    const Workload& workload = kWorkloads[i];
    const auto left = duration<double>{end - Steady::now()};
    const auto own = std::chrono::duration_cast<Steady::duration>(left * (workload.share / shares));
    shares -= workload.share;
    const Length length{
        .goal = as_asked ? workload.asked : ~std::uint64_t{0}, .until = Steady::now() + own, .seed = seed};
    run(workload, length, findings[i]);
  }
}

void print(const Workload& workload, const Findings& findings) {
  fmt::print("| {} | {} {}", workload.name, findings.figure(workload.counts), workload.counts);
  if (workload.asked_besides != 0) fmt::print(", {} {}", findings.figure(workload.besides), workload.besides);
  fmt::print(" | {} {}", workload.asked, workload.counts);
  if (workload.asked_besides != 0) fmt::print(", {} {}", workload.asked_besides, workload.besides);
  fmt::print(" | {} | ", findings.difference());
  const char* between = "";
  for (const auto& [what, figure] : findings.figures()) {
    if (what == workload.counts || what == workload.besides) continue;
    fmt::print("{}{} {}", between, what, figure);
    between = "; ";
  }
  fmt::print(" |\n");
}

}  // namespace
}  // namespace coppice::soak

int main(int argc, char** argv) {
  using namespace coppice::soak;
  const double minutes = argc > 1 ? std::atof(argv[1]) : 0;
  const auto seed = static_cast<std::uint32_t>(argc > 2 ? std::atoi(argv[2]) : 1);
  if (!(minutes > 0)) {
    fmt::print(stderr, "usage: soak MINUTES [SEED]\n");
    return 2;
  }
  const auto end =
      Steady::now() + std::chrono::duration_cast<Steady::duration>(duration<double, std::ratio<60>>{minutes});
  Findings findings[std::size(kWorkloads)];
  pass(findings, end, seed, true);
  // A pass that is much shorter than the first says nothing new.
  if (end - Steady::now() > std::chrono::seconds{20}) pass(findings, end, seed + 1, false);
  fmt::print("| workload | reached | asked for | difference | figures |\n|---|---|---|---|---|\n");
  std::uint64_t difference = 0;
  for (std::size_t i = 0; i < std::size(kWorkloads); ++i) {
    print(kWorkloads[i], findings[i]);
    difference += findings[i].difference();
  }
  return difference == 0 ? 0 : 1;
}
