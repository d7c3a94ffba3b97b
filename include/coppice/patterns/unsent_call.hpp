#pragma once

#include <utility>

#include "coppice/actor/ask.hpp"
#include "coppice/base/clock.hpp"
#include "coppice/base/result.hpp"

namespace coppice::detail {

/// An ask of an actor that has not been sent yet: what Actor::ask(), Router::ask() and CircuitBreaker::call() make. One
/// wraps another: `retry(*this, {}, [this] { return breaker.call(ask(database, Query{7}, 1s)); })`.
///
/// refuse(why)    it will not be sent, and its continuation gets `why` on the asker's next turn
/// limit(most)    it waits for its answer no longer than that
/// then(f)        sends it; f gets the outcome on the asker's turn
template <class Call>
concept UnsentCall = requires(Call call, AskError why, Duration most) {
  typename Call::Reply;
  call.refuse(why);
  call.limit(most);
  std::move(call).then([](Result<typename Call::Reply, AskError>) {});
};

}  // namespace coppice::detail
