#pragma once

#include <coroutine>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "coppice/actor/actor.hpp"
#include "coppice/actor/task.hpp"

namespace coppice {

namespace detail {

/// Becomes an M made from `args` where it is asked for one.
template <class M, class... Args>
struct MadeFrom {
  std::tuple<Args&&...> args;
  operator M() && {
    return std::apply(
        [](Args&&... each) -> M {
          if constexpr (std::is_constructible_v<M, Args&&...>) {
            return M(std::forward<Args>(each)...);
          } else {
            return M{std::forward<Args>(each)...};
          }
        },
        std::move(args));
  }
};

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
/// GCC 12 destroys such a temporary twice when it stands in a co_await expression: an aggregate with something in it, or a
/// lambda that has captured something.
template <class Arg>
inline constexpr bool kIsDestroyedTwice =
    !std::is_lvalue_reference_v<Arg> && !std::is_trivially_destructible_v<std::remove_cvref_t<Arg>> &&
    (std::is_aggregate_v<std::remove_cvref_t<Arg>> ||
     (std::is_class_v<std::remove_cvref_t<Arg>> && requires { &std::remove_cvref_t<Arg>::operator(); } &&
      !std::is_default_constructible_v<std::remove_cvref_t<Arg>> &&
      !std::is_copy_assignable_v<std::remove_cvref_t<Arg>>));
#else
template <class Arg>
inline constexpr bool kIsDestroyedTwice = false;
#endif

template <class M, class... Args>
[[nodiscard]] MadeFrom<M, Args...> make_from(Args&&... args) {
  static_assert(
      (!kIsDestroyedTwice<Args&&> && ...),
      "GCC 12 destroys this temporary twice in a co_await expression: pass what it is made of, or a variable");
  return {{std::forward<Args>(args)...}};
}

}  // namespace detail

/// An ask that a coroutine handler waits for: `Result<int, AskError> total = co_await ask<Add>(ref, 1s, 5);`. The message
/// is on its way already. Dropping it gives it up.
template <class R>
class [[nodiscard]] AskAwaitable : public detail::Awaitable {
 public:
  explicit AskAwaitable(detail::AskCore* ask) noexcept : ask_{ask} {}
  AskAwaitable(AskAwaitable&& other) noexcept : ask_{std::exchange(other.ask_, nullptr)} {}
  AskAwaitable& operator=(AskAwaitable&&) = delete;
  ~AskAwaitable() {
    if (ask_ != nullptr) detail::give_up_ask(*ask_);
  }

  [[nodiscard]] bool await_ready() const noexcept { return ask_->is_done(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> handle) noexcept {
    detail::await_ask(*ask_, *handle.promise().run);
  }
  /// Once.
  [[nodiscard]] Result<R, AskError> await_resume() { return detail::take_outcome<R>(*ask_); }

  [[nodiscard]] detail::AskCore& core() const noexcept { return *ask_; }

 private:
  detail::AskCore* ask_;  // counted
};

namespace detail {

class Sleep : public Awaitable {
 public:
  explicit Sleep(Duration delay) noexcept : delay_{delay} {}
  Sleep(const Sleep&) = delete;
  Sleep& operator=(const Sleep&) = delete;
  ~Sleep() {
    if (timer_ != nullptr) give_up_sleep(*timer_);
  }
  [[nodiscard]] static bool await_ready() noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> handle) {
    HandlerRun& run = *handle.promise().run;
    timer_ = start_sleep(run, saturating_add(turn_now(*run.cell->runtime()), delay_));
  }
  static void await_resume() noexcept {}

 private:
  Duration delay_;
  Timer* timer_ = nullptr;  // counted
};

class Yield : public Awaitable {
 public:
  Yield() noexcept = default;
  Yield(const Yield&) = delete;
  Yield& operator=(const Yield&) = delete;
  ~Yield() {
    if (pause_ != nullptr) give_up_yield(*pause_);
  }
  [[nodiscard]] static bool await_ready() noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> handle) {
    pause_ = start_yield(*handle.promise().run);
  }
  static void await_resume() noexcept {}

