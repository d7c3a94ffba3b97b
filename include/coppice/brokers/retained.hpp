#pragma once

#include <cstdint>
#include <utility>

#include "coppice/brokers/publication.hpp"

namespace coppice {

/// The value that a topic retained at one moment. It never changes; whoever holds it shares it.
///
/// Threads    the value: any. One object: as a plain value.
/// Order      sequence() grows with each value that the broker retains, whatever the topic.
template <class M>
class Retained {
 public:
  Retained() noexcept = default;  ///< there is none
  Retained(detail::IntrusivePtr<detail::Publication> value, std::uint64_t sequence) noexcept
      : value_{std::move(value)}, sequence_{sequence} {}

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(value_); }
  [[nodiscard]] const M& operator*() const noexcept {
    return static_cast<const detail::PublicationOf<M>&>(*value_).message;
  }
  [[nodiscard]] const M* operator->() const noexcept { return &**this; }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }  ///< from 1; 0: there is none
  [[nodiscard]] bool changed_since(std::uint64_t sequence) const noexcept { return sequence_ > sequence; }

 private:
  detail::IntrusivePtr<detail::Publication> value_;
  std::uint64_t sequence_ = 0;
};

}  // namespace coppice
