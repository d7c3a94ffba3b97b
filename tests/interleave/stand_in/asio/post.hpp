#pragma once

#include <utility>

#include "asio/io_context.hpp"

namespace asio {

template <class Completion>
void post(io_context& context, Completion&& completion) {
  context.post(std::forward<Completion>(completion));
}

}  // namespace asio
