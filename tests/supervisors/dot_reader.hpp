#pragma once

#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coppice::testing {

struct Dot {
  std::string name;
  std::vector<std::string> nodes;  // their labels, by number
  std::vector<std::pair<int, int>> edges;
};

/// Reads the part of Graphviz's language that a tree is written in, and nothing else: stricter than Graphviz.
class DotReader {
 public:
  explicit DotReader(std::string_view text) : rest_{text} {}

  [[nodiscard]] std::optional<Dot> read() {
    Dot dot;
    if (!word("digraph") || !string(dot.name) || !word("{") || !word("node [shape=box];")) return std::nullopt;
    while (!word("}")) {
      int from = 0;
      if (!node(from)) return std::nullopt;
      if (word("->")) {
        int to = 0;
        if (!node(to) || !word(";")) return std::nullopt;
        dot.edges.emplace_back(from, to);
        continue;
      }
      std::string label;
      if (from != static_cast<int>(dot.nodes.size()) || !word("[label=") || !string(label)) return std::nullopt;
      static_cast<void>(word(", color=red"));
      if (!word("];")) return std::nullopt;
      dot.nodes.push_back(label);
    }
    space();
    if (!rest_.empty()) return std::nullopt;
    for (const auto& [from, to] : dot.edges) {
      const int count = static_cast<int>(dot.nodes.size());
      if (from >= count || to >= count) return std::nullopt;
    }
    return dot;
  }

 private:
  void space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) rest_.remove_prefix(1);
  }
  bool word(std::string_view wanted) {
    space();
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(wanted.size());
    return true;
  }
  bool node(int& number) {
    if (!word("n") || rest_.empty() || std::isdigit(static_cast<unsigned char>(rest_.front())) == 0) return false;
    number = 0;
    while (!rest_.empty() && std::isdigit(static_cast<unsigned char>(rest_.front())) != 0) {
      number = number * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return true;
  }
  /// No control character stands in it as it is, and each backslash means something.
  bool string(std::string& text) {
    if (!word("\"")) return false;
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\') {
        if (rest_.empty()) return false;
        c = rest_.front();
        rest_.remove_prefix(1);
        if (c == 'n') {
          c = '\n';
        } else if (c != '"' && c != '\\') {
          return false;
        }
      }
      text += c;
    }
    return false;
  }

  std::string_view rest_;
};

[[nodiscard]] inline std::optional<Dot> read_dot(std::string_view text) { return DotReader{text}.read(); }

}  // namespace coppice::testing
