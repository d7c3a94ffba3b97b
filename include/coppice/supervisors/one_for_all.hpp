#pragma once

#include "coppice/supervisors/strategy.hpp"

namespace coppice {

/// All of them: children that cannot do without each other. Source: OTP's one_for_all.
struct OneForAll {
  static constexpr std::string_view kName = "one_for_all";
  [[nodiscard]] constexpr AffectedRange affected(std::size_t, std::size_t count) const noexcept { return {0, count}; }
};

}  // namespace coppice
