#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "base/mutex.hpp"
#include "coppice/actor/cell.hpp"
#include "coppice/actor/signals.hpp"
#include "coppice/base/unique_function.hpp"
#include "coppice/supervisors/calls.hpp"
#include "coppice/supervisors/supervision_tree.hpp"

namespace coppice::detail {

/// Reads a tree past its actors. What they are is read at once; how many messages wait, each is asked for, and is
/// answered for while a handler keeps it busy. What is not known at the deadline stays unknown.
///
/// Threads    any.
/// Ownership  counted: by the questions that are under way, and by its timer.
class TreeWalk final : public DepthSink {
 public:
  using Done = UniqueFunction<void(SupervisionTree)>;

  /// `done` is called once, by whoever gives the last answer: perhaps before this returns.
  static IntrusivePtr<TreeWalk> start(Cell& root, Duration within, Done done);
  /// The time is up.
  void finish() noexcept;

  void depth_is(std::uint32_t which, std::uint64_t depth) noexcept override;
  [[nodiscard]] bool wants(std::uint32_t which) const noexcept override;

 private:
  struct LookTimer;

  explicit TreeWalk(Done done) noexcept : done_{std::move(done)} {}
  void collect(Cell& root);
  void ask_all();
  void look_again() noexcept;
  void arm_locked() noexcept;

  Done done_;
  std::vector<SupervisionTree::Node> nodes_;
  std::vector<IntrusivePtr<Cell>> cells_;  // of the nodes
  std::unique_ptr<Atomic<std::int64_t>[]> depths_;
  TimePoint deadline_{};
  Atomic<std::size_t> missing_{0};  // answers; and one for whoever still asks
  Atomic<bool> finished_{false};
  Mutex mutex_;  // guards timer_, against a finish() at the same moment
  IntrusivePtr<Timer> timer_;
};

/// From a thread: waits at most `within`.
[[nodiscard]] Result<SupervisionTree, CallError> read_tree(const AnyRef& root, Duration within);
/// Prints that. False: there is none, or not all of it could be written.
bool print_tree_of(const AnyRef& root, std::FILE* to, Duration within);

}  // namespace coppice::detail
