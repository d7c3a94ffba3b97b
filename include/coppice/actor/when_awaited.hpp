#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <tuple>
#include <utility>
#include <vector>

#include "coppice/actor/awaitables.hpp"
#include "coppice/actor/when.hpp"

namespace coppice {
namespace detail {

/// The part of `gathering` that is still to come: of a done ask the wakeup may have arrived already, so only those count
/// that are not done when they are looked at, since theirs are still to be sent.
inline void gather(AskCore& ask, HandlerRun& run, Gathering& gathering) noexcept {
  if (ask.is_done()) return;
  ++gathering.left;
  await_ask(ask, run, &gathering);
}

template <class... Rs>
class [[nodiscard]] AwaitAll : public Awaitable {
 public:
  explicit AwaitAll(AskAwaitable<Rs>&&... asks) noexcept : asks_{std::move(asks)...} {}
  [[nodiscard]] static bool await_ready() noexcept { return false; }
  template <class P>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<P> handle) noexcept {
    HandlerRun& run = *handle.promise().run;
    std::apply([&](const auto&... each) { (gather(each.core(), run, gathering_), ...); }, asks_);
    return gathering_.left != 0;
  }
  [[nodiscard]] std::tuple<Result<Rs, AskError>...> await_resume() {
    return std::apply([](auto&... each) { return std::tuple<Result<Rs, AskError>...>{each.await_resume()...}; }, asks_);
  }

 private:
  std::tuple<AskAwaitable<Rs>...> asks_;
  Gathering gathering_;
};

template <class R>
class [[nodiscard]] AwaitAllOfMany : public Awaitable {
 public:
  explicit AwaitAllOfMany(std::vector<AskAwaitable<R>>&& asks) noexcept : asks_{std::move(asks)} {}
  [[nodiscard]] static bool await_ready() noexcept { return false; }
  template <class P>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<P> handle) noexcept {
    for (const auto& each : asks_) gather(each.core(), *handle.promise().run, gathering_);
    return gathering_.left != 0;
  }
  [[nodiscard]] std::vector<Result<R, AskError>> await_resume() {
    std::vector<Result<R, AskError>> outcomes;
    outcomes.reserve(asks_.size());
    for (auto& each : asks_) outcomes.push_back(each.await_resume());
    return outcomes;
  }

 private:
  std::vector<AskAwaitable<R>> asks_;
  Gathering gathering_;
};

template <class R>
class [[nodiscard]] AwaitAny : public Awaitable {
 public:
  explicit AwaitAny(std::vector<AskAwaitable<R>>&& asks) noexcept : asks_{std::move(asks)} {
    gathering_.one_is_enough = true;
  }
  [[nodiscard]] bool await_ready() const noexcept { return winner() < asks_.size(); }
  template <class P>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<P> handle) noexcept {
    for (const auto& each : asks_) gather(each.core(), *handle.promise().run, gathering_);
    // One that was done by then wakes nobody.
    return gathering_.left != 0 && winner() == asks_.size();
  }
  [[nodiscard]] Result<FirstReply<R>, AskError> await_resume() {
    const std::size_t first = winner();
    const auto asks = std::exchange(asks_, {});  // the losers are given up here
    if (asks.empty()) return Error{AskError::NoReply};
    if (first == asks.size()) return Error{asks.back().core().error};
    return first_reply<R>(first, take_outcome<R>(asks[first].core()));
  }

 private:
  /// The first that has replied, or as many as there are.
  [[nodiscard]] std::size_t winner() const noexcept {
    std::size_t i = 0;
    while (i < asks_.size() && !(asks_[i].await_ready() && asks_[i].core().replied)) ++i;
    return i;
  }
  std::vector<AskAwaitable<R>> asks_;
  Gathering gathering_;
};

}  // namespace detail

/// In a coroutine: `auto [first, second] = co_await when_all(ask<M>(a, 1s), ask<N>(b, 1s));`, a tuple of Results; of a
/// vector of asks, a vector of them.
template <class... Rs>
  requires(sizeof...(Rs) > 0)
[[nodiscard]] auto when_all(AskAwaitable<Rs>... asks) {
  return detail::AwaitAll<Rs...>{std::move(asks)...};
}
template <class R>
[[nodiscard]] auto when_all(std::vector<AskAwaitable<R>> asks) {
  return detail::AwaitAllOfMany<R>{std::move(asks)};
}

/// In a coroutine: the first reply as a FirstReply, or, if there is none, the error of the last in the list; of an empty
/// list NoReply. The others are given up.
template <class R, std::same_as<AskAwaitable<R>>... More>
[[nodiscard]] auto when_any(AskAwaitable<R> ask, More... more) {
  std::vector<AskAwaitable<R>> all;
  all.reserve(1 + sizeof...(More));
  all.push_back(std::move(ask));
  (all.push_back(std::move(more)), ...);
  return detail::AwaitAny<R>{std::move(all)};
}
template <class R>
[[nodiscard]] auto when_any(std::vector<AskAwaitable<R>> asks) {
  return detail::AwaitAny<R>{std::move(asks)};
}

}  // namespace coppice
