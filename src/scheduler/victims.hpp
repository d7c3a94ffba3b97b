#pragma once

#include <cstdint>

namespace coppice::detail {

/// Asks other workers for something to run, one after the other, until one has something: those on the asker's memory
/// node first, since what they have lies in a cache or a memory that is near; among them, from `first` on, where something
/// was found last. `node_of(i)` is where worker i was seen last, `ask(i)` answers a pointer.
template <class NodeOf, class Ask>
auto ask_victims(std::uint32_t count, std::uint32_t me, std::uint32_t first, bool has_nodes, const NodeOf& node_of,
                 const Ask& ask) -> decltype(ask(0U)) {
  const auto round = [&](auto&& is_meant) -> decltype(ask(0U)) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t other = (first + i) % count;
      if (other == me || !is_meant(other)) continue;
      if (auto found = ask(other)) return found;
    }
    return nullptr;
  };
  if (!has_nodes) return round([](std::uint32_t) { return true; });
  const auto here = node_of(me);
  if (auto found = round([&](std::uint32_t other) { return node_of(other) == here; })) return found;
  return round([&](std::uint32_t other) { return node_of(other) != here; });
}

}  // namespace coppice::detail
