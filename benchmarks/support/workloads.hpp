#pragma once

/// The workloads that more than one benchmark runs. Each class is a system at work on one workload, warm after
/// warm_up(); run(n) moves n messages and answers the nanoseconds that took; finish() demands that none is missing.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "harness.hpp"

namespace coppice::bench {

// ---- a token that goes around: ping-pong is a ring of two ----

struct Token {
  std::int64_t hops_left;
};

struct Neighbour;
struct Meet {
  ActorRef<Neighbour> next;
};

struct Neighbour : Actor<Neighbour> {
  explicit Neighbour(Finish* f) : finish{f} {}
  void handle(Meet meet) { next = std::move(meet.next); }
  void handle(Token token) {
    if (token.hops_left == 0) return finish->reach();
    next.send(Token{token.hops_left - 1});
  }
  Finish* finish;
  ActorRef<Neighbour> next;
};

class Ring {
 public:
  Ring(unsigned workers, std::size_t size, const MailboxOptions& mailbox = {})
      : system_{default_options(workers)}, actors_(size) {
    for (auto& actor : actors_) actor = system_.spawn<Neighbour>({.mailbox = mailbox}, &finish_);
    for (std::size_t i = 0; i < size; ++i) actors_[i].send(Meet{actors_[(i + 1) % size]});
    messages_ = size;
    come_to_rest(system_);
  }
  Nanoseconds run(std::int64_t hops) {
    const Nanoseconds begun = now_ns();
    actors_.front().send(Token{hops - 1});
    messages_ += static_cast<std::uint64_t>(hops);
    return finish_.wait() - begun;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  Finish finish_;
  ActorSystem system_;
  std::vector<ActorRef<Neighbour>> actors_;
  std::uint64_t messages_ = 0;
};

// ---- one producer, one counter ----

struct Increment {
  std::int64_t by;
};
struct Expect {
  std::int64_t messages;
  std::int64_t acknowledge_every;  // 0: never
};
struct Acknowledge {};
struct Produce {
  std::int64_t messages;
  std::int64_t burst;  // sent at once, then an acknowledgement is waited for
};

struct Producer;
struct Counter : Actor<Counter> {
  explicit Counter(Finish* f) : finish{f} {}
  void handle(Expect e) {
    expected = e;
    sum = 0;
    count = 0;
  }
  void handle(const ActorRef<Protocol<void(Acknowledge)>>& ref) { producer = ref; }
  void handle(Increment increment) {
    sum += increment.by;
    ++count;
    if (count == expected.messages) {
      require(sum == count, "the counter's sum is wrong");
      return finish->reach();
    }
    if (expected.acknowledge_every != 0 && count % expected.acknowledge_every == 0) producer.send(Acknowledge{});
  }
  Finish* finish;
  ActorRef<Protocol<void(Acknowledge)>> producer;
  Expect expected{};
  std::int64_t sum = 0;
  std::int64_t count = 0;
};

struct Producer : Actor<Producer> {
  explicit Producer(ActorRef<Counter> c) : counter{std::move(c)} {}
  void handle(Produce p) {
    left = p.messages;
    burst = p.burst;
    send_burst();
  }
  void handle(Acknowledge) { send_burst(); }
  void send_burst() {
    const std::int64_t n = std::min(left, burst);
    for (std::int64_t i = 0; i < n; ++i) counter.send(Increment{1});
    left -= n;
  }
  ActorRef<Counter> counter;
  std::int64_t left = 0;
  std::int64_t burst = 0;
};

/// The calling thread, which is no actor, floods an actor.
class CountingFromOutside {
 public:
  explicit CountingFromOutside(unsigned workers)
      : system_{default_options(workers)}, counter_{system_.spawn<Counter>(&finish_)} {}
  Nanoseconds run(std::int64_t messages) {
    counter_.send(Expect{messages, 0});
    come_to_rest(system_);
    const Nanoseconds begun = now_ns();
    for (std::int64_t i = 0; i < messages; ++i) counter_.send(Increment{1});
    messages_ += static_cast<std::uint64_t>(messages) + 1;
    return finish_.wait() - begun;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  Finish finish_;
  ActorSystem system_;
  ActorRef<Counter> counter_;
  std::uint64_t messages_ = 0;
};

/// An actor floods another one: all in one handler, or in bursts that are acknowledged.
class Counting {
 public:
  explicit Counting(unsigned workers)
      : system_{default_options(workers)},
        counter_{system_.spawn<Counter>(&finish_)},
        producer_{system_.spawn<Producer>(counter_)} {
    counter_.send(ActorRef<Protocol<void(Acknowledge)>>{producer_});
    ++messages_;
  }
  Nanoseconds run(std::int64_t messages, std::int64_t burst) {
    const bool in_bursts = burst < messages;
    counter_.send(Expect{messages, in_bursts ? burst : 0});
    come_to_rest(system_);
    const Nanoseconds begun = now_ns();
    producer_.send(Produce{messages, burst});
    const Nanoseconds took = finish_.wait() - begun;
    const std::int64_t acknowledged = in_bursts ? (messages - 1) / burst : 0;
    messages_ += static_cast<std::uint64_t>(messages + acknowledged) + 2;
    come_to_rest(system_);
    return took;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  Finish finish_;
  ActorSystem system_;
  ActorRef<Counter> counter_;
  ActorRef<Producer> producer_;
  std::uint64_t messages_ = 0;
};

// ---- actors ask an actor, one question after another ----

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

/// The calling thread, which is no actor, asks and blocks.
class AskingFromOutside {
 public:
  explicit AskingFromOutside(unsigned workers)
      : system_{default_options(workers)}, answerer_{system_.spawn<Answerer>()} {}
  Nanoseconds run(std::int64_t asks) {
    const Nanoseconds begun = now_ns();
    for (std::int64_t i = 0; i < asks; ++i) {
      const Result<std::int64_t, AskError> answer = answerer_.ask(Question{i}, std::chrono::seconds{10}).get();
      require(answer && *answer == i + 1, "an ask got no answer, or the wrong one");
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

/// The same by call(), which may run the idle actor on the calling thread.
class Calling {
 public:
  explicit Calling(unsigned workers) : system_{default_options(workers)}, answerer_{system_.spawn<Answerer>()} {}
  Nanoseconds run(std::int64_t calls) {
    const Nanoseconds begun = now_ns();
    for (std::int64_t i = 0; i < calls; ++i) {
      const Result<std::int64_t, AskError> answer = answerer_.call(Question{i}, std::chrono::seconds{10});
      require(answer && *answer == i + 1, "a call got no answer, or the wrong one");
    }
    messages_ += static_cast<std::uint64_t>(calls);
    return now_ns() - begun;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  ActorSystem system_;
  ActorRef<Answerer> answerer_;
  std::uint64_t messages_ = 0;
};

/// Threads that are no actors flood one actor.
class CountingOfThreads {
 public:
  CountingOfThreads(unsigned workers, const MailboxOptions& mailbox)
      : system_{default_options(workers)}, counter_{system_.spawn<Counter>({.mailbox = mailbox}, &finish_)} {}
  Nanoseconds run(std::int64_t messages, int threads) {
    counter_.send(Expect{messages, 0});
    come_to_rest(system_);
    std::vector<std::thread> producers;
    const Nanoseconds begun = now_ns();
    for (int t = 0; t < threads; ++t) {
      producers.emplace_back([this, n = messages / threads] {
        for (std::int64_t i = 0; i < n; ++i) {
          require(counter_.send(Increment{1}) == Delivery::Accepted, "a message was refused");
        }
      });
    }
    const Nanoseconds took = finish_.wait() - begun;
    for (auto& producer : producers) producer.join();
    messages_ += static_cast<std::uint64_t>(messages) + 1;
    return took;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  Finish finish_;
  ActorSystem system_;
  ActorRef<Counter> counter_;
  std::uint64_t messages_ = 0;
};

/// Actors flood one actor, each some messages a turn.
struct Feeder : Actor<Feeder> {
  explicit Feeder(ActorRef<Counter> c) : counter{std::move(c)} {}
  void handle(Produce p) {
    const std::int64_t n = std::min(p.messages, p.burst);
    for (std::int64_t i = 0; i < n; ++i) {
      require(counter.send(Increment{1}) == Delivery::Accepted, "a message was refused");
    }
    if (p.messages > n) self().send(Produce{p.messages - n, p.burst});
  }
  ActorRef<Counter> counter;
};
class CountingOfActors {
 public:
  CountingOfActors(unsigned workers, const MailboxOptions& mailbox, int producers)
      : system_{default_options(workers)}, counter_{system_.spawn<Counter>({.mailbox = mailbox}, &finish_)} {
    for (int i = 0; i < producers; ++i) feeders_.push_back(system_.spawn<Feeder>(counter_));
  }
  Nanoseconds run(std::int64_t messages) {
    constexpr std::int64_t kTurn = 50;
    counter_.send(Expect{messages, 0});
    come_to_rest(system_);
    const auto each = messages / static_cast<std::int64_t>(feeders_.size());
    const Nanoseconds begun = now_ns();
    for (const auto& feeder : feeders_) feeder.send(Produce{each, kTurn});
    const Nanoseconds took = finish_.wait() - begun;
    const std::int64_t turns = (each + kTurn - 1) / kTurn;
    messages_ += static_cast<std::uint64_t>(messages) + 1 + feeders_.size() * static_cast<std::uint64_t>(turns);
    come_to_rest(system_);
    return took;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  Finish finish_;
  ActorSystem system_;
  ActorRef<Counter> counter_;
  std::vector<ActorRef<Feeder>> feeders_;
  std::uint64_t messages_ = 0;
};

// ---- actors that come and go ----

struct Leave {};
struct Mayfly : Actor<Mayfly> {
  void handle(Leave) { stop(); }
};

/// From outside: spawns n actors, then tells each to stop, and waits until none is left.
class Spawning {
 public:
  explicit Spawning(unsigned workers) : system_{default_options(workers)} {}
  struct Took {
    Nanoseconds spawn;
    Nanoseconds stop;
  };
  Took run(std::size_t n) {
    refs_.reserve(n);
    const Nanoseconds begun = now_ns();
    for (std::size_t i = 0; i < n; ++i) refs_.push_back(system_.spawn<Mayfly>());
    const Nanoseconds spawned = now_ns();
    for (const auto& ref : refs_) ref.send(Leave{});
    refs_.clear();
    while (system_.stats().actors != 0) std::this_thread::sleep_for(std::chrono::microseconds{20});
    messages_ += n;
    return {spawned - begun, now_ns() - spawned};
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  ActorSystem system_;
  std::vector<ActorRef<Mayfly>> refs_;
  std::uint64_t messages_ = 0;
};

struct SpawnMany {
  std::int64_t actors;
};
struct Brood : Actor<Brood> {
  explicit Brood(Finish* f) : finish{f} {}
  void handle(SpawnMany many) {
    left = many.actors;
    next();
  }
  void handle(const Down&) {
    if (--left == 0) return finish->reach();
    next();
  }
  void next() {
    const ActorRef<Mayfly> child = spawn<Mayfly>();
    watch(child);
    child.send(Leave{});
  }
  Finish* finish;
  std::int64_t left = 0;
};

/// An actor spawns a child, sends it a message on which it stops, and goes on when it hears of its end: the whole life
/// of each, watched.
class SpawningInside {
 public:
  explicit SpawningInside(unsigned workers)
      : system_{default_options(workers)}, brood_{system_.spawn<Brood>(&finish_)} {}
  Nanoseconds run(std::int64_t n) {
    const Nanoseconds begun = now_ns();
    brood_.send(SpawnMany{n});
    messages_ += 2 * static_cast<std::uint64_t>(n) + 1;  // Leave and Down
    return finish_.wait() - begun;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  Finish finish_;
  ActorSystem system_;
  ActorRef<Brood> brood_;
  std::uint64_t messages_ = 0;
};

}  // namespace coppice::bench
