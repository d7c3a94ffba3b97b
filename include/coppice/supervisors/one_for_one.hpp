#pragma once

#include "coppice/supervisors/strategy.hpp"

namespace coppice {

/// Only the child that failed. Source: OTP's one_for_one.
struct OneForOne {
  static constexpr std::string_view kName = "one_for_one";
  [[nodiscard]] constexpr AffectedRange affected(std::size_t failed, std::size_t) const noexcept {
    return {failed, failed + 1};
  }
};

}  // namespace coppice
