#pragma once

#include <type_traits>
#include <utility>

#include "coppice/base/result.hpp"
#include "coppice/message/envelope.hpp"
#include "coppice/message/message.hpp"

namespace coppice {

/// What an actor lists in a Protocol: `Protocol<int(Add), void(Reset)>`.
template <class... Signatures>
struct Protocol {};

/// The return type of a handler that answers later; see Actor::reply_later.
template <class R>
class Later;

namespace detail {

template <class A>
consteval bool is_complete() {
  return requires { sizeof(A); };
}

/// Whether &A::handle has exactly the form R(M), R(M&&) or R(const M&), const or not.
template <class A, class M, class R>
consteval bool has_exact_handler() {
  return requires { static_cast<R (A::*)(M)>(&A::handle); } || requires { static_cast<R (A::*)(M&&)>(&A::handle); } ||
         requires { static_cast<R (A::*)(const M&)>(&A::handle); } ||
         requires { static_cast<R (A::*)(M) const>(&A::handle); } ||
         requires { static_cast<R (A::*)(M&&) const>(&A::handle); } ||
         requires { static_cast<R (A::*)(const M&) const>(&A::handle); };
}

template <class A, class M>
consteval bool handles() {
  static_assert(is_complete<A>(),
                "the actor's class must be complete where it is sent to; a Protocol ref does not need it");
  if constexpr (requires(A& actor, M&& message) { actor.handle(std::move(message)); }) {
    return has_exact_handler<A, M, decltype(std::declval<A&>().handle(std::declval<M>()))>();
  } else {
    return false;
  }
}

template <class R>
struct ReplyType {
  using type = R;
  static constexpr bool is_later = false;
  static constexpr bool is_coroutine = false;
};
template <class R>
struct ReplyType<Later<R>> {
  using type = R;
  static constexpr bool is_later = true;
  static constexpr bool is_coroutine = false;
};

/// A struct, so that nothing is looked up in A before M is known: A may be incomplete until then.
template <class A, class M>
struct HandlerTrait {
  using Return = decltype(std::declval<A&>().handle(std::declval<M>()));
  using Reply = typename ReplyType<Return>::type;
};

/// Calls the handler of a message that nobody waits for the answer to. Of `envelope`: what came with it.
template <class A, class M>
Outcome call_handler(A& actor, Cell& cell, Envelope& envelope, M&& message) {
  using Return = decltype(actor.handle(std::forward<M>(message)));
  if constexpr (ReplyType<Return>::is_coroutine) {
    return ReplyType<Return>::template begin<A, std::remove_cvref_t<M>>(cell, envelope, nullptr,
                                                                        actor.handle(std::forward<M>(message)));
  } else {
    static_cast<void>(actor.handle(std::forward<M>(message)));
    return Outcome::Handled;
  }
}

}  // namespace detail

/// A has a handler for exactly the message type M.
template <class A, class M>
concept Handles = Message<M> && detail::handles<A, M>();

/// What an ask of A with an M is answered with.
template <class A, class M>
using ReplyOf = typename detail::HandlerTrait<A, M>::Reply;

}  // namespace coppice
