// A child that is checked. docs/how-to/check_health.md quotes this file.

#include <chrono>
#include <cstddef>

#include <coppice/coppice.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Fill {
  std::size_t lines;
};
struct Life {};

/// Writes lines to a disk that may be full.
struct Journal : Actor<Journal> {
  static constexpr std::size_t kMany = 1'000;

  Health on_health_check() const {
    if (waiting > 2 * kMany) return Health::Failed;
    return waiting > kMany ? Health::Degraded : Health::Healthy;
  }
  void handle(Fill fill) { waiting += fill.lines; }
  std::uint32_t handle(Life) { return incarnation(); }

  std::size_t waiting = 0;
};

SupervisorSpec tree() {
  return supervisor(
      {.id = "app"},
      child<Journal>({.id = "journal", .health = {.interval = 1s, .timeout = 250ms, .failures = 3, .recovery = 2}}));
}

}  // namespace

TEST_CASE("a journal that fails three checks is restarted") {
  testing::TestSystem system{{.seed = 42}};
  const auto root = system.start(tree());
  const auto journal = root->child<Journal>("journal").value();

  journal.send(Fill{1'500});
  system.advance(10s);  // degraded: reported, and no more
  CHECK(journal.ask(Life{}, 1s).get() == Result<std::uint32_t, AskError>{1});

  journal.send(Fill{1'500});
  system.advance(10s);
  CHECK(journal.ask(Life{}, 1s).get() == Result<std::uint32_t, AskError>{2});
}
