// The suite's programs for CAF 0.17, with bench_classic's command line. The scheduler is CAF's default, work stealing, with
// as many threads as workers; actors are dynamically typed event-based ones in the class form, whose behaviour is made
// once; a reply is a handler's return value; what is published is one shared message. The sizes of integers tell
// messages apart: that costs CAF less than types of one's own, which it would want to be able to serialize.

#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <caf/all.hpp>
#include <fstream>
#include <thread>

#include "../support/driver.hpp"

namespace {

using namespace coppice::bench;
using caf::actor;
using caf::behavior;
using Base = caf::event_based_actor;

using Begin = std::uint32_t;
using Value = std::int64_t;
using Reply = std::int32_t;

/// A system and what its actors tell the main thread.
struct Stage {
  explicit Stage(unsigned workers) : configuration{workers}, system{configuration} {}
  struct Configuration : caf::actor_system_config {
    explicit Configuration(unsigned workers) { set("scheduler.max-threads", static_cast<std::size_t>(workers)); }
  };
  template <class A, class... Args>
  actor spawn(Args&&... args) {
    return system.spawn<A>(std::forward<Args>(args)...);
  }
  void end(const std::vector<actor>& actors) {
    for (const actor& one : actors) caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
    system.await_all_actors_done();
  }
  Configuration configuration;
  caf::actor_system system;
  Finish finish;
  std::atomic<std::int64_t> handled{0};
};

std::int64_t warm(std::int64_t size) { return size < 10 ? 1 : size / 10; }

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

// ---- fork and join, big, skynet ----

struct Worker : Base {
  Worker(caf::actor_config& c, Stage* s, Value n) : Base{c}, stage{s}, left{n} {}
  behavior make_behavior() override {
    return {[this](Value) {
      compute();
      if (--left != 0) return;
      if (stage->handled.fetch_sub(1) == 1) stage->finish.reach();
      quit();
    }};
  }
  Stage* stage;
  Value left;
};
struct Master : Base {
  Master(caf::actor_config& c, std::vector<actor> w) : Base{c}, workers{std::move(w)} {}
  behavior make_behavior() override {
    return {[this](Value n) {
      for (Value i = 0; i < n; ++i) {
        for (const actor& worker : workers) send(worker, i);
      }
      quit();
    }};
  }
  void on_exit() override { workers.clear(); }
  std::vector<actor> workers;
};
Measurements fork_join_throughput(const Request& request) {
  Stage stage{request.workers};
  const auto run = [&](Value n) {
    stage.handled = kForkJoinActors;
    std::vector<actor> workers;
    for (int i = 0; i < kForkJoinActors; ++i) workers.push_back(stage.spawn<Worker>(&stage, n));
    const actor master = stage.spawn<Master>(std::move(workers));
    const Nanoseconds begun = now_ns();
    caf::anon_send(master, n);
    return stage.finish.wait() - begun;
  };
  run(warm(request.size));
  return time_of("message", run(request.size), request.size * kForkJoinActors);
}
Measurements fork_join_create(const Request& request) {
  Stage stage{request.workers};
  const auto run = [&](Value n) {
    stage.handled = n;
    const Nanoseconds begun = now_ns();
    for (Value i = 0; i < n; ++i) caf::anon_send(stage.spawn<Worker>(&stage, Value{1}), Value{1});
    const Nanoseconds took = stage.finish.wait() - begun;
    stage.system.await_all_actors_done();
    return took;
  };
  run(warm(request.size));
  return time_of("actor", run(request.size), request.size);
}

struct Player : Base {
  Player(caf::actor_config& c, Stage* s, const std::vector<actor>* p, std::uint64_t i)
      : Base{c}, stage{s}, players{p}, me{static_cast<Value>(i)}, seed{kSeed + i} {}
  void ping() { send((*players)[draw(seed) % players->size()], me); }
  behavior make_behavior() override {
    return {[this](Begin, Value pings) {
              left = pings;
              ping();
            },
            [this](Value from) { send((*players)[static_cast<std::size_t>(from)], Reply{1}); },
            [this](Reply) {
              if (--left > 0) return ping();
              if (stage->handled.fetch_sub(1) == 1) stage->finish.reach();
            }};
  }
  Stage* stage;
  const std::vector<actor>* players;
  Value me;
  std::uint64_t seed;
  Value left = 0;
};
Measurements big(const Request& request) {
  Stage stage{request.workers};
  std::vector<actor> players;
  for (std::uint64_t i = 0; i < kBigActors; ++i) players.push_back(stage.spawn<Player>(&stage, &players, i));
  const auto run = [&](Value pings) {
    stage.handled = kBigActors;
    const Nanoseconds begun = now_ns();
    for (const actor& player : players) caf::anon_send(player, Begin{1}, pings);
    return stage.finish.wait() - begun;
  };
  run(warm(request.size));
  const Nanoseconds took = run(request.size);
  stage.end(players);
  return time_of("round trip", took, request.size * kBigActors);
}

struct Sky : Base {
  Sky(caf::actor_config& c, Stage* s, actor p) : Base{c}, stage{s}, parent{std::move(p)} {}
  void answer(Value total) {
    if (parent != nullptr) {
      send(parent, total);
    } else {
      stage->handled = total;
      stage->finish.reach();
    }
    quit();
  }
  behavior make_behavior() override {
    return {[this](Value number, Value leaves) {
              if (leaves == 1) return answer(number);
              const Value below = leaves / kSkynetChildren;
              for (Value i = 0; i < kSkynetChildren; ++i)
                send(spawn<Sky>(stage, caf::actor_cast<actor>(this)), number + i * below, below);
            },
            [this](Value part) {
              sum += part;
              if (++answers == kSkynetChildren) answer(sum);
            }};
  }
  void on_exit() override { parent = nullptr; }
  Stage* stage;
  actor parent;
  Value sum = 0;
  int answers = 0;
};
Measurements skynet(const Request& request) {
  Value leaves = 1;
  while (leaves * kSkynetChildren <= request.size) leaves *= kSkynetChildren;
  Stage stage{request.workers};
  const Nanoseconds begun = now_ns();
  caf::anon_send(stage.spawn<Sky>(&stage, actor{}), Value{0}, leaves);
  const Nanoseconds took = stage.finish.wait() - begun;
  require(stage.handled == leaves * (leaves - 1) / 2, "skynet's sum is wrong");
  stage.system.await_all_actors_done();
  return time_of("actor", took, leaves);
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

// ---- actors that come, rest and go ----

struct Idle : Base {
  Idle(caf::actor_config& c, Stage* s) : Base{c}, stage{s} {}
  behavior make_behavior() override {
    return {[this](Value) { stage->handled.fetch_add(1, std::memory_order_relaxed); }};
  }
  Stage* stage;
};
Measurements spawn_stop(const Request& request) {
  Stage stage{request.workers};
  const auto run = [&](Value n) {
    std::vector<actor> all;
    all.reserve(static_cast<std::size_t>(n));
    const Nanoseconds begun = now_ns();
    for (Value i = 0; i < n; ++i) all.push_back(stage.spawn<Idle>(&stage));
    for (const actor& one : all) caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
    all.clear();
    stage.system.await_all_actors_done();
    return now_ns() - begun;
  };
  run(warm(request.size));
  return time_of("actor", run(request.size), request.size);
}
std::int64_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::int64_t total = 0;
  std::int64_t resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}
Measurements idle_bytes(const Request& request) {
  Stage stage{request.workers};
  std::vector<actor> all(static_cast<std::size_t>(request.size));
  malloc_trim(0);
  const std::int64_t before = resident_bytes();
  for (actor& one : all) {
    one = stage.spawn<Idle>(&stage);
    caf::anon_send(one, Value{1});
  }
  while (stage.handled < request.size) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  const double bytes = static_cast<double>(resident_bytes() - before) / static_cast<double>(request.size);
  stage.end(all);
  return {{"actor", bytes, "bytes"}};
}

// ---- chameneos ----

struct Mall : Base {
  Mall(caf::actor_config& c, Stage* s, Value n) : Base{c}, stage{s}, left{n} {}
  behavior make_behavior() override {
    return {[this](const actor& from, Reply colour) {
              if (left == 0) return send(from, Begin{0});
              if (waiting == nullptr) {
                waiting = from;
                return;
              }
              --left;
              send(waiting, from, colour);
              waiting = nullptr;
            },
            [this](Value met) {
              sum += met;
              if (++counts < kChameneos) return;
              stage->handled = sum;
              stage->finish.reach();
            }};
  }
  void on_exit() override { waiting = nullptr; }
  Stage* stage;
  Value left;
  actor waiting;
  Value sum = 0;
  int counts = 0;
};
struct Creature : Base {
  Creature(caf::actor_config& c, actor m, Reply i) : Base{c}, mall{std::move(m)}, colour{i} {}
  void meet() {
    ++met;
    send(mall, caf::actor_cast<actor>(this), colour);
  }
  behavior make_behavior() override {
    return {[this](const actor& from, Reply other) {
              if (other != colour) colour = 3 - other - colour;
              send(from, colour);
              meet();
            },
            [this](Reply other) {
              colour = other;
              meet();
            },
            [this](Begin) { send(mall, met); }};
  }
  void on_exit() override { mall = nullptr; }
  actor mall;
  Reply colour;
  Value met = 0;
};
Measurements chameneos(const Request& request) {
  Stage stage{request.workers};
  const actor mall = stage.spawn<Mall>(&stage, request.size);
  std::vector<actor> all;
  for (int i = 0; i < kChameneos; ++i) all.push_back(stage.spawn<Creature>(mall, Reply{i % 3}));
  const Nanoseconds begun = now_ns();
  for (int i = 0; i < kChameneos; ++i) caf::anon_send(mall, all[static_cast<std::size_t>(i)], Reply{i % 3});
  const Nanoseconds took = stage.finish.wait() - begun;
  require(stage.handled == 2 * request.size, "a meeting is missing");
  all.push_back(mall);
  stage.end(all);
  return time_of("meeting", took, request.size);
}

// ---- timers: CAF's cannot be withdrawn one by one ----

struct Alarm : Base {
  Alarm(caf::actor_config& c, Stage* s, Value n) : Base{c}, stage{s}, timers{n} {}
  behavior make_behavior() override {
    return {[this](Begin, Value least, Value range) {
              std::uint64_t seed = kSeed;
              late.reserve(static_cast<std::size_t>(timers));
              const Nanoseconds begun = now_ns();
              for (Value i = 0; i < timers; ++i) {
                const auto delay = least + static_cast<Value>(draw(seed) % static_cast<std::uint64_t>(range));
                delayed_send(this, std::chrono::nanoseconds{delay}, now_ns() + delay);
              }
              took = now_ns() - begun;
              if (least != 0) stage->finish.reach();
            },
            [this](Value due) {
              late.push_back(static_cast<double>(now_ns() - due));
              if (static_cast<Value>(late.size()) == timers) stage->finish.reach();
            }};
  }
  Stage* stage;
  Value timers;
  Nanoseconds took = 0;
  std::vector<double> late;
};
Measurements timers(const Request& request) {
  Stage stage{request.workers};
  const actor alarm = stage.spawn<Alarm>(&stage, request.size);
  caf::anon_send(alarm, Begin{1}, Value{10'000'000'000}, Value{60'000'000'000});
  static_cast<void>(stage.finish.wait());
  const Nanoseconds took = caf::actor_cast<Alarm*>(alarm)->took;
  stage.end({alarm});
  return time_of("schedule", took, request.size);
}
Measurements timers_near(const Request& request) {
  Stage stage{request.workers};
  const actor alarm = stage.spawn<Alarm>(&stage, request.size);
  const Nanoseconds used = processor_time();
  caf::anon_send(alarm, Begin{1}, Value{0}, Value{1'000'000'000});
  static_cast<void>(stage.finish.wait());
  Measurements seen = lateness(caf::actor_cast<Alarm*>(alarm)->late);
  seen.push_back({"cpu", each(processor_time() - used, request.size), "ns"});
  stage.end({alarm});
  return seen;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string version = std::to_string(CAF_VERSION / 10'000) + "." + std::to_string(CAF_VERSION / 100 % 100) +
                              "." + std::to_string(CAF_VERSION % 100);
  return drive({"caf", "CAF " + version + ", work stealing, as many threads as workers, this program with -O3"},
               {{"ping_pong", &ping_pong},
                {"ring", &ring},
                {"counting", &counting},
                {"counting_bursts", &counting_bursts},
                {"counting_8", &counting_8},
                {"fan_out", &fan_out},
                {"fork_join_create", &fork_join_create},
                {"fork_join_throughput", &fork_join_throughput},
                {"big", &big},
                {"ask", &ask},
                {"ask_outside", &ask_outside},
                {"spawn_stop", &spawn_stop},
                {"idle_bytes", &idle_bytes},
                {"skynet", &skynet},
                {"chameneos", &chameneos},
                {"timers", &timers},
                {"timers_near", &timers_near}},
               argc, argv);
}
