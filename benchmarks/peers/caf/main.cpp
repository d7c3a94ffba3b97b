// bench_caf: see stage.hpp.

#include "stage.hpp"

int main(int argc, char** argv) {
  using namespace coppice::bench;
  const std::string version = std::to_string(CAF_VERSION / 10'000) + "." + std::to_string(CAF_VERSION / 100 % 100) +
                              "." + std::to_string(CAF_VERSION % 100);
  Workloads all;
  add_messages(all);
  add_creation(all);
  add_meetings(all);
  add_searches(all);
  add_timers(all);
  add_latency(all);
  add_echo(all);
  return drive({"caf", "CAF " + version + ", work stealing, as many threads as workers, this program with -O3"}, all,
               argc, argv);
}
