#pragma once

#include <utility>

#include "coppice/actor/actor.hpp"
#include "coppice/supervisors/calls.hpp"

namespace coppice::detail {

/// The promise as a queue of calls keeps it. Dropped with the supervisor, it answers Closing.
template <class T>
class PendingAnswer {
 public:
  explicit PendingAnswer(ReplyPromise<Result<T, CallError>> promise) : promise_{std::move(promise)} {}
  PendingAnswer(PendingAnswer&& other) noexcept
      : promise_{std::move(other.promise_)}, open_{std::exchange(other.open_, false)} {}
  PendingAnswer& operator=(PendingAnswer&& other) noexcept {
    std::swap(promise_, other.promise_);
    std::swap(open_, other.open_);
    return *this;
  }
  ~PendingAnswer() { set(Error{CallError{.kind = CallError::Kind::Closing}}); }
  /// A value, an error, or nothing. Once; what comes later is not heard.
  template <class... V>
  void set(V&&... outcome) {
    if (std::exchange(open_, false)) promise_.set(std::forward<V>(outcome)...);
  }

 private:
  ReplyPromise<Result<T, CallError>> promise_;
  bool open_ = true;
};

[[nodiscard]] inline CallError::Kind kind_of(AskError error) noexcept {
  if (error == AskError::Timeout) return CallError::Kind::NoAnswer;
  return error == AskError::Rejected ? CallError::Kind::Blocking : CallError::Kind::Closing;
}

/// A thread's call: the answer of an answer.
template <class T, class A, class M>
Result<T, CallError> ask_flat(const ActorRef<A>& ref, M&& call, Duration within) {
  if (this_thread.cell != nullptr) return Error{CallError{.kind = CallError::Kind::Blocking}};
  auto answer = ref.ask(std::forward<M>(call), within).get();
  if (!answer) return Error{CallError{.kind = kind_of(answer.error())}};
  return std::move(answer).value();
}

}  // namespace coppice::detail
