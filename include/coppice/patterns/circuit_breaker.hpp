#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "coppice/patterns/circuit_rules.hpp"
#include "coppice/patterns/unsent_call.hpp"
#include "coppice/system/system.hpp"

namespace coppice {

namespace detail {
class CircuitCore;
}

/// Calls since the breaker was made.
struct CircuitStats {
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t given_up = 0;  ///< nobody said how they ended
  std::uint64_t refused = 0;   ///< not let through
  std::uint64_t opened = 0;    ///< how often it opened
};

/// One call that was let through. Says how it ended, once; one that is dropped before counts for nothing.
///
/// Threads    one at a time.
class [[nodiscard]] CircuitPermit {
 public:
  CircuitPermit(CircuitPermit&& other) noexcept;
  CircuitPermit& operator=(CircuitPermit&& other) noexcept;
  ~CircuitPermit();
  void succeeded() noexcept;
  void failed() noexcept;

 private:
  friend class CircuitBreaker;
  CircuitPermit(detail::IntrusivePtr<detail::CircuitCore> core, std::uint64_t period) noexcept;
  detail::IntrusivePtr<detail::CircuitCore> core_;  // null: it has been said
  std::uint64_t period_;
};

/// Keeps calls away from what fails again and again, so that it can recover and nobody waits for it in vain:
/// CircuitRules under the system's clock, shared by all who call.
///
///     breaker.call(ask(database, Query{7}, 1s)).then([this](Result<Row, AskError> row) { … });
///
/// Threads    any. Copies are of the same breaker. call(): the asker's turn.
/// Ownership  may outlive its system.
/// Failure    nothing throws but the constructor: std::bad_alloc. A lock is held for some instructions; no user code
///            runs under it.
class CircuitBreaker {
 public:
  /// Options out of their bounds abort with a message: check() them before if they come from outside.
  explicit CircuitBreaker(const System& system, const CircuitOptions& options = {});
  CircuitBreaker(const CircuitBreaker&) noexcept;
  CircuitBreaker(CircuitBreaker&&) noexcept;
  CircuitBreaker& operator=(const CircuitBreaker&) noexcept;
  CircuitBreaker& operator=(CircuitBreaker&&) noexcept;
  ~CircuitBreaker();

  /// For whatever is called: none, the circuit is open.
  [[nodiscard]] std::optional<CircuitPermit> try_begin() const noexcept;
  [[nodiscard]] CircuitState state() const noexcept;
  /// From when on calls may be tried again; TimePoint::min() where they may now.
  [[nodiscard]] TimePoint retry_at() const noexcept;
  [[nodiscard]] CircuitStats stats() const noexcept;

  template <class Call, class IsFailure>
  class [[nodiscard]] Guarded;

  /// An ask that is sent only if the circuit lets it through. Its continuation gets AskError::Rejected, on the asker's
  /// next turn, when it does not: nothing is sent then. By default every AskError is a failure; `is_failure` gets the
  /// outcome and decides otherwise. An asker whose life ends meanwhile says nothing about who was asked.
  template <detail::UnsentCall Call>
  [[nodiscard]] auto call(Call ask) const {
    return call(std::move(ask), [](const auto& outcome) { return !outcome.has_value(); });
  }
  template <detail::UnsentCall Call, class IsFailure>
    requires std::is_invocable_r_v<bool, IsFailure&, const Result<typename Call::Reply, AskError>&>
  [[nodiscard]] auto call(Call ask, IsFailure is_failure) const {
    return Guarded<Call, IsFailure>{*this, std::move(ask), std::move(is_failure)};
  }

 private:
  detail::IntrusivePtr<detail::CircuitCore> core_;
};

/// What call() makes: like the ask that it guards.
template <class Call, class IsFailure>
class CircuitBreaker::Guarded {
 public:
  using Reply = typename Call::Reply;
  void refuse(AskError why) noexcept {
    ask_.refuse(why);
    is_refused_ = true;
  }
  void limit(Duration most) noexcept { ask_.limit(most); }
  template <class F>
  void then(F&& continuation) && {
    if (is_refused_) return std::move(ask_).then(std::forward<F>(continuation));
    auto permit = breaker_.try_begin();
    if (!permit) {
      ask_.refuse(AskError::Rejected);
      return std::move(ask_).then(std::forward<F>(continuation));
    }
    std::move(ask_).then(
        [permit = std::move(*permit), is_failure = std::move(is_failure_),
         next = std::decay_t<F>(std::forward<F>(continuation))](Result<Reply, AskError> outcome) mutable {
          const bool has_failed = is_failure(std::as_const(outcome));
          has_failed ? permit.failed() : permit.succeeded();
          next(std::move(outcome));
        });
  }

 private:
  friend class CircuitBreaker;
  Guarded(CircuitBreaker breaker, Call ask, IsFailure is_failure)
      : breaker_{std::move(breaker)}, ask_{std::move(ask)}, is_failure_{std::move(is_failure)} {}
  CircuitBreaker breaker_;
  Call ask_;
  IsFailure is_failure_;
  bool is_refused_ = false;  // by somebody else: the circuit is not asked
};

}  // namespace coppice
