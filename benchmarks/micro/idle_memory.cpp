// What an idle actor without state costs in memory: a million actors each handle a message, then rest; the growth of
// the resident set is divided by their number. Includes everything: cell, state, blocks that the pools keep. Prints one
// Markdown row.

#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "../support/harness.hpp"

namespace {

using namespace coppice::bench;

constexpr std::size_t kActors = 1'000'000;
constexpr double kTarget = 192;

struct Once {};
struct Idle : coppice::Actor<Idle> {
  void handle(Once) {}
};

double bytes_of_an_idle_actor(unsigned workers) {
  coppice::ActorSystem system{default_options(workers)};
  std::vector<coppice::ActorRef<Idle>> actors(kActors);  // written, hence resident, before the first look
  const std::int64_t before = resident_bytes();
  for (auto& actor : actors) {
    actor = system.spawn<Idle>();
    actor.send(Once{});
  }
  come_to_rest(system);
  const double bytes = static_cast<double>(resident_bytes() - before) / static_cast<double>(kActors);
  require(system.stats().actors == kActors, "an actor is missing");
  expect_all_handled(system, kActors);
  return bytes;
}

}  // namespace

/// One number of workers a process: what a system leaves in the pools would serve the next one.
int main(int argc, char** argv) {
  const unsigned workers = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1;
  const double bytes = bytes_of_an_idle_actor(workers);
  fmt::print("| idle actor without state, of 10⁶ | {} | {:.1f} bytes | ≤ {:.0f} | {} |\n", workers, bytes, kTarget,
             bytes <= kTarget ? "ok" : "**missed**");
  return 0;
}
