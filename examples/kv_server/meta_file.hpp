#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What stands in kv_server.meta: that a folder is one of kv_server's, and how many shards its keys are spread over.
namespace meta_file {

inline constexpr std::uint32_t kShardsMost = 1'024;
/// More than any such file has.
inline constexpr std::size_t kBytesMost = 128;

[[nodiscard]] std::string text(std::uint32_t shards);
/// How many shards; nothing: it is damaged, or no such file. Only what text() writes is read.
[[nodiscard]] std::optional<std::uint32_t> shards_in(std::string_view text);

}  // namespace meta_file
