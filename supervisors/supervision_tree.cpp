#include "coppice/supervisors/supervision_tree.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "coppice/actor/supervisor_report.hpp"

namespace coppice {

// Here, so that users compile none of them.
SupervisionTree::SupervisionTree(std::vector<Node> nodes) noexcept : nodes_{std::move(nodes)} {}
SupervisionTree::SupervisionTree(const SupervisionTree&) = default;
SupervisionTree::SupervisionTree(SupervisionTree&&) noexcept = default;
SupervisionTree& SupervisionTree::operator=(const SupervisionTree&) = default;
SupervisionTree& SupervisionTree::operator=(SupervisionTree&&) noexcept = default;
SupervisionTree::~SupervisionTree() = default;
namespace {

using Node = SupervisionTree::Node;

/// A JSON string, quotes included. Whatever stands in the text, this is valid UTF-8.
std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool has_error(const Node& node) noexcept { return !node.last_error.is_normal() || node.last_error.cause() != nullptr; }

std::string depth_of(const Node& node) {
  return node.mailbox_depth == SupervisionTree::kUnknown ? std::string{"?"} : std::to_string(node.mailbox_depth);
}

/// For a quoted string of dot: valid UTF-8, `\n` for a new line, other control characters as \xNN.
std::string dot_text(std::string_view text) {
  const std::string valid = nlohmann::json::parse(json_string(text)).get<std::string>();
  std::string shown;
  for (const char c : valid) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      shown += '\\';
      shown += c;
    } else if (c == '\n') {
      shown += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(shown), "\\\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

void append_json(std::string& json, const Node& node) {
  fmt::format_to(
      std::back_inserter(json),
      R"({{"id": {}, "path": {}, "type": {}, "actor": {}, "is_supervisor": {}, "phase": {}, "restarts": {}, )"
      R"("last_error": {}, "mailbox_depth": {}, "children": [)",
      json_string(node.id), json_string(node.path), json_string(node.type), node.actor, node.is_supervisor,
      json_string(to_string(node.phase)), node.restarts,
      has_error(node) ? json_string(node.last_error.to_string()) : "null",
      node.mailbox_depth == SupervisionTree::kUnknown ? "null" : depth_of(node));
}

}  // namespace

const Node* SupervisionTree::find(std::string_view path) const noexcept {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.path == path; });
  return found == nodes_.end() ? nullptr : &*found;
}

std::string SupervisionTree::to_string() const {
  std::string text;
  for (const Node& node : nodes_) {
    fmt::format_to(std::back_inserter(text), "{}{} ({}) {}", std::string(2 * node.level, ' '),
                   detail::printable_line(node.id), detail::printable_line(node.type), coppice::to_string(node.phase));
    if (node.restarts > 0) fmt::format_to(std::back_inserter(text), ", restarts: {}", node.restarts);
    if (node.mailbox_depth != 0) fmt::format_to(std::back_inserter(text), ", mailbox: {}", depth_of(node));
    if (has_error(node)) text += ", last error: " + detail::printable_line(node.last_error.to_string());
    text += '\n';
  }
  return text;
}

bool SupervisionTree::print(std::FILE* to) const {
  const std::string text = to_string();
  return std::fwrite(text.data(), 1, text.size(), to) == text.size();
}

/// By hand, since a tree may be nested deeper than a writer that calls itself.
std::string SupervisionTree::to_json() const {
  std::string json;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    json += std::string(2 * nodes_[i].level, ' ');
    append_json(json, nodes_[i]);
    const std::size_t next_level = i + 1 < nodes_.size() ? nodes_[i + 1].level : 0;
    // A child comes next, or this one is closed, and all above it that end with it.
    const bool is_last = i + 1 == nodes_.size();
    if (!is_last && next_level > nodes_[i].level) {
      json += '\n';
      continue;
    }
    const std::size_t closed = is_last ? nodes_[i].level + 1 : nodes_[i].level - next_level + 1;
    for (std::size_t n = 0; n < closed; ++n) json += "]}";
    json += is_last ? "\n" : ",\n";
  }
  return json;
}

std::string SupervisionTree::to_dot() const {
  std::string dot = fmt::format("digraph \"{}\" {{\n  node [shape=box];\n", dot_text(nodes_.front().id));
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    fmt::format_to(std::back_inserter(dot), "  n{} [label=\"{}\\n{}\\n{}, restarts: {}, mailbox: {}\"{}];\n", i,
                   dot_text(node.id), dot_text(node.type), coppice::to_string(node.phase), node.restarts,
                   depth_of(node), has_error(node) ? ", color=red" : "");
  }
  for (std::size_t i = 1; i < nodes_.size(); ++i)
    fmt::format_to(std::back_inserter(dot), "  n{} -> n{};\n", nodes_[i].parent, i);
  return dot + "}\n";
}

}  // namespace coppice
