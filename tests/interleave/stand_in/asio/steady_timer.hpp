#pragma once

#include <chrono>
#include <system_error>

#include "asio/io_context.hpp"

/// For what includes Asio's timer in an instrumented build: no scene lasts until one rings.
namespace asio {

using error_code = std::error_code;

class steady_timer {
 public:
  explicit steady_timer(io_context& /*context*/) noexcept {}
  void expires_at(std::chrono::steady_clock::time_point /*when*/) noexcept {}
  template <class Completion>
  void async_wait(Completion&& /*completion*/) noexcept {}
};

}  // namespace asio
