#include "soak.hpp"
#include "catch.hpp"
#include "support/scale.hpp"

// The workloads of `./dev stress`, as long as CI can afford.

namespace coppice::soak {
namespace {

Findings run(void (*workload)(const Length&, Findings&), std::size_t goal, std::uint32_t seed = 1) {
  Findings findings;
  workload({.goal = testing::scaled(goal), .seed = seed}, findings);
  for (const std::string& wrong : findings.wrong()) FAIL_CHECK("seed " << seed << ": " << wrong);
  return findings;
}

TEST_CASE("messages to places that crash and stop and restart are handled once and in order or dead") {  // P2 P3 P4 P5
  const Findings findings = run(&conserve, 2'000'000);
  CHECK(findings.difference() == 0);
  CHECK(findings.figure("stops crashes and restarts") > 0);
}

TEST_CASE("crashes from every hook with everything that can be thrown end lives and nothing else") {  // P6
  const Findings findings = run(&crash, 20'000);
  CHECK(findings.difference() == 0);
  CHECK(findings.figure("crashes") >= findings.figure("from the handler"));
}

TEST_CASE("systems start and stop by the ten thousand in the middle of everything and leave nothing") {  // P13
  const Findings findings = run(&start_and_stop, 10'000);
  CHECK(findings.difference() == 0);
}

TEST_CASE("of watches that are made and taken back around every end each that stands has one Down") {  // P7
  const Findings findings = run(&watch, 60'000);
  CHECK(findings.difference() == 0);
}

TEST_CASE("asks with deadlines near the latency have one outcome each and every late answer is counted") {  // P12
  const Findings findings = run(&ask, 200'000);
  CHECK(findings.difference() == 0);
  CHECK(findings.figure("replies") > 0);
  CHECK(findings.figure("time-outs") > 0);
}

TEST_CASE("a million queued messages that go at once are destroyed one after the other") {
  const Findings findings = run(&destroy_at_once, 1'400'000);
  CHECK(findings.difference() == 0);
}

}  // namespace
}  // namespace coppice::soak
