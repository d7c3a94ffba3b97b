#include <coppice/coppice.hpp>
#include <coppice/testing/probe.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"
#include "support/eventually.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Bang {};
struct Who {};

struct Child : Actor<Child> {
  int lives_seen = 0;
  static inline int constructed = 0;
  Child() { ++constructed; }
  void handle(Bang) { throw std::runtime_error("boom"); }
  int handle(Who) { return static_cast<int>(incarnation()); }
};

}  // namespace

TEST_CASE("a child throws, a new instance answers") {
  testing::TestSystem system{{.seed = 42}};
  auto root = system.start(supervisor({.id = "app"}, child<Child>({.id = "child"})));
  REQUIRE(root.has_value());
  const auto ref = root->child<Child>("child").value();
  CHECK(ref.ask(Who{}, 1s).get().value() == 1);
  ref.send(Bang{});
  CHECK(ref.ask(Who{}, 1s).get().value() == 2);
  CHECK(ref.path() == "app/child");
  for (int i = 0; i < 3; ++i) system.crash(ref);
  CHECK(system.has_stopped(root));
  for (const auto& line : system.event_log()) UNSCOPED_INFO(line);
  CHECK(system.failures().size() == 1);
  CHECK(system.shutdown().complete);
  CHECK(system.ledger().balances());
  CHECK(system.stats().actors == 0);
}

TEST_CASE("on real threads, a child throws, a new instance answers") {
  ActorSystem system{{.reports = false}};
  auto root = system.start(supervisor(
      {.id = "app", .strategy = RestForOne{}, .intensity = {.restarts = 100, .within = 5s}},
      supervisor({.id = "sub"}, children<Child>(3, "w-{}")), child<Child>({.id = "a"}), child<Child>({.id = "b"})));
  REQUIRE(root.has_value());
  const auto ref = root->child<Child>("a").value();
  for (int i = 1; i < 50; ++i) {
    CHECK(ref.ask(Who{}, testing::kPatience).get().value() == i);
    ref.send(Bang{});
  }
  const auto w = root->child<Supervisor>("sub").value().child<Child>("w-2").value();
  CHECK(w.ask(Who{}, testing::kPatience).get().has_value());
  const auto report = system.shutdown();
  CHECK(report.complete);
  CHECK(system.ledger().balances());
  CHECK(system.ledger().queued == 0);
  CHECK(system.stats().actors == 0);
}
