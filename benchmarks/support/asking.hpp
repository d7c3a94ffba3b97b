#pragma once

/// Questions, one after another: from an actor, in a coroutine, from a thread. See workloads.hpp.

#include <chrono>
#include <cstdint>
#include <utility>

#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "harness.hpp"

namespace coppice::bench {

struct Question {
  std::int64_t number;
};
struct AskTimes {
  std::int64_t times;
};
struct Answerer : Actor<Answerer> {
  std::int64_t handle(Question question) { return question.number + 1; }
};
struct Asker : Actor<Asker> {
  Asker(Finish* f, ActorRef<Answerer> a) : finish{f}, answerer{std::move(a)} {}
  void handle(AskTimes times) {
    left = times.times;
    next();
  }
  void next() {
    ask(answerer, Question{left}, std::chrono::seconds{10}).then([this](Result<std::int64_t, AskError> answer) {
      require(answer && *answer == left + 1, "an ask got no answer, or the wrong one");
      if (--left == 0) return finish->reach();
      next();
    });
  }
  Finish* finish;
  ActorRef<Answerer> answerer;
  std::int64_t left = 0;
};

/// One handler that is a coroutine and asks in a loop. Its answers come in the system lane and count as no messages.
struct CoroutineAsker : Actor<CoroutineAsker> {
  CoroutineAsker(Finish* f, ActorRef<Answerer> a) : finish{f}, answerer{std::move(a)} {}
  Task<> handle(AskTimes times) {
    for (std::int64_t left = times.times; left > 0; --left) {
      const auto answer = co_await ask<Question>(answerer, std::chrono::seconds{10}, left);
      require(answer && *answer == left + 1, "an ask got no answer, or the wrong one");
    }
    finish->reach();
  }
  Finish* finish;
  ActorRef<Answerer> answerer;
};

template <class A, std::uint64_t kMessagesAnAsk>
class AskingBy {
 public:
  explicit AskingBy(unsigned workers)
      : system_{default_options(workers)}, asker_{system_.spawn<A>(&finish_, system_.spawn<Answerer>())} {}
  Nanoseconds run(std::int64_t asks) {
    const Nanoseconds begun = now_ns();
    asker_.send(AskTimes{asks});
    messages_ += kMessagesAnAsk * static_cast<std::uint64_t>(asks) + 1;
    return finish_.wait() - begun;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  Finish finish_;
  ActorSystem system_;
  ActorRef<A> asker_;
  std::uint64_t messages_ = 0;
};
using Asking = AskingBy<Asker, 2>;
using AskingInCoroutine = AskingBy<CoroutineAsker, 1>;

/// The calling thread, which is no actor, asks and waits for the answer.
template <class How>
class AskingOutsideBy {
 public:
  explicit AskingOutsideBy(unsigned workers)
      : system_{default_options(workers)}, answerer_{system_.spawn<Answerer>()} {}
  Nanoseconds run(std::int64_t asks) {
    const Nanoseconds begun = now_ns();
    for (std::int64_t i = 0; i < asks; ++i) {
      const Result<std::int64_t, AskError> answer = How{}(answerer_, Question{i});
      require(answer && *answer == i + 1, "a thread got no answer, or the wrong one");
    }
    messages_ += static_cast<std::uint64_t>(asks);
    return now_ns() - begun;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  ActorSystem system_;
  ActorRef<Answerer> answerer_;
  std::uint64_t messages_ = 0;
};
struct Blocking {
  auto operator()(const ActorRef<Answerer>& whom, Question question) const {
    return whom.ask(question, std::chrono::seconds{10}).get();
  }
};
/// call() may run the idle actor on the calling thread.
struct OnThisThread {
  auto operator()(const ActorRef<Answerer>& whom, Question question) const {
    return whom.call(question, std::chrono::seconds{10});
  }
};
using AskingFromOutside = AskingOutsideBy<Blocking>;
using Calling = AskingOutsideBy<OnThisThread>;

}  // namespace coppice::bench
