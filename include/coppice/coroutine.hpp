#pragma once

/// Handlers that are coroutines: `Task<R> handle(M message)` may co_await asks, timers, sends, other Tasks and, with
/// coppice/asio.hpp, sockets. Opt-in: without this header nothing of it is compiled, and a message costs what it cost.

#include "coppice/actor/awaitables.hpp"
#include "coppice/actor/task.hpp"
#include "coppice/actor/when_awaited.hpp"

#define COPPICE_COROUTINE_HPP
#if defined(COPPICE_ASIO_HPP)
#include "coppice/asio_task.hpp"
#endif
