#include "coppice/supervisors/strategy.hpp"

#include "catch.hpp"
#include "coppice/supervisors/one_for_all.hpp"
#include "coppice/supervisors/one_for_one.hpp"
#include "coppice/supervisors/rest_for_one.hpp"
#include "supervisors/rules_driver.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::RulesDriver;

/// The failed one and the one before it.
struct WithPredecessor {
  static constexpr std::string_view kName = "with_predecessor";
  [[nodiscard]] constexpr AffectedRange affected(std::size_t failed, std::size_t) const noexcept {
    return {failed == 0 ? 0 : failed - 1, failed + 1};
  }
};

struct Nameless {
  [[nodiscard]] AffectedRange affected(std::size_t failed, std::size_t) const noexcept { return {failed, failed + 1}; }
};
struct Throwing {
  [[maybe_unused]] static constexpr std::string_view kName = "throwing";
  [[nodiscard]] AffectedRange affected(std::size_t failed, std::size_t) const { return {failed, failed + 1}; }
};

static_assert(Strategy<OneForOne> && Strategy<OneForAll> && Strategy<RestForOne> && Strategy<WithPredecessor>);
static_assert(!Strategy<Nameless> && !Strategy<Throwing> && !Strategy<int>);
static_assert(OneForOne{}.affected(2, 5) == AffectedRange{2, 3});
static_assert(OneForAll{}.affected(2, 5) == AffectedRange{0, 5});
static_assert(RestForOne{}.affected(2, 5) == AffectedRange{2, 5});
static_assert(RestForOne{}.affected(4, 5) == AffectedRange{4, 5});

TEST_CASE("a strategy whose type is forgotten answers as before and compares by type") {
  const AnyStrategy all = OneForAll{};
  CHECK(all.name() == "one_for_all");
  CHECK(all.affected(1, 4) == AffectedRange{0, 4});
  CHECK(all == AnyStrategy{OneForAll{}});
  CHECK(all != AnyStrategy{OneForOne{}});
  CHECK(AnyStrategy{WithPredecessor{}}.name() == "with_predecessor");
}

TEST_CASE("a strategy of the user's own is executed like the built-in ones") {
  RulesDriver rules{WithPredecessor{}, {.restarts = 3, .within = 5s}, {{"a"}, {"b"}, {"c"}, {"d"}}};
  rules.start();
  rules.take();
  rules.crash("c");
  CHECK(rules.take() == Lines{"stop b", "start b", "start c"});
  rules.crash("a");
  CHECK(rules.take() == Lines{"start a"});
  CHECK(rules.violations() == Lines{});
}

}  // namespace
}  // namespace coppice
