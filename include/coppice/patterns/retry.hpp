#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "coppice/actor/actor.hpp"
#include "coppice/patterns/unsent_call.hpp"
#include "coppice/system/system_options.hpp"

namespace coppice {

/// How often a call is tried, and how long is waited between two attempts.
struct RetryOptions {
  std::uint32_t attempts = 3;                       ///< at most, the first one included; from 1
  Duration first = std::chrono::milliseconds{100};  ///< before the second attempt; not negative
  Duration cap = std::chrono::seconds{10};          ///< no delay is longer, jitter apart; from `first`
  double factor = 2.0;                              ///< each delay is so many times the one before; from 1
  double jitter = 0.2;                              ///< 0.2: each delay is drawn from ±20 % around it; 0 to 0.5
  Duration within = kForever;                       ///< for all of it: no answer comes later; longer than zero
  friend bool operator==(const RetryOptions&, const RetryOptions&) = default;
};
/// What is out of its bounds, if anything: for options that come out of a file. What takes them aborts where this
/// answers an error.
[[nodiscard]] Result<void, OptionError> check(const RetryOptions& options);

/// How long to wait after so many attempts have failed (from 1) with so much time left; none: give up. Pure: no clock.
/// A delay that would use up the time is not waited for.
///
/// [Y1] Never more than `attempts`; none begins at the deadline or later; delays as [K1] (base/growing_delay.hpp).
[[nodiscard]] std::optional<Duration> retry_delay(const RetryOptions& options, std::uint32_t failed, Duration left,
                                                  std::uint64_t random) noexcept;

/// What retry() hands to the function that makes an attempt, if it takes one.
struct Attempt {
  std::uint32_t number;  ///< from 1
  Duration left;         ///< until RetryOptions::within is over
};

/// What is tried again when nobody says otherwise: no reply in time, a full mailbox, a crash, a dropped promise.
/// Not a place that has ended.
struct RetryUnlessClosed {
  template <class R>
  [[nodiscard]] bool operator()(const Result<R, AskError>& outcome) const noexcept {
    return !outcome.has_value() && outcome.error() != AskError::Closed && outcome.error() != AskError::Cancelled;
  }
};

namespace detail {

/// One retry under way, without its types.
///
/// Threads    the turn of the actor that retries, its end included.
/// Ownership  counted by the ask or by the timer that it waits for: with them it is withdrawn when the life ends.
class RetryRun : public Counted {
 public:
  RetryRun(Cell& cell, const RetryOptions& options);
  /// Makes the next attempt, or ends with a timeout when its turn comes after the deadline.
  virtual void attempt() = 0;

 protected:
  /// The first one has all of the time, so `left` is zero only in a later one.
  [[nodiscard]] Attempt begin() noexcept;
  /// True: attempt() will be called again, later.
  [[nodiscard]] bool again_later();

 private:
  [[nodiscard]] Duration left() const noexcept;
  Cell& cell_;
  const RetryOptions options_;
  const TimePoint deadline_;
  std::uint32_t made_ = 0;
};

template <class Make>
[[nodiscard]] auto make_attempt(Make& make, const Attempt& attempt) {
  if constexpr (std::is_invocable_v<Make&, const Attempt&>) {
    return make(attempt);
  } else {
    return make();
  }
}

template <class Make>
using MadeCall = decltype(make_attempt(std::declval<Make&>(), std::declval<const Attempt&>()));

template <class Make, class RetryIf, class F>
class TypedRetryRun final : public RetryRun {
 public:
  using Reply = typename MadeCall<Make>::Reply;

  template <class G>
  TypedRetryRun(Cell& cell, const RetryOptions& options, Make make, RetryIf retry_if, G&& then)
      : RetryRun{cell, options}, make_{std::move(make)}, retry_if_{std::move(retry_if)}, then_(std::forward<G>(then)) {}

  void attempt() override {
    const Attempt attempt = begin();
    // The pause's end came late: the actor was busy, paused or muted. It is a message of its own, so there is no stack
    // below that would be surprised.
    if (attempt.left <= Duration::zero()) return then_(Result<Reply, AskError>{Error{AskError::Timeout}});
    auto call = make_attempt(make_, attempt);
    call.limit(attempt.left);
    std::move(call).then([run = IntrusivePtr<TypedRetryRun>::of(*this)](Result<Reply, AskError> outcome) {
      run->came(std::move(outcome));
    });
  }

 private:
  void came(Result<Reply, AskError> outcome) {
    if (retry_if_(std::as_const(outcome)) && again_later()) return;
    then_(std::move(outcome));
  }

  Make make_;
  RetryIf retry_if_;
  F then_;
};

/// What retry() makes: nothing is sent before then().
template <class Make, class RetryIf>
class [[nodiscard]] Retrying {
 public:
  using Reply = typename MadeCall<Make>::Reply;
  static_assert(UnsentCall<MadeCall<Make>>, "what is retried must make an ask: `[this] { return ask(ref, M{}, 1s); }`");

  Retrying(Cell& cell, const RetryOptions& options, Make make, RetryIf retry_if)
      : cell_{cell}, options_{options}, make_{std::move(make)}, retry_if_{std::move(retry_if)} {}

  /// Makes the first attempt. `continuation` runs once, as a message of the actor, with the last attempt's outcome; not
  /// at all when this life ends first.
  template <class F>
    requires requires(F& continuation, Result<Reply, AskError> outcome) { continuation(std::move(outcome)); }
  void then(F&& continuation) && {
    using Run = TypedRetryRun<Make, RetryIf, std::decay_t<F>>;
    const auto run = IntrusivePtr<Run>::adopt(
        new Run{cell_, options_, std::move(make_), std::move(retry_if_), std::forward<F>(continuation)});
    run->attempt();
  }

 private:
  Cell& cell_;
  RetryOptions options_;
  Make make_;
  RetryIf retry_if_;
};

}  // namespace detail

/// Asks again when an ask fails, each time after a longer delay, up to so many attempts and so much time:
///
///     retry(*this, {.attempts = 5, .within = 10s}, [this] { return ask(database, Query{7}, 1s); })
///         .then([this](Result<Row, AskError> row) { … });
///
/// `make` makes each attempt's ask anew, from the Attempt if it takes one; `retry_if` gets each outcome and says
/// whether to try again. No ask waits beyond `within`, whatever time it was given, and none is sent after it: an actor
/// that comes to its next attempt too late gets Timeout. Whoever is asked may have carried out an attempt whose answer
/// did not come: it must stand being asked twice.
///
/// Threads    the actor's turn, for all of it.
/// Ownership  belongs to the life: when it ends nothing is asked any more, and what was captured goes before the state.
/// Failure    options out of their bounds abort with a message: check() them before if they come from outside. A life
///            that has as many timers as it may does not wait: the outcome is the last attempt's.
template <class Self, class Make, class RetryIf = RetryUnlessClosed>
[[nodiscard]] auto retry(Actor<Self>& actor, const RetryOptions& options, Make make, RetryIf retry_if = {}) {
  return detail::Retrying<Make, RetryIf>{detail::ActorAccess::cell(actor), options, std::move(make),
                                         std::move(retry_if)};
}

}  // namespace coppice