 private:
  YieldPause* pause_ = nullptr;  // counted
};

class Sending : public Awaitable {
 public:
  Sending(Cell& target, Envelope* envelope) : pause_{start_send(target, envelope, delivery_)} {}
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;
  ~Sending() {
    if (pause_ != nullptr) give_up_send(*pause_);
  }
  [[nodiscard]] bool await_ready() const noexcept { return pause_ == nullptr; }
  template <class P>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<P> handle) noexcept {
    return await_room(*pause_, *handle.promise().run);
  }
  [[nodiscard]] Delivery await_resume() const noexcept { return pause_ == nullptr ? delivery_ : delivery_of(*pause_); }

 private:
  Delivery delivery_ = Delivery::Accepted;
  RoomPause* pause_;  // counted; null: there is nothing to wait for
};

template <class R, class M, class... Args>
[[nodiscard]] AskAwaitable<R> begin_ask(Cell& asker, Cell* target, const EnvelopeOps* ops, Duration within,
                                        Args&&... args) {
  COPPICE_VERIFY(this_thread.cell == &asker, "ask<M>() is for the actor's own turn");
  AskError why_not = AskError::Closed;
  if (target == &asker) why_not = AskError::Rejected;  // it would wait for itself
  if (target == &asker || ops == nullptr) target = nullptr;
  Question* question = nullptr;
  if (target != nullptr) question = make_envelope<AskEnvelope<M>>(ops, make_from<M>(std::forward<Args>(args)...));
  return AskAwaitable<R>{start_ask(target, question, why_not, within, kReplyOps<R>)};
}

}  // namespace detail

/// Asks with an M made from `args`, in place: `co_await ask<Order>(ref, 1s, 1, "bob")`. The message goes at once, so that
/// several asks may be under way before the first is awaited.
template <class Self>
template <class M, class A, class... Args>
  requires(!detail::kIsProtocol<A> && Handles<A, M>)
auto Actor<Self>::ask(const ActorRef<A>& ref, Duration within, Args&&... args) {
  return detail::begin_ask<ReplyOf<A, M>, M>(*cell_, detail::RefAccess::share(ref).get(),
                                             &detail::HandlerOps<A, M>::kAsk, within, std::forward<Args>(args)...);
}
template <class Self>
template <class M, class... Rs, class... Ms, class... Args>
  requires(std::is_same_v<M, Ms> || ...)
auto Actor<Self>::ask(const ActorRef<Protocol<Rs(Ms)...>>& ref, Duration within, Args&&... args) {
  using Ref = ActorRef<Protocol<Rs(Ms)...>>;
  using R = typename Ref::template ReplyFor<M, Protocol<Rs(Ms)...>>::type;
  const detail::HandlerEntry* const entry = ref.template find<M>();
  return detail::begin_ask<R, M>(*cell_, detail::RefAccess::share(ref).get(), entry == nullptr ? nullptr : entry->ask,
                                 within, std::forward<Args>(args)...);
}

/// Sends an M made from `args`: `Delivery delivery = co_await send<Row>(store, 5);`. At a full mailbox that blocks
/// (Overflow::Block) the handler waits until there is room. Two that would wait for each other do not: one of the messages
/// is accepted above the capacity, as those of plain handlers are.
template <class Self>
template <class M, class A, class... Args>
  requires Handles<A, M>
auto Actor<Self>::send(const ActorRef<A>& ref, Args&&... args) {
  return detail::Sending{detail::RefAccess::cell(ref),
                         detail::make_envelope<detail::MessageEnvelope<M>>(
                             &detail::HandlerOps<A, M>::kSend, detail::make_from<M>(std::forward<Args>(args)...))};
}

/// `co_await sleep_for(10ms)`: never shorter. Zero, or a time that has passed: until the timers are looked at next.
template <class Self>
auto Actor<Self>::sleep_for(Duration delay) noexcept {
  return detail::Sleep{delay};
}

/// `co_await yield()`: to the back of the run queue. Whoever is ready runs first.
template <class Self>
auto Actor<Self>::yield() noexcept {
  return detail::Yield{};
}

}  // namespace coppice
