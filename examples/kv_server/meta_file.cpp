#include "meta_file.hpp"

#include <charconv>

namespace meta_file {
namespace {

constexpr std::string_view kFront = "coppice kv data 1\nshards ";

}  // namespace

std::string text(std::uint32_t shards) { return std::string{kFront} + std::to_string(shards) + '\n'; }

std::optional<std::uint32_t> shards_in(std::string_view found) {
  if (!found.starts_with(kFront)) return {};
  const std::string_view rest = found.substr(kFront.size());
  std::uint32_t shards = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), shards);
  // Digits may be written in several ways, and only one of them is ours.
  if (shards < 1 || shards > kShardsMost || found != text(shards)) return {};
  return shards;
}

}  // namespace meta_file
