#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "coppice/actor/actor.hpp"

namespace coppice {

/// The first reply of several asks: whose it is, counted from 0, and what it says.
template <class R>
struct FirstReply {
  std::size_t index;
  R value;
};
template <>
struct FirstReply<void> {
  std::size_t index;
};

namespace detail {

template <class T>
concept Askable = requires(T asking) {
  typename T::Reply;
  std::move(asking).then([](Result<typename T::Reply, AskError>) {});
};

/// An ask that can be given up when another one was answered first: of an actor or a router. Not one of a topic or
/// through a circuit breaker, nor a retry.
template <class T>
concept Withdrawable = Askable<T> && requires(T asking) {
  {
    std::move(asking).send([](Result<typename T::Reply, AskError>) {})
  } -> std::same_as<AskCore&>;
};

template <class R>
[[nodiscard]] Result<FirstReply<R>, AskError> first_reply(std::size_t index, Result<R, AskError>&& outcome) {
  if (!outcome) return Error{outcome.error()};
  if constexpr (std::is_void_v<R>) {
    return FirstReply<R>{index};
  } else {
    return FirstReply<R>{index, std::move(outcome).value()};
  }
}

/// What the continuations of several asks share. The asker's turn.
struct Shared : PoolAllocated {
  void add_ref() noexcept { ++refs; }
  unsigned refs = 1;
};

template <class F, class... Rs>
struct AllOf final : Shared {
  explicit AllOf(F&& f) : then(std::move(f)) {}
  void release() noexcept {
    if (--refs == 0) delete this;
  }
  template <std::size_t I, class Outcome>
  void arrived(Outcome&& outcome) {
    std::get<I>(outcomes).emplace(std::forward<Outcome>(outcome));
    if (--left != 0) return;
    std::apply([this](auto&... each) { then(std::move(*each)...); }, outcomes);
  }
  F then;
  std::size_t left = sizeof...(Rs);
  std::tuple<std::optional<Result<Rs, AskError>>...> outcomes;
};

template <class F, class R>
struct AllOfMany final : Shared {
  AllOfMany(F&& f, std::size_t n) : then(std::move(f)), left{n}, outcomes(n) {}
  void release() noexcept {
    if (--refs == 0) delete this;
  }
  void arrived(std::size_t i, Result<R, AskError>&& outcome) {
    outcomes[i].emplace(std::move(outcome));
    if (--left == 0) finish();
  }
  void finish() {
    std::vector<Result<R, AskError>> all;
    all.reserve(outcomes.size());
    for (auto& each : outcomes) all.push_back(std::move(*each));
    then(std::move(all));
  }
  F then;
  std::size_t left;
  std::vector<std::optional<Result<R, AskError>>> outcomes;
};

template <class F, class R>
struct AnyOf final : Shared {
  AnyOf(F&& f, std::size_t n) : then(std::move(f)), left{n}, asks(n, nullptr) {}
  void release() noexcept {
    if (--refs == 0) delete this;
  }
  void arrived(std::size_t i, Result<R, AskError>&& outcome) {
    asks[i] = nullptr;
    if (--left != 0 && !outcome) return;
    // The losers: their continuations never run, and what they are answered is a late reply.
    for (AskCore*& loser : asks) {
      if (AskCore* const ask = std::exchange(loser, nullptr)) withdraw_ask(*ask);
    }
    then(first_reply<R>(i, std::move(outcome)));
  }
  F then;
  std::size_t left;
  std::vector<AskCore*> asks;  // those that are under way
};

/// Several asks that have not been sent. then() sends them.
template <class... Askings>
class [[nodiscard]] WhenAll {
 public:
  explicit WhenAll(Askings&&... askings) : askings_{std::move(askings)...} {}

  /// `continuation` runs once, on the actor's turn, with all outcomes in their order; not at all when the life ends
  /// first.
  template <class F>
  void then(F&& continuation) && {
    using State = AllOf<std::decay_t<F>, typename Askings::Reply...>;
    const auto state = IntrusivePtr<State>::adopt(new State{std::decay_t<F>(std::forward<F>(continuation))});
    send(state, std::index_sequence_for<Askings...>{});
  }

