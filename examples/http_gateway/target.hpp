#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The parts of a target: "/keys/a%20b" is {"keys", "a b"}; what stands behind a '?' is left out. Nothing: it cannot be
/// decoded.
using Path = std::optional<std::vector<std::string>>;
[[nodiscard]] Path path_of(std::string_view target);
