#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "coppice/actor/actor.hpp"
#include "coppice/base/unique_function.hpp"

namespace coppice {

/// The states of a machine, each a movable type of its own with what only that state needs.
template <class... S>
struct States {};
/// Its events, by what they are answered with: `Events<void(Push), int(Coin)>`.
template <class... Signatures>
struct Events {};

/// What an event leads to; made by StateMachine::keep, next, repeat and postpone.
class [[nodiscard]] Transition {
 public:
  enum class To : unsigned char { Keep, Next, Repeat };
  explicit Transition(To to) noexcept : to_{to} {}

  /// The event comes again when the state changes; with next(), in the new state.
  Transition postponed() && noexcept {
    postponed_ = true;
    return *this;
  }
  /// The question is answered by whoever has its promise; without it, or reply(), it is answered NoReply.
  Transition replies_later() && noexcept {
    replies_later_ = true;
    return *this;
  }
  template <class R>
  struct [[nodiscard]] Replying;
  /// Answers the question, before anything else of the transition.
  template <class R>
  Replying<std::decay_t<R>> reply(R&& value) &&;

  [[nodiscard]] To to() const noexcept { return to_; }
  [[nodiscard]] bool is_postponed() const noexcept { return postponed_; }
  [[nodiscard]] bool is_later() const noexcept { return replies_later_; }

 private:
  To to_;
  bool postponed_ = false;
  bool replies_later_ = false;
};
template <class R>
struct [[nodiscard]] Transition::Replying {
  Transition transition;
  R value;
};
template <class R>
Transition::Replying<std::decay_t<R>> Transition::reply(R&& value) && {
  return {*this, std::forward<R>(value)};
}

namespace detail {

template <class E>
struct EventReply;
template <class R, class E>
struct EventReply<R(E)> {
  using Event = E;
  using Reply = R;
};
template <class E, class... Signatures>
struct ReplyOfEvent;
template <class E, class First, class... Rest>
struct ReplyOfEvent<E, First, Rest...> : std::conditional_t<std::is_same_v<E, typename EventReply<First>::Event>,
                                                            EventReply<First>, ReplyOfEvent<E, Rest...>> {};
template <class E>
struct ReplyOfEvent<E> {};

}  // namespace detail

template <class Self, class StateList, class EventList>
class StateMachine;

/// The base of an actor that is a state machine:
///
///     struct Lock : StateMachine<Lock, States<Locked, Open>, Events<void(Push), int(Code)>> {
///       Lock() : StateMachine{Locked{}} {}
///       Transition on(Locked&, Push&) { return keep(); }
///       auto on(Locked& locked, Code& code) { … return next<Open>().reply(3); }
///       …
///       void enter(Open&) { state_timeout(5s, Push{}); }
///     };
///
/// `on(State&, Event)` is there for each pair (a template may stand for several), and answers a Transition, or for a
/// question one with a reply(). `enter(State&)`, where it is declared, runs at the first state, at each change and at
/// repeat(). What happens after an event, in this order: the reply; the change of state and enter(); the event is put
/// aside if it is postponed; at a change what was put aside comes back, oldest first, before all that waits; what was
/// inserted comes before that; time-outs. Source: Erlang's gen_statem.
///
/// A class that declares an on_start() of its own calls StateMachine::on_start() in it.
///
/// Threads    as Actor.
/// Failure    what on() and enter() throw is the actor's crash. As many events may be postponed as the actor may stash.
template <class Self, class... Ss, class... Signatures>
class StateMachine<Self, States<Ss...>, Events<Signatures...>> : public Actor<Self> {
  template <class E>
  using ReplyFor = typename detail::ReplyOfEvent<E, Signatures...>::Reply;
  template <class E>
  static constexpr bool kIsEvent = (std::is_same_v<E, typename detail::EventReply<Signatures>::Event> || ...);

 public:
  template <class E>
  static constexpr bool kInheritsHandler = kIsEvent<E>;

  template <class E>
    requires kIsEvent<E>
  auto handle(E event) {
    COPPICE_VERIFY(begun_, "an on_start() of a state machine calls StateMachine::on_start()");
    event_timer_.cancel();
    return std::visit([&](auto& state) { return step(state, event); }, state_);
  }

  void on_start() {
    begun_ = true;
    enter_state();
    settle(false);
  }

  template <class S>
  [[nodiscard]] bool in() const noexcept {
    return std::holds_alternative<S>(state_);
  }
  [[nodiscard]] std::string_view state_name() const noexcept { return kNames[state_.index()]; }

 protected:
  template <class S>
    requires(std::is_same_v<S, Ss> || ...)
  explicit StateMachine(S first) : state_{std::move(first)} {}
  ~StateMachine() = default;

