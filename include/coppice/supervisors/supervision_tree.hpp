#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "coppice/actor/exit_reason.hpp"
#include "coppice/actor/phase.hpp"

namespace coppice {

/// How a supervisor and everything below it stood at one moment. A value; made by `root.tree()` and by
/// `ask(root, GetTree{}, …)`. It is read past the actors, so one that hangs is in it as it stands; each line of it is
/// right by itself, two lines may be a moment apart. Actors that other actors spawned are not in it.
///
/// Threads    immutable: any.
class SupervisionTree {
 public:
  static constexpr std::int64_t kUnknown = -1;

  struct Node {
    std::string path;  ///< "app/workers/worker-3"
    std::string id;
    std::string_view type;  ///< the class
    std::uint64_t actor = 0;
    bool is_supervisor = false;
    Phase phase{};
    std::uint32_t restarts = 0;
    ExitReason last_error = {};  ///< how the last life that failed ended; normal: none did
    /// Messages that wait; 10,000 stands for that and more; kUnknown: it did not come by in time to count them.
    std::int64_t mailbox_depth = kUnknown;
    std::size_t parent = 0;  ///< where in nodes(); the root's is its own
    std::size_t level = 0;   ///< 0: the root
  };

  explicit SupervisionTree(std::vector<Node> nodes) noexcept;
  SupervisionTree(const SupervisionTree&);
  SupervisionTree(SupervisionTree&&) noexcept;
  SupervisionTree& operator=(const SupervisionTree&);
  SupervisionTree& operator=(SupervisionTree&&) noexcept;
  ~SupervisionTree();

  /// Each one before its children, children in the order in which they were first started.
  [[nodiscard]] const std::vector<Node>& nodes() const noexcept { return nodes_; }
  [[nodiscard]] const Node& root() const noexcept { return nodes_[0]; }
  /// The node with that path, or null.
  [[nodiscard]] const Node* find(std::string_view path) const noexcept;

  /// A line for each, indented. Control characters are shown as \xNN.
  [[nodiscard]] std::string to_string() const;
  /// Prints that. False: not all of it could be written.
  bool print(std::FILE* to = stdout) const;
  /// One object for the root; each has its children in "children". What is not UTF-8 becomes U+FFFD.
  [[nodiscard]] std::string to_json() const;
  /// For Graphviz: `dot -Tsvg`.
  [[nodiscard]] std::string to_dot() const;

 private:
  std::vector<Node> nodes_;
};

}  // namespace coppice
