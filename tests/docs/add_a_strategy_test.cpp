// A strategy of one's own. docs/how-to/add_a_strategy.md quotes this file.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string_view>

#include <coppice/coppice.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

/// Children come in pairs, a connection and its decoder: 0 and 1, 2 and 3, and so on. Who fails takes its partner
/// along.
struct PairForOne {
  static constexpr std::string_view kName = "pair_for_one";
  [[nodiscard]] constexpr AffectedRange affected(std::size_t failed, std::size_t count) const noexcept {
    const std::size_t first = failed - failed % 2;
    return {first, std::min(first + 2, count)};
  }
};
static_assert(Strategy<PairForOne>);

struct Which {};
struct Member : Actor<Member> {
  std::uint32_t handle(Which) { return incarnation(); }
};

}  // namespace

TEST_CASE("the range of a pair is the pair") {
  CHECK(PairForOne{}.affected(0, 5) == AffectedRange{0, 2});
  CHECK(PairForOne{}.affected(3, 5) == AffectedRange{2, 4});
  CHECK(PairForOne{}.affected(4, 5) == AffectedRange{4, 5});
}

TEST_CASE("a crash restarts the pair and nobody else") {
  testing::TestSystem system{{.seed = 42}};
  const auto root =
      system.start(supervisor({.id = "pairs", .strategy = PairForOne{}}, children<Member>(4, "member-{}")));
  const auto life = [&](const char* id) { return root->child<Member>(id).value().ask(Which{}, 1s).get().value(); };

  system.crash(root->child<Member>("member-3"));
  CHECK(life("member-1") == 1);
  CHECK(life("member-2") == 1);
  CHECK(life("member-3") == 2);
  CHECK(life("member-4") == 2);
}