  /// The state stays, and is not entered anew.
  [[nodiscard]] Transition keep() const noexcept { return Transition{Transition::To::Keep}; }
  /// The state stays and is entered again: what was postponed comes back, its time-out is over.
  [[nodiscard]] Transition repeat() const noexcept { return Transition{Transition::To::Repeat}; }
  [[nodiscard]] Transition postpone() const noexcept { return Transition{Transition::To::Keep}.postponed(); }
  /// The next state, made from these arguments. (The one that is on stays until on() has returned.)
  template <class S, class... Args>
  [[nodiscard]] Transition next(Args&&... args) {
    coming_.clear();
    coming_.emplace_back(std::in_place_type<S>, std::forward<Args>(args)...);
    return Transition{Transition::To::Next};
  }

  /// In enter() and on(): whether the machine came from that state.
  template <class S>
  [[nodiscard]] bool was() const noexcept {
    return before_ == index_of<S>();
  }

  /// The event comes before everything that waits.
  template <class E>
  void insert(E event) {
    inserted_.emplace_back(
        detail::make_envelope<detail::MessageEnvelope<E>>(&detail::HandlerOps<Self, E>::kSend, std::move(event)));
  }
  /// The event comes if the state has not changed by then. Another one takes its place. Of zero: behind what waits.
  template <class E>
  void state_timeout(Duration after, E event) {
    wishes_.emplace_back([this, after, event = std::move(event)]() mutable {
      state_timer_ = this->send_after(after, std::move(event));
    });
  }
  /// The event comes if no other does by then.
  template <class E>
  void event_timeout(Duration after, E event) {
    wishes_.emplace_back([this, after, event = std::move(event)]() mutable {
      event_timer_ = this->send_after(after, std::move(event));
    });
  }
  /// The event comes, whatever else does; one of each name.
  template <class E>
  void timeout(std::string name, Duration after, E event) {
    wishes_.emplace_back([this, name = std::move(name), after, event = std::move(event)]() mutable {
      timers_[std::move(name)] = this->send_after(after, std::move(event));
    });
  }
  void cancel_state_timeout() {
    wishes_.emplace_back([this] { state_timer_.cancel(); });
  }
  void cancel_timeout(std::string name) {
    wishes_.emplace_back([this, name = std::move(name)] { timers_.erase(name); });
  }

 private:
  using State = std::variant<Ss...>;
  static constexpr std::string_view kNames[] = {detail::kTypeInfo<Ss>.name...};
  template <class S>
  static consteval std::size_t index_of() {
    std::size_t index = 0;
    std::size_t i = 0;
    ((std::is_same_v<S, Ss> ? index = i++ : i++), ...);
    return index;
  }

  template <class S, class E>
  auto step(S& state, E& event) -> std::conditional_t<std::is_void_v<ReplyFor<E>>, void, Later<ReplyFor<E>>> {
    static_assert(
        requires(Self& self) { self.on(state, event); }, "this state has no on(State&, Event&) for this event");
    using R = ReplyFor<E>;
    auto came = static_cast<Self*>(this)->on(state, event);
    if constexpr (std::is_void_v<R>) {
      static_assert(std::is_same_v<decltype(came), Transition>, "an event without a reply is answered by a Transition");
      finish(came, event);
    } else if constexpr (std::is_same_v<decltype(came), Transition>) {
      if (!came.is_postponed() && !came.is_later()) detail::fail_in_hand(this->cell(), AskError::NoReply);
      finish(came, event);
      return this->template already_answered<R>();
    } else {
      R value(std::move(came.value));
      detail::answer_in_hand(this->cell(), &detail::kTypeInfo<R>, std::addressof(value));
      finish(came.transition, event);
      return this->template already_answered<R>();
    }
  }

  template <class E>
  void finish(const Transition& transition, E& event) {
    const bool changes = transition.to() != Transition::To::Keep;
    if (changes) {
      before_ = state_.index();
      if (transition.to() == Transition::To::Next) {
        state_ = std::move(coming_.front());
        coming_.clear();
      }
      state_timer_.cancel();
      enter_state();
    }
    if (transition.is_postponed()) static_cast<void>(this->stash(std::move(event)));
    settle(changes);
  }

  void enter_state() {
    std::visit(
        [this]([[maybe_unused]] auto& state) {
          static_cast<void>(this);  // for machines none of whose states declares enter()
          if constexpr (requires(Self& self) { self.enter(state); }) static_cast<Self*>(this)->enter(state);
        },
        state_);
  }

  void settle(bool changed) {
    if (changed) this->unstash();
    for (; !inserted_.empty(); inserted_.pop_back()) detail::put_in_front(this->cell(), inserted_.back().release());
    for (auto& wish : std::exchange(wishes_, {})) wish();
  }

  struct DestroyEnvelope {
    void operator()(detail::Envelope* envelope) const noexcept { detail::destroy_envelope(envelope); }
  };
  using Inserted = std::unique_ptr<detail::Envelope, DestroyEnvelope>;

  State state_;
  std::vector<State> coming_;             // none or one
  std::size_t before_ = ~std::size_t{0};  // none
  bool begun_ = false;
  std::vector<Inserted> inserted_;
  std::vector<UniqueFunction<void()>> wishes_;
  TimerHandle state_timer_;
  TimerHandle event_timer_;
  std::map<std::string, TimerHandle> timers_;
};

}  // namespace coppice
