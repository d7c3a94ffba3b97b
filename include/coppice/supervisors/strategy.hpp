#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>

#include "coppice/base/type_info.hpp"

namespace coppice {

/// Children in start order: [first, last).
struct AffectedRange {
  std::size_t first;
  std::size_t last;
  friend bool operator==(const AffectedRange&, const AffectedRange&) = default;
};

/// Which children are stopped and started again when one of them failed: a pure function. A user may write one.
/// A range that leaves out `failed` is widened to it, one that leaves [0, count) is cut to it.
template <class S>
concept Strategy = std::default_initializable<S> && requires(const S& strategy, std::size_t failed, std::size_t count) {
  { strategy.affected(failed, count) } noexcept -> std::same_as<AffectedRange>;
  { S::kName } -> std::convertible_to<std::string_view>;
};

/// A strategy whose type is forgotten. Strategies carry no state, so a pointer to what they do is all there is.
///
/// Threads    immutable.
class AnyStrategy {
 public:
  template <Strategy S>
  AnyStrategy(S) noexcept
      : affected_{[](std::size_t failed, std::size_t count) noexcept { return S{}.affected(failed, count); }},
        name_{S::kName},
        type_{&detail::kTypeInfo<S>} {}

  [[nodiscard]] AffectedRange affected(std::size_t failed, std::size_t count) const noexcept {
    return affected_(failed, count);
  }
  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  friend bool operator==(const AnyStrategy& a, const AnyStrategy& b) noexcept {
    return detail::same_type(a.type_, b.type_);
  }

 private:
  AffectedRange (*affected_)(std::size_t, std::size_t) noexcept;
  std::string_view name_;
  const detail::TypeInfo* type_;
};

}  // namespace coppice
