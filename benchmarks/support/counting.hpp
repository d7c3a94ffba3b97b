#pragma once

/// One counter and who floods it: an actor, eight of them, threads. See workloads.hpp.

#include <algorithm>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "coppice/coppice.hpp"
#include "harness.hpp"

namespace coppice::bench {

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
  CountingOfActors(unsigned workers, const MailboxOptions& mailbox, int producers, std::int64_t a_turn = 50)
      : turn_{a_turn},
        system_{default_options(workers)},
        counter_{system_.spawn<Counter>({.mailbox = mailbox}, &finish_)} {
    for (int i = 0; i < producers; ++i) feeders_.push_back(system_.spawn<Feeder>(counter_));
  }
  Nanoseconds run(std::int64_t messages) {
    counter_.send(Expect{messages, 0});
    come_to_rest(system_);
    const auto each = messages / static_cast<std::int64_t>(feeders_.size());
    const Nanoseconds begun = now_ns();
    for (const auto& feeder : feeders_) feeder.send(Produce{each, turn_});
    const Nanoseconds took = finish_.wait() - begun;
    const std::int64_t turns = (each + turn_ - 1) / turn_;
    messages_ += static_cast<std::uint64_t>(messages) + 1 + feeders_.size() * static_cast<std::uint64_t>(turns);
    come_to_rest(system_);
    return took;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  std::int64_t turn_;  // messages of a producer in one handler
  Finish finish_;
  ActorSystem system_;
  ActorRef<Counter> counter_;
  std::vector<ActorRef<Feeder>> feeders_;
  std::uint64_t messages_ = 0;
};

}  // namespace coppice::bench
