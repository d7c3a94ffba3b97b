// The programs that actor libraries are compared by, in one: ping-pong, counting, fork and join, Savina's and more.
//
//   bench_classic --list        bench_classic --workload ping_pong --workers 2 --rounds 5 --json
//
// The peers' programs in ../../peers take the same command line, so that tools/compare.py can run them in turn.

#include "suite.hpp"

int main(int argc, char** argv) {
  using namespace coppice::bench;
  Workloads all;
  add_messages(all);
  add_fan_out(all);
  add_creation(all);
  add_meetings(all);
  add_sharing(all);
  add_searches(all);
  add_lives_and_timers(all);
  add_rest(all);
  add_echo(all);
  add_growth(all);
  return drive({"coppice", "coppice, default options but the number of workers"}, all, argc, argv);
}