 private:
  template <class State, std::size_t... I>
  void send(const IntrusivePtr<State>& state, std::index_sequence<I...>) {
    (std::move(std::get<I>(askings_)).then([state](Result<typename Askings::Reply, AskError> outcome) {
      state->template arrived<I>(std::move(outcome));
    }),
     ...);
  }
  std::tuple<Askings...> askings_;
};

template <class Asking>
class [[nodiscard]] WhenAllOfMany {
 public:
  explicit WhenAllOfMany(std::vector<Asking>&& askings) : askings_{std::move(askings)} {}

  /// As WhenAll; of no asks at all, at once.
  template <class F>
  void then(F&& continuation) && {
    using R = typename Asking::Reply;
    using State = AllOfMany<std::decay_t<F>, R>;
    const auto state =
        IntrusivePtr<State>::adopt(new State{std::decay_t<F>(std::forward<F>(continuation)), askings_.size()});
    if (askings_.empty()) return state->finish();
    std::size_t i = 0;
    for (Asking& each : askings_) {
      std::move(each).then([state, at = i](Result<R, AskError> outcome) { state->arrived(at, std::move(outcome)); });
      ++i;
    }
  }

 private:
  std::vector<Asking> askings_;
};

template <class Asking>
class [[nodiscard]] WhenAny {
 public:
  explicit WhenAny(std::vector<Asking>&& askings) : askings_{std::move(askings)} {}

  /// `continuation` runs once with the first reply, or with the last error when there is none; of no asks at all, with
  /// NoReply and at once.
  template <class F>
  void then(F&& continuation) && {
    using R = typename Asking::Reply;
    using State = AnyOf<std::decay_t<F>, R>;
    const auto state =
        IntrusivePtr<State>::adopt(new State{std::decay_t<F>(std::forward<F>(continuation)), askings_.size()});
    if (askings_.empty()) return state->then(Result<FirstReply<R>, AskError>{Error{AskError::NoReply}});
    std::size_t i = 0;
    for (Asking& each : askings_) {
      state->asks[i] = &std::move(each).send(
          [state, at = i](Result<R, AskError> outcome) { state->arrived(at, std::move(outcome)); });
      ++i;
    }
  }

 private:
  std::vector<Asking> askings_;
};

}  // namespace detail

/// Waits for all of several asks: `when_all(ask(a, M{}, 1s), ask(b, N{}, 1s)).then([this](auto first, auto second) {…})`.
/// Each outcome is a Result of its own.
template <detail::Askable... Askings>
  requires(sizeof...(Askings) > 0)
[[nodiscard]] auto when_all(Askings... askings) {
  return detail::WhenAll<Askings...>{std::move(askings)...};
}
template <detail::Askable Asking>
[[nodiscard]] auto when_all(std::vector<Asking> askings) {
  return detail::WhenAllOfMany<Asking>{std::move(askings)};
}

/// Waits for the first reply of several asks with one reply type, and gives up the others; an error is an outcome only
/// when none replies: `when_any(ask(a, M{}, 1s), ask(b, M{}, 1s)).then([this](Result<FirstReply<int>, AskError> first)
/// {…})`. Of asks of actors and routers; not of topics, through a circuit breaker, or retry(): those are not given up.
template <detail::Withdrawable Asking, std::same_as<Asking>... More>
[[nodiscard]] auto when_any(Asking asking, More... more) {
  std::vector<Asking> all;
  all.reserve(1 + sizeof...(More));
  all.push_back(std::move(asking));
  (all.push_back(std::move(more)), ...);
  return detail::WhenAny<Asking>{std::move(all)};
}
template <detail::Withdrawable Asking>
[[nodiscard]] auto when_any(std::vector<Asking> askings) {
  return detail::WhenAny<Asking>{std::move(askings)};
}

}  // namespace coppice
