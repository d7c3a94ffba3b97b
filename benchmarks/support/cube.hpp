#pragma once

/// A search from one corner of a cube of nodes to a target near the other: what a task of it does, and what is right,
/// alike for coppice and its peers. The parameters are those of Savina's guided search.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <vector>

#include "driver.hpp"

namespace coppice::bench {

inline constexpr std::size_t kSearchers = 20;
inline constexpr int kNodesATask = 1'024;
inline constexpr int kStepsANode = 100;
inline constexpr std::int64_t kWeights = 30;
inline constexpr std::int64_t kNodesAWeight = 8;

/// An edge leads to a neighbour whose coordinates are larger by one, one or two of the three; of these six edges each node
/// has some, drawn by lot. A node knows who reached it first, and so the way back.
class Cube {
 public:
  explicit Cube(std::int64_t edge) : edge_{edge}, nodes_(static_cast<std::size_t>(edge * edge * edge)) {
    std::uint64_t seed = 1;
    for (std::int64_t node = 0; node < edge * edge * edge; ++node) draw_edges(node, seed);
  }

  [[nodiscard]] std::int64_t target() const {
    const std::int64_t along = edge_ * 8 / 10;
    return (along * edge_ + along) * edge_ + along;
  }

  /// How near a node is to the far corner. Savina's mailboxes with priorities sort by it; it travels with each task.
  [[nodiscard]] std::int64_t weight(std::int64_t node) const {
    const std::int64_t least = std::min({node % edge_, node / edge_ % edge_, node / edge_ / edge_});
    return std::abs(kWeights - (edge_ - least) / kNodesAWeight);
  }

  /// A task: up to so many nodes from one on, in the order in which they are reached. True: the target is found, and the
  /// search is over. Else hands what is still open to `rest`.
  template <class Rest>
  bool search(std::int64_t from, std::int64_t target, Rest&& rest) {
    std::deque<std::int64_t> open{from};
    std::uint64_t seed = kSeed;
    for (int nodes = 0; nodes < kNodesATask && !open.empty(); ++nodes) {
      for (int steps = 0; steps < kStepsANode; ++steps) keep(draw(seed));
      const std::int64_t node = open.front();
      open.pop_front();
      const Node& here = at(node);
      for (int i = 0; i < here.edges; ++i) {
        const std::int64_t next = here.to[i];
        if (!reach(next, node)) continue;
        if (next == target) return true;
        open.push_back(next);
      }
    }
    for (const std::int64_t node : open) rest(node);
    return false;
  }

  /// After the search, how many nodes were reached. Each of them by an edge, from one that was reached; the target where
  /// there is a way to it.
  [[nodiscard]] std::int64_t expect_searched() const {
    std::int64_t reached = 1;
    for (std::int64_t node = 1; node < edge_ * edge_ * edge_; ++node) {
      const std::int64_t from = came_from(node);
      if (from < 0) continue;
      ++reached;
      require(has_edge(from, node) && (from == 0 || came_from(from) >= 0), "a node was reached without a way");
    }
    std::int64_t node = target();
    require((node != 0 && came_from(node) >= 0) == has_way(), "the target was missed, or found without a way");
    while (came_from(node) >= 0) node = came_from(node);  // ends: each edge leads to a larger node
    require(node == 0 || !has_way(), "the way back does not end at the beginning");
    return reached;
  }

 private:
  struct Node {
    std::int32_t to[6] = {};
    std::int32_t edges = 0;
    std::atomic<std::int32_t> came_from{-1};
  };

  [[nodiscard]] const Node& at(std::int64_t node) const { return nodes_[static_cast<std::size_t>(node)]; }
  [[nodiscard]] std::int64_t came_from(std::int64_t node) const {
    return at(node).came_from.load(std::memory_order_acquire);
  }

  /// Each of the six by lot, but the last where there is none before it. At the far faces an edge ends on the face, and one
  /// that would lead to where it begins is none.
  void draw_edges(std::int64_t node, std::uint64_t& seed) {
    Node& here = nodes_[static_cast<std::size_t>(node)];
    for (int direction = 1; direction <= 6; ++direction) {
      seed = (seed * 1'103'515'245 + 12'345) & 0x7fff'ffff;
      if ((seed >> 16 & 1) == 0 && !(direction == 6 && here.edges == 0)) continue;
      const std::int64_t to = step(node, direction);
      if (to != node && !has_edge(node, to)) here.to[here.edges++] = static_cast<std::int32_t>(to);
    }
  }
  /// The bits of the direction say which coordinates grow.
  [[nodiscard]] std::int64_t step(std::int64_t node, int direction) const {
    const auto along = [&](std::int64_t coordinate, int bit) {
      return coordinate + ((direction & bit) != 0 && coordinate + 1 < edge_ ? 1 : 0);
    };
    return (along(node / edge_ / edge_, 4) * edge_ + along(node / edge_ % edge_, 2)) * edge_ + along(node % edge_, 1);
  }
  [[nodiscard]] bool has_edge(std::int64_t from, std::int64_t to) const {
    const Node& here = at(from);
    for (int i = 0; i < here.edges; ++i) {
      if (here.to[i] == to) return true;
    }
    return false;
  }
  /// Whether the target can be reached at all, found out without actors.
  [[nodiscard]] bool has_way() const {
    std::vector<bool> reached(nodes_.size());
    reached[0] = true;
    for (std::size_t node = 0; node < nodes_.size(); ++node) {  // edges lead to larger nodes
      for (int i = 0; reached[node] && i < nodes_[node].edges; ++i)
        reached[static_cast<std::size_t>(nodes_[node].to[i])] = true;
    }
    return target() != 0 && reached[static_cast<std::size_t>(target())];
  }
  /// True for whoever comes first.
  bool reach(std::int64_t node, std::int64_t from) {
    std::int32_t nobody = -1;
    return nodes_[static_cast<std::size_t>(node)].came_from.compare_exchange_strong(
        nobody, static_cast<std::int32_t>(from), std::memory_order_acq_rel);
  }

  std::int64_t edge_;
  std::vector<Node> nodes_;
};

}  // namespace coppice::bench
