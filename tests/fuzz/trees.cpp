#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "coppice/supervisors/supervision_tree.hpp"
#include "fuzz/input.hpp"
#include "supervisors/dot_reader.hpp"

// A supervision tree of any shape, with any bytes as ids and errors, written as text, as JSON and for Graphviz, and read
// back: the same nodes below the same parents.

namespace coppice {
namespace {

using fuzz::expect;
using Nodes = std::vector<SupervisionTree::Node>;

Nodes draw_nodes(fuzz::Input& input) {
  Nodes nodes;
  std::vector<std::size_t> above;  // of the last one: the nodes from the root to it
  do {
    SupervisionTree::Node node;
    const std::size_t level = above.empty() ? 0 : 1 + input.below(above.size());
    above.resize(level);
    node.parent = above.empty() ? 0 : above.back();
    node.level = level;
    node.type = "Worker";
    node.restarts = input.byte();
    node.mailbox_depth = std::int64_t{input.byte()} - 1;
    if (input.one_in(2)) node.last_error = ExitReason::error(std::string{input.until('\n')});
    node.id = std::string{input.until('\n')};
    node.path = node.id;
    above.push_back(nodes.size());
    nodes.push_back(std::move(node));
  } while (!input.is_over() && nodes.size() < 200);
  return nodes;
}

/// Without recursion, since a tree may be deep.
void check_json(const Nodes& nodes, const nlohmann::json& root) {
  std::vector<const nlohmann::json*> left{&root};
  std::vector<std::size_t> levels{0};
  for (const auto& node : nodes) {
    expect(!left.empty(), "a node is lost in the JSON");
    const nlohmann::json& json = *left.back();
    expect(levels.back() == node.level, "a node stands below another one");
    left.pop_back();
    levels.pop_back();
    expect(json["restarts"] == node.restarts, "another number of restarts");
    expect(json["mailbox_depth"].is_null() == (node.mailbox_depth == SupervisionTree::kUnknown), "another depth");
    const auto& children = json["children"];
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      left.push_back(&*child);
      levels.push_back(node.level + 1);
    }
  }
  expect(left.empty(), "the JSON has more nodes");
}

void check_dot(const Nodes& nodes, const std::string& text) {
  const auto dot = testing::read_dot(text);
  expect(dot.has_value(), "Graphviz would not read it");
  expect(dot->nodes.size() == nodes.size() && dot->edges.size() == nodes.size() - 1, "other nodes or edges");
  for (std::size_t i = 1; i < nodes.size(); ++i)
    expect(dot->edges[i - 1] == std::pair{static_cast<int>(nodes[i].parent), static_cast<int>(i)}, "another edge");
}

void check_text(const Nodes& nodes, const std::string& text) {
  const auto is_control = [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7f; };
  expect(std::none_of(text.begin(), text.end(), is_control), "a control character is shown as it is");
  expect(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) == nodes.size(), "not a line for each");
}

}  // namespace
}  // namespace coppice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coppice;
  fuzz::Input input{data, size};
  const Nodes nodes = draw_nodes(input);
  const SupervisionTree tree{nodes};
  const auto json = nlohmann::json::parse(tree.to_json(), nullptr, false);
  expect(!json.is_discarded(), "it is no JSON");
  check_json(nodes, json);
  check_dot(nodes, tree.to_dot());
  check_text(nodes, tree.to_string());
  return 0;
}
