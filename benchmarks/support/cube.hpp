#pragma once

/// A search from one corner of a cube of nodes to the other: what a task of it does, alike for coppice and its peers.

#include <atomic>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "clock.hpp"

namespace coppice::bench {

inline constexpr std::size_t kSearchers = 100;
inline constexpr int kNodesATask = 1'024;

/// Nodes know who came first, and so the way back. Edges lead to the neighbours of larger coordinates.
class Cube {
 public:
  explicit Cube(std::int64_t edge) : edge_{edge}, came_from_(static_cast<std::size_t>(edge * edge * edge)) {
    for (auto& node : came_from_) node.store(-1, std::memory_order_relaxed);
  }

  /// A task: up to so many nodes from one on, those next to the goal first. Hands what is still open to `rest`.
  template <class Rest>
  void explore(std::int64_t from, Rest&& rest) {
    using Entry = std::pair<std::int64_t, std::int64_t>;  // distance to the goal, node
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
    open.emplace(distance(from), from);
    for (int nodes = 0; nodes < kNodesATask && !open.empty(); ++nodes) {
      const std::int64_t node = open.top().second;
      open.pop();
      for (const auto& [coordinate, step] : {std::pair{node % edge_, std::int64_t{1}},
                                             {node / edge_ % edge_, edge_},
                                             {node / edge_ / edge_, edge_ * edge_}}) {
        if (coordinate + 1 < edge_ && claim(node + step, node)) open.emplace(distance(node + step), node + step);
      }
    }
    for (; !open.empty(); open.pop()) rest(open.top().second);
  }

  /// After the search: each node was reached, and the way back from the goal is the shortest.
  void expect_explored() const {
    for (std::size_t node = 1; node < came_from_.size(); ++node)
      require(came_from_[node].load(std::memory_order_acquire) >= 0, "a node was not explored");
    std::int64_t steps = 0;
    for (std::int64_t node = goal(); node != 0; ++steps)
      node = came_from_[static_cast<std::size_t>(node)].load(std::memory_order_acquire);
    require(steps == 3 * (edge_ - 1), "the way is not the shortest");
  }

 private:
  [[nodiscard]] std::int64_t goal() const { return edge_ * edge_ * edge_ - 1; }
  [[nodiscard]] std::int64_t distance(std::int64_t node) const {
    return 3 * (edge_ - 1) - node % edge_ - node / edge_ % edge_ - node / edge_ / edge_;
  }
  /// True for whoever comes first.
  bool claim(std::int64_t node, std::int64_t from) {
    std::int64_t nobody = -1;
    return came_from_[static_cast<std::size_t>(node)].compare_exchange_strong(nobody, from, std::memory_order_acq_rel);
  }

  std::int64_t edge_;
  std::vector<std::atomic<std::int64_t>> came_from_;
};

}  // namespace coppice::bench
