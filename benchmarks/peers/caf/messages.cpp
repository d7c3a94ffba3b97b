// CAF: there and back, around, in floods, to many, with an answer.

#include <algorithm>
#include <chrono>
#include <thread>

#include "stage.hpp"

namespace coppice::bench {
namespace {

// ---- there and back, around ----

struct Ponger : Base {
  using Base::Base;
  behavior make_behavior() override {
    return {[](Value x) { return static_cast<Reply>(x & 0xffff); }};
  }
};
struct Pinger : Base {
  Pinger(caf::actor_config& c, Stage* s, actor p) : Base{c}, stage{s}, ponger{std::move(p)} {}
  behavior make_behavior() override {
    return {[this](Value rounds) {
              left = rounds;
              send(ponger, left);
            },
            [this](Reply) { --left == 0 ? stage->finish.reach() : send(ponger, left); }};
  }
  Stage* stage;
  actor ponger;
  Value left = 0;
};
Measurements ping_pong(const Request& request) {
  Stage stage{request.workers};
  const actor ponger = stage.spawn<Ponger>();
  const actor pinger = stage.spawn<Pinger>(&stage, ponger);
  const auto run = [&](Value rounds) {
    const Nanoseconds begun = now_ns();
    caf::anon_send(pinger, rounds);
    return stage.finish.wait() - begun;
  };
  run(warm(request.size));
  const Nanoseconds took = run(request.size);
  stage.end({pinger, ponger});
  return time_of("round trip", took, request.size);
}

struct Node : Base {
  Node(caf::actor_config& c, Stage* s) : Base{c}, stage{s} {}
  behavior make_behavior() override {
    return {[this](const actor& a) { next = a; },
            [this](Value hops) { hops == 0 ? stage->finish.reach() : send(next, hops - 1); }};
  }
  void on_exit() override { next = nullptr; }
  Stage* stage;
  actor next;
};
Measurements ring(const Request& request) {
  Stage stage{request.workers};
  std::vector<actor> nodes;
  for (int i = 0; i < kRing; ++i) nodes.push_back(stage.spawn<Node>(&stage));
  for (std::size_t i = 0; i < nodes.size(); ++i) caf::anon_send(nodes[i], nodes[(i + 1) % nodes.size()]);
  const auto run = [&](Value hops) {
    const Nanoseconds begun = now_ns();
    caf::anon_send(nodes.front(), hops - 1);
    return stage.finish.wait() - begun;
  };
  run(warm(request.size));
  const Nanoseconds took = run(request.size);
  stage.end(nodes);
  return time_of("hop", took, request.size);
}

// ---- floods ----

struct Counter : Base {
  Counter(caf::actor_config& c, Stage* s) : Base{c}, stage{s} {}
  behavior make_behavior() override {
    return {[this](const actor& a) { producer = a; },
            [this](Begin, Value n, Value burst) {
              expected = n;
              every = burst;
              sum = count = 0;
            },
            [this](Value x) {
              sum += x;
              ++count;
              if (count == expected) {
                require(sum == count, "the counter's sum is wrong");
                return stage->finish.reach();
              }
              if (every != 0 && count % every == 0) send(producer, Reply{1});
            }};
  }
  void on_exit() override { producer = nullptr; }
  Stage* stage;
  actor producer;
  Value expected = 0;
  Value every = 0;
  Value sum = 0;
  Value count = 0;
};
struct Producer : Base {
  Producer(caf::actor_config& c, actor t) : Base{c}, to{std::move(t)} {}
  void produce() {
    const Value n = std::min(left, burst);
    for (Value i = 0; i < n; ++i) send(to, Value{1});
    left -= n;
  }
  behavior make_behavior() override {
    return {[this](Value n, Value b) {
              left = n;
              burst = b;
              produce();
            },
            [this](Reply) { produce(); }};
  }
  void on_exit() override { to = nullptr; }
  actor to;
  Value left = 0;
  Value burst = 0;
};
Measurements count(const Request& request, int producers, bool in_bursts) {
  Stage stage{request.workers};
  const actor counter = stage.spawn<Counter>(&stage);
  std::vector<actor> all;
  for (int i = 0; i < producers; ++i) all.push_back(stage.spawn<Producer>(counter));
  caf::anon_send(counter, all.front());
  const auto run = [&](Value each_one) {
    caf::anon_send(counter, Begin{1}, each_one * producers, in_bursts ? Value{kBurst} : Value{0});
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
    const Nanoseconds begun = now_ns();
    for (const actor& one : all) caf::anon_send(one, each_one, in_bursts ? Value{kBurst} : each_one);
    return stage.finish.wait() - begun;
  };
  const Value each_one = std::max<Value>(1, request.size / producers);
  run(warm(each_one));
  const Nanoseconds took = run(each_one);
  all.push_back(counter);
  stage.end(all);
  return rate_of("messages", took, each_one * producers);
}
Measurements counting(const Request& request) { return count(request, 1, false); }
Measurements counting_bursts(const Request& request) { return count(request, 1, true); }
Measurements counting_8(const Request& request) { return count(request, kProducers, false); }

struct Subscriber : Base {
  Subscriber(caf::actor_config& c, Stage* s, actor p) : Base{c}, stage{s}, publisher{std::move(p)} {}
  behavior make_behavior() override {
    return {[this](Value x) {
      count += x;
      if (count % kPublishBurst == 0) send(publisher, Reply{1});
    }};
  }
  void on_exit() override {
    stage->handled += count;
    publisher = nullptr;
  }
  Stage* stage;
  actor publisher;
  Value count = 0;
};
struct Publisher : Base {
  Publisher(caf::actor_config& c, Stage* s) : Base{c}, stage{s} {}
  void publish() {
    for (int i = 0; i < kPublishBurst; ++i) {
      const caf::message shared = caf::make_message(Value{1});
      for (const actor& one : subscribers) send(one, shared);
    }
    left -= kPublishBurst;
    acknowledged = 0;
  }
  behavior make_behavior() override {
    return {[this](const actor& a) { subscribers.push_back(a); },
            [this](Value publications) {
              left = publications;
              publish();
            },
            [this](Reply) {
              if (++acknowledged < kSubscribers) return;
              left == 0 ? stage->finish.reach() : publish();
            }};
  }
  void on_exit() override { subscribers.clear(); }
  Stage* stage;
  std::vector<actor> subscribers;
  Value left = 0;
  int acknowledged = 0;
};
Measurements fan_out(const Request& request) {
  Stage stage{request.workers};
  const actor publisher = stage.spawn<Publisher>(&stage);
  std::vector<actor> all{publisher};
  for (int i = 0; i < kSubscribers; ++i) {
    all.push_back(stage.spawn<Subscriber>(&stage, publisher));
    caf::anon_send(publisher, all.back());
  }
  const auto run = [&](Value bursts) {
    const Nanoseconds begun = now_ns();
    caf::anon_send(publisher, bursts * kPublishBurst);
    return stage.finish.wait() - begun;
  };
  const Value bursts = std::max<Value>(1, request.size / kPublishBurst);
  run(warm(bursts));
  const Nanoseconds took = run(bursts);
  stage.end(all);
  require(stage.handled == (bursts + warm(bursts)) * kPublishBurst * kSubscribers, "a delivery is missing");
  return rate_of("deliveries", took, bursts * kPublishBurst * kSubscribers);
}

// ---- questions ----

struct Server : Base {
  using Base::Base;
  behavior make_behavior() override {
    return {[](Value x) { return x + 1; }};
  }
};
struct Client : Base {
  Client(caf::actor_config& c, Stage* st, actor s) : Base{c}, stage{st}, server{std::move(s)} {}
  void next() {
    request(server, caf::infinite, left).then([this](Value answer) {
      require(answer == left + 1, "an ask got the wrong answer");
      --left == 0 ? stage->finish.reach() : next();
    });
  }
  behavior make_behavior() override {
    return {[this](Value questions) {
      left = questions;
      next();
    }};
  }
  void on_exit() override { server = nullptr; }
  Stage* stage;
  actor server;
  Value left = 0;
};
Measurements ask(const Request& request) {
  Stage stage{request.workers};
  const actor server = stage.spawn<Server>();
  const actor client = stage.spawn<Client>(&stage, server);
  const auto run = [&](Value questions) {
    const Nanoseconds begun = now_ns();
    caf::anon_send(client, questions);
    return stage.finish.wait() - begun;
  };
  run(warm(request.size));
  const Nanoseconds took = run(request.size);
  stage.end({client, server});
  return time_of("answer", took, request.size);
}
Measurements ask_outside(const Request& request) {
  Stage stage{request.workers};
  const actor server = stage.spawn<Server>();
  Nanoseconds took = 0;
  {
    caf::scoped_actor self{stage.system};
    const auto run = [&](Value questions) {
      const Nanoseconds begun = now_ns();
      for (Value i = 0; i < questions; ++i) {
        self->request(server, caf::infinite, i)
            .receive([&](Value answer) { require(answer == i + 1, "an ask got the wrong answer"); },
                     [](const caf::error&) { require(false, "an ask got no answer"); });
      }
      return now_ns() - begun;
    };
    run(warm(request.size));
    took = run(request.size);
  }
  stage.end({server});
  return time_of("answer", took, request.size);
}

}  // namespace

void add_messages(Workloads& all) {
  for (const Workload& one : {Workload{"ping_pong", &ping_pong},
                              {"ring", &ring},
                              {"counting", &counting},
                              {"counting_bursts", &counting_bursts},
                              {"counting_8", &counting_8},
                              {"fan_out", &fan_out},
                              {"ask", &ask},
                              {"ask_outside", &ask_outside},
                              {"ask_woken", &ask_outside}})
    all.push_back(one);
}

}  // namespace coppice::bench
