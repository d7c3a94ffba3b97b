#include "scheduler/victims.hpp"

#include <vector>

#include "catch.hpp"

// In which order a worker asks others for work.

namespace coppice::detail {
namespace {

using Order = std::vector<std::uint32_t>;

/// Whom worker `me` asks where workers are on these nodes and nobody has anything, or `has` does.
Order asked_by(std::uint32_t me, std::uint32_t first, const std::vector<unsigned>& nodes, bool has_nodes,
               int has = -1) {
  Order order;
  static const int something = 0;
  const int* const found = ask_victims(
      static_cast<std::uint32_t>(nodes.size()), me, first, has_nodes, [&](std::uint32_t i) { return nodes[i]; },
      [&](std::uint32_t i) {
        order.push_back(i);
        return static_cast<int>(i) == has ? &something : nullptr;
      });
  CHECK((found != nullptr) == (has >= 0 && !order.empty() && static_cast<int>(order.back()) == has));
  return order;
}

TEST_CASE("a worker asks all others once from where it found something last") {
  CHECK(asked_by(0, 0, {0, 0, 0, 0}, false) == Order{1, 2, 3});
  CHECK(asked_by(1, 3, {0, 0, 0, 0}, false) == Order{3, 0, 2});
  CHECK(asked_by(0, 0, {0}, false).empty());
}

TEST_CASE("a worker asks those on its own memory node first and then the others once") {
  CHECK(asked_by(0, 0, {0, 1, 0, 1}, true) == Order{2, 1, 3});
  CHECK(asked_by(3, 2, {0, 1, 0, 1}, true) == Order{1, 2, 0});
  CHECK(asked_by(0, 1, {0, 1, 1}, true) == Order{1, 2});         // alone on its node
  CHECK(asked_by(0, 0, {0, 1, 0, 1}, false) == Order{1, 2, 3});  // where there is one node nobody asks for it
}

TEST_CASE("a worker that finds something asks nobody behind it") {
  CHECK(asked_by(0, 0, {0, 1, 0, 1}, true, 2) == Order{2});
  CHECK(asked_by(0, 0, {0, 1, 0, 1}, true, 1) == Order{2, 1});
  CHECK(asked_by(0, 0, {0, 0, 0}, false, 1) == Order{1});
}

}  // namespace
}  // namespace coppice::detail
