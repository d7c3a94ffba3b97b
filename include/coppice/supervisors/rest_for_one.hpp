#pragma once

#include "coppice/supervisors/strategy.hpp"

namespace coppice {

/// The child that failed and those started after it: each rests on the ones before. Source: OTP's rest_for_one.
struct RestForOne {
  static constexpr std::string_view kName = "rest_for_one";
  [[nodiscard]] constexpr AffectedRange affected(std::size_t failed, std::size_t count) const noexcept {
    return {failed, count};
  }
};

}  // namespace coppice
