#pragma once

#include <type_traits>
#include <utility>

#include "coppice/actor/actor_ref.hpp"

namespace coppice::detail {

/// An actor as those see it who send it another message than it handles: what they send is made into one that it does, on
/// its turn. F has no state, so that the adapter needs none.
template <class A, class Raw, class F>
struct Adapted {
  static_assert(std::is_empty_v<F> && std::is_default_constructible_v<F>,
                "an adapter is a lambda without captures; what it needs of the actor it gets as its first argument");
  A* actor;
  template <class Made>
  void pass_on(Made&& made) {
    using Return = decltype(actor->handle(std::forward<Made>(made)));
    static_assert(!ReplyType<Return>::is_coroutine, "an adapter leads to a handler that is no coroutine");
    static_cast<void>(actor->handle(std::forward<Made>(made)));
  }
  void handle(Raw raw) {
    if constexpr (std::is_invocable_v<const F&, A&, Raw>) {
      pass_on(F{}(*actor, std::move(raw)));
    } else {
      pass_on(F{}(std::move(raw)));
    }
  }
};

template <class A, class Raw, class F>
struct HandlerAccess<Adapted<A, Raw, F>> {
  static Adapted<A, Raw, F> of(Cell& cell) noexcept { return {&cell.state_of<A>()}; }
};

}  // namespace coppice::detail
