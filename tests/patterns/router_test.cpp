#include "coppice/patterns/router.hpp"

#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/actor/when.hpp"
#include "coppice/pool.hpp"
#include "coppice/system/actor_system.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/gate.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

struct Job {
  int key = 0;
};
struct Fail {};
struct Hold {};
struct Name {};
struct Worker : Actor<Worker> {
  Worker() = default;
  explicit Worker(std::vector<int>* d) : done{d} {}
  void handle(Job job) {
    ++count;
    if (done != nullptr) done->push_back(job.key);
  }
  void handle(Fail) { throw std::runtime_error{"fail"}; }
  std::string handle(Name) { return path(); }
  int handle(Hold) { return count; }
  int count = 0;
  std::vector<int>* done = nullptr;
};

template <class A = Worker>
std::vector<ActorRef<A>> spawn_many(System& system, std::size_t count, const MailboxOptions& mailbox = {}) {
  std::vector<ActorRef<A>> refs;
  for (std::size_t i = 0; i < count; ++i) refs.push_back(system.spawn<A>(SpawnOptions{.mailbox = mailbox}));
  return refs;
}

std::vector<std::uint64_t> counts(const std::vector<ActorRef<Worker>>& refs) {
  std::vector<std::uint64_t> all;
  for (const auto& ref : refs) all.push_back(ref.message_count());
  return all;
}

// ---- where messages go ----

TEST_CASE("round robin gives each member as many as the others") {  // F44
  TestSystem system;
  const auto workers = spawn_many(system, 5);
  const Router<Worker, RoundRobin> router{system, workers};
  for (int i = 0; i < 100; ++i) CHECK(router.send(Job{}) == Delivery::Accepted);
  system.run_until_idle();
  CHECK(counts(workers) == std::vector<std::uint64_t>(5, 20));
  testing::check_end(system);
}

TEST_CASE("random reaches all members about equally and the seed decides") {  // F44
  std::vector<std::uint64_t> first;
  for (int run = 0; run < 2; ++run) {
    TestSystem system{{.seed = 9, .system = {.seed = 9}}};
    const auto workers = spawn_many(system, 4);
    const Router<Worker, Random> router{system, workers};
    for (int i = 0; i < 4'000; ++i) router.send(Job{});
    system.run_until_idle();
    const auto all = counts(workers);
    for (const std::uint64_t count : all) CHECK((count > 850 && count < 1'150));
    if (run == 0) first = all;
    CHECK(all == first);
    testing::check_end(system);
  }
}

TEST_CASE("least loaded gives to whoever has least to do and counts exactly") {  // F44, [O2]
  TestSystem system;
  const auto workers = spawn_many(system, 3);
  system.run_until_idle();
  const Router<Worker, LeastLoaded> router{system, workers};
  for (int i = 0; i < 30; ++i) router.send(Job{});
  for (const auto& worker : workers) CHECK(router.load(worker) == 10);
  system.run_until_idle();
  for (const auto& worker : workers) CHECK(router.load(worker) == 0);
  CHECK(counts(workers) == std::vector<std::uint64_t>(3, 10));
  static_cast<void>(system.stop(workers[0]));
  system.run_until_idle();
  for (int i = 0; i < 10; ++i) router.send(Job{});
  CHECK(router.load(workers[0]) == 0);
  CHECK(router.load(workers[1]) + router.load(workers[2]) == 10);
  static_cast<void>(system.stop(workers[1]));  // what waits there is dead letters, and no load any more
  system.run_until_idle();
  CHECK(router.load(workers[1]) == 0);
  CHECK(router.load(workers[2]) == 0);
  testing::check_end(system);
}

TEST_CASE("a load goes with the message whatever becomes of it") {  // F44, [O2]
  TestSystem system;
  const auto root = system.start(pool<Worker>({.id = "pool", .size = 1, .worker = {.mailbox = Bounded{2}}})).value();
  const auto router = pool_router<Worker>(system, root, LeastLoaded{}).value();
  const auto worker = router.members()[0];
  router.send(Fail{});  // in hand when the life ends
  CHECK(router.load(worker) == 1);
  system.run_until_idle();
  CHECK(router.load(worker) == 0);
  Job job;
  for (int i = 0; i < 2; ++i) CHECK(router.try_send(job) == Delivery::Accepted);
  CHECK(router.try_send(job) == Delivery::Rejected);  // handed back
  CHECK(router.send(Job{}) == Delivery::Rejected);    // dead at once
  CHECK(router.load(worker) == 2);
  system.run_until_idle();
  CHECK(router.load(worker) == 0);
  auto asked = router.ask(Name{}, 1s);
  CHECK(router.load(worker) == 1);
  CHECK(asked.get().value() == "pool/1");
  CHECK(router.load(worker) == 0);
  router.send(Job{}, SendOptions{.correlation_id = 3});
  CHECK(router.load(worker) == 1);
  system.run_until_idle();
  CHECK(router.load(worker) == 0);
  testing::check_end(system);
}

struct KeyOf {
  int operator()(const Job& job) const { return job.key; }
};

TEST_CASE("each key has one member and all members have keys") {  // F44, [N1]
  TestSystem system;
  const auto workers = spawn_many(system, 8);
  const Router router{system, workers, ConsistentHash{KeyOf{}}};
  std::vector<ActorRef<Worker>> reversed{workers.rbegin(), workers.rend()};
  const Router other{system, reversed, ConsistentHash{KeyOf{}}};
  std::map<std::uint64_t, int> keys_of;
  for (int key = 0; key < 8'000; ++key) {
    const auto owner = router.pick(Job{key});
    REQUIRE(owner == router.pick(Job{key}));
    REQUIRE(owner == other.pick(Job{key}));
    ++keys_of[owner.id()];
  }
  REQUIRE(keys_of.size() == 8);
  for (const auto& [id, keys] : keys_of) CHECK((keys > 700 && keys < 1'350));
  testing::check_end(system);
}

TEST_CASE("who joins takes its share of the keys and no other key moves") {  // F44, [N2], joins and leaves at random
  TestSystem system;
  const auto workers = spawn_many(system, 12);
  Router router{system, std::vector<ActorRef<Worker>>{workers.begin(), workers.begin() + 4}, ConsistentHash{KeyOf{}}};
  std::set<std::size_t> in{0, 1, 2, 3};
  std::mt19937_64 random{2};
  constexpr int kKeys = 3'000;
  const auto owners = [&] {
    std::vector<std::uint64_t> all;
    for (int key = 0; key < kKeys; ++key) all.push_back(router.pick(Job{key}).id());
    return all;
  };
  auto before = owners();
  for (int step = 0; step < 30; ++step) {
    const std::size_t which = random() % workers.size();
    const bool joins = !in.contains(which);
    if (!joins && in.size() == 1) continue;
    REQUIRE((joins ? router.join(workers[which]) : router.leave(workers[which])));
    joins ? static_cast<void>(in.insert(which)) : static_cast<void>(in.erase(which));
    const auto after = owners();
    int moved = 0;
    for (int key = 0; key < kKeys; ++key) {
      const auto at = static_cast<std::size_t>(key);
      if (before[at] == after[at]) continue;
      ++moved;
      REQUIRE((joins ? after[at] : before[at]) == workers[which].id());
    }
    const double share = kKeys / static_cast<double>(joins ? in.size() : in.size() + 1);
    CAPTURE(step, joins, in.size(), moved);
    CHECK(moved > 0.5 * share);
    CHECK(moved < 1.7 * share);
    before = after;
  }
  testing::check_end(system);
}

TEST_CASE("a router of thousands of members is made in one go") {  // F44, minutes when each of them made a ring
  TestSystem system;
  const auto workers = spawn_many(system, 4'000);
  auto twice = workers;
  twice.insert(twice.end(), workers.begin(), workers.end());
  twice.insert(twice.begin() + 7, ActorRef<Worker>{});
  const Router router{system, twice, ConsistentHash{KeyOf{}}};
  CHECK(router.members() == workers);  // each once, in their order
  const std::vector<ActorRef<Worker>> some{workers.begin(), workers.begin() + 20};
  const Router at_once{system, some, ConsistentHash{KeyOf{}}};
  Router one_by_one{system, std::vector<ActorRef<Worker>>{}, ConsistentHash{KeyOf{}}};
  for (const auto& worker : some) CHECK(one_by_one.join(worker));
  for (int key = 0; key < 500; ++key) REQUIRE(at_once.pick(Job{key}) == one_by_one.pick(Job{key}));
  testing::check_end(system);
}

TEST_CASE("virtual nodes out of their bounds are found and named") {  // F44
  CHECK(check(ConsistentHash{KeyOf{}}));
  CHECK(check(ConsistentHash{KeyOf{}, 1}));
  CHECK(check(ConsistentHash{KeyOf{}, 10'000}));
  CHECK_THAT(check(ConsistentHash{KeyOf{}, 0}).error().text, Catch::Contains("virtual_nodes is 0; it may be 1 to"));
  CHECK_THAT(check(ConsistentHash{KeyOf{}, 10'001}).error().text, Catch::Contains("virtual_nodes is 10001"));
  CHECK_FALSE(check(ConsistentHash{KeyOf{}, ~std::uint32_t{0}}));
}

TEST_CASE("keys may be texts and numbers and enumerators") {  // F44
  enum class Color : unsigned char { Red, Green };
  TestSystem system;
  const auto workers = spawn_many(system, 3);
  const Router by_text{system, workers, ConsistentHash{[](const Job& job) { return std::to_string(job.key); }}};
  const Router by_color{system, workers,
                        ConsistentHash{[](const Job& job) { return job.key > 0 ? Color::Green : Color::Red; }, 16}};
  CHECK(by_text.pick(Job{5}) == by_text.pick(Job{5}));
  CHECK(by_color.pick(Job{5}) == by_color.pick(Job{6}));
  testing::check_end(system);
}

TEST_CASE("a broadcast reaches every member and says how many") {  // F44
  TestSystem system;
  const auto workers = spawn_many(system, 4);
  Router<Worker, Broadcast> router{system, workers};
  CHECK(router.send(Job{}).delivered == 4);
  system.run_until_idle();
  static_cast<void>(system.stop(workers[3]));
  system.run_until_idle();
  const BroadcastResult result = router.send(Job{});
  CHECK(result.delivered == 3);
  CHECK(result.dropped == 1);
  system.run_until_idle();
  CHECK(counts(workers) == std::vector<std::uint64_t>{2, 2, 2, 1});
  for (const auto& worker : workers) CHECK(router.leave(worker));
  CHECK(router.send(Job{}).dropped == 1);
  CHECK(system.dead_letters().size() == 2);
  testing::check_end(system);
}

struct Last {
  [[nodiscard]] std::size_t choose(const Candidates& among) const noexcept { return among.size() - 1; }
};

TEST_CASE("a strategy of one's own is a type with one function") {  // F44
  TestSystem system;
  const auto workers = spawn_many(system, 50);
  const Router router{system, workers, Last{}};
  router.send(Job{});
  system.run_until_idle();
  CHECK(workers[49].message_count() == 1);
  testing::check_end(system);
}

// ---- members that die, restart, are full ----

TEST_CASE("a member that is down is passed over and used again when its next life runs") {  // F44
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    TestSystem system{{.seed = seed}};
    const auto root =
        system.start(pool<Worker>({.id = "pool", .size = 4, .backoff = Exponential{.first = 1s, .jitter = 0.0}}))
            .value();
    const auto router = pool_router<Worker>(system, root).value();
    const auto workers = router.members();
    system.crash(workers[2]);
    system.run_until_idle();
    const auto before = counts(workers);
    for (int i = 0; i < 30; ++i) CHECK(router.send(Job{}) == Delivery::Accepted);
    system.run_until_idle();
    auto after = counts(workers);
    CHECK(after[2] == before[2]);
    for (const std::size_t i : {0U, 1U, 3U}) CHECK(after[i] == before[i] + 10);
    system.advance(1s);
    for (int i = 0; i < 40; ++i) router.send(Job{});
    system.run_until_idle();
    CHECK(counts(workers)[2] == after[2] + 10);
    CHECK(system.ledger().dead() == 0);
    testing::check_end(system);
  }
}

TEST_CASE("when all are down a message waits for the next life of one of them") {  // F44
  TestSystem system;
  std::vector<int> done;
  const auto root = system
                        .start(pool<Worker>({.id = "pool",
                                             .size = 3,
                                             .intensity = {.restarts = 10},
                                             .backoff = Exponential{.first = 1s, .jitter = 0.0}},
                                            &done))
                        .value();
  const auto router = pool_router<Worker>(system, root).value();
  for (const auto& worker : router.members()) system.crash(worker);
  system.run_until_idle();
  for (int i = 0; i < 9; ++i) CHECK(router.send(Job{i}) == Delivery::Accepted);
  system.run_until_idle();
  CHECK(done.empty());
  system.advance(1s);
  CHECK(done.size() == 9);
  CHECK(system.ledger().dead() == 0);
  testing::check_end(system);
}

TEST_CASE("when none is left the answer says so and nothing is lost without a trace") {  // F44, P4
  TestSystem system;
  const auto workers = spawn_many(system, 2);
  Router<Worker> router{system, workers};
  for (const auto& worker : workers) static_cast<void>(system.stop(worker));
  system.run_until_idle();
  CHECK(router.send(Job{}) == Delivery::Closed);
  CHECK(system.dead_letters().size() == 1);
  for (const auto& worker : workers) CHECK(router.leave(worker));
  CHECK(router.send(Job{}) == Delivery::Closed);
  CHECK(router.send(Job{}, SendOptions{.correlation_id = 1}) == Delivery::Closed);
  CHECK(system.dead_letters().size() == 3);
  Job kept{7};
  CHECK(router.try_send(kept) == Delivery::Closed);
  CHECK(kept.key == 7);
  CHECK(router.ask(Name{}, 1s).get().error() == AskError::Closed);
  CHECK(router.pick(Job{}).id() == 0);
  CHECK(system.dead_letters().size() == 3);
  testing::check_end(system);
}

TEST_CASE("a member with a full mailbox is passed over while another has room") {  // F44
  TestSystem system;
  const auto workers = spawn_many(system, 3, Bounded{2});
  system.run_until_idle();
  const Router<Worker> router{system, workers};
  workers[0].send(Job{});
  workers[0].send(Job{});
  for (int i = 0; i < 4; ++i) CHECK(router.send(Job{}) == Delivery::Accepted);
  CHECK(router.send(Job{}) == Delivery::Rejected);
  Job kept{5};
  CHECK(router.try_send(kept) == Delivery::Rejected);
  CHECK(kept.key == 5);
  CHECK(system.ledger().handed_back == 1);  // nobody else was tried in vain
  system.run_until_idle();
  CHECK(counts(workers) == std::vector<std::uint64_t>(3, 2));
  testing::check_end(system);
}

TEST_CASE("members join and leave once") {  // F44
  TestSystem system;
  const auto workers = spawn_many(system, 2);
  Router<Worker> router{system};
  CHECK(router.members().empty());
  CHECK(router.join(workers[0]));
  CHECK_FALSE(router.join(workers[0]));
  CHECK_FALSE(router.join(ActorRef<Worker>{}));
  Router<Worker> copy = router;
  CHECK(copy.join(workers[1]));
  CHECK(router.members() == workers);
  CHECK(router.leave(workers[0]));
  CHECK_FALSE(copy.leave(workers[0]));
  testing::check_end(system);
}

TEST_CASE("a member that leaves and joins again keeps its load") {  // F44, [O2]
  TestSystem system;
  const auto workers = spawn_many(system, 2);
  Router<Worker, LeastLoaded> router{system, workers};
  for (int i = 0; i < 4; ++i) router.send(Job{});
  CHECK(router.leave(workers[0]));
  CHECK(router.load(workers[0]) == 2);
  CHECK(router.join(workers[0]));
  CHECK(router.load(workers[0]) == 2);
  system.run_until_idle();
  CHECK(router.load(workers[0]) == 0);
  CHECK(router.leave(workers[0]));
  CHECK(router.join(workers[0]));
  CHECK(router.load(workers[0]) == 0);
  testing::check_end(system);
}

TEST_CASE("a pool is refused where there are no workers or of another class") {  // F44
  TestSystem system;
  CHECK(system.start(pool<Worker>({.id = "none", .size = 0})).error().kind == StartError::Kind::BadSpec);
  const auto root = system.start(supervisor({.id = "app"}, pool<Worker>({.id = "workers", .size = 2}))).value();
  const auto workers = root.child<Supervisor>("workers").value();
  CHECK(pool_router<Worker>(system, workers).value().members().size() == 2);
  CHECK(pool_router<Supervisor>(system, workers).error() == LookupError::WrongType);
  CHECK(pool_router<Worker>(system, root).error() == LookupError::Unknown);
  testing::check_end(system);
}

// ---- members that ask their own router ----

/// Asks the router whose member it is.
template <class Strategy>
struct Peer : Actor<Peer<Strategy>> {
  struct Ask {
    int key = 0;
  };
  struct Work {
    int key = 0;
  };
  Peer(std::vector<std::string>* o, Router<Peer, Strategy>* r) : out{o}, router{r} {}
  void handle(Ask what) {
    router->ask(*this, Work{what.key}, 1s).then([this](Result<std::uint64_t, AskError> who) {
      out->push_back(!who ? to_string(who.error()) : *who == this->self().id() ? "itself" : "another");
    });
  }
  std::uint64_t handle(Work) { return this->self().id(); }
  std::vector<std::string>* out;
  Router<Peer, Strategy>* router;
};

struct WorkKey {
  template <class M>
  int operator()(const M& message) const {
    return message.key;
  }
};

template <class Strategy>
void check_peers(Strategy strategy) {
  using Member = Peer<Strategy>;
  TestSystem system;
  std::vector<std::string> out;
  Router<Member, Strategy> router{system, {}, std::move(strategy)};
  std::vector<ActorRef<Member>> peers;
  for (int i = 0; i < 4; ++i) peers.push_back(system.template spawn<Member>(&out, &router));
  const auto ask = [&](int times) {
    out.clear();
    for (int i = 0; i < times; ++i) peers[0].send(typename Member::Ask{i});
    system.run_until_idle();
  };
  ask(1);
  CHECK(out == std::vector<std::string>{"closed"});  // no member at all
  CHECK(router.join(peers[0]));
  ask(1);
  CHECK(out == std::vector<std::string>{"rejected"});  // it would wait for itself
  for (int i = 1; i < 4; ++i) CHECK(router.join(peers[static_cast<std::size_t>(i)]));
  ask(40);
  CHECK(out == std::vector<std::string>(40, "another"));
  for (int i = 1; i < 4; ++i) static_cast<void>(system.stop(peers[static_cast<std::size_t>(i)]));
  system.run_until_idle();
  ask(1);
  CHECK(out == std::vector<std::string>{"closed"});  // the others have ended
  testing::check_end(system);
}

TEST_CASE("a member that asks its own router gets another member") {  // F44
  SECTION("in turn") { check_peers(RoundRobin{}); }
  SECTION("at random") { check_peers(Random{}); }
  SECTION("least loaded") { check_peers(LeastLoaded{}); }
  SECTION("by key") { check_peers(ConsistentHash{WorkKey{}}); }
}

// ---- asks from actors ----

struct Asker : Actor<Asker> {
  Asker(Router<Worker, LeastLoaded> r, std::vector<std::string>* o) : router{std::move(r)}, out{o} {}
  void handle(Name) {
    router.ask(*this, Name{}, 1s).then([this](Result<std::string, AskError> reply) {
      out->push_back(reply ? *reply : to_string(reply.error()));
    });
  }
  Router<Worker, LeastLoaded> router;
  std::vector<std::string>* out;
};

TEST_CASE("an actor asks a member of a pool and its load goes down with the answer") {  // F44
  TestSystem system;
  const auto root = system.start(pool<Worker>({.id = "pool", .size = 2})).value();
  auto router = pool_router<Worker>(system, root, LeastLoaded{}).value();
  std::vector<std::string> out;
  const auto asker = system.spawn<Asker>(router, &out);
  for (int i = 0; i < 4; ++i) asker.send(Name{});
  system.run_until_idle();
  std::map<std::string, int> seen;
  for (const auto& each : out) ++seen[each];
  CHECK(seen == std::map<std::string, int>{{"pool/1", 2}, {"pool/2", 2}});
  const auto workers = router.members();
  for (const auto& worker : workers) CHECK(router.load(worker) == 0);
  for (const auto& worker : workers) router.leave(worker);
  asker.send(Name{});
  system.run_until_idle();
  CHECK(out.back() == "closed");
  testing::check_end(system);
}

struct AnyAsker : Actor<AnyAsker> {
  AnyAsker(Router<Worker, LeastLoaded> r, std::vector<std::string>* o) : router{std::move(r)}, out{o} {}
  void handle(Name) {
    when_any(router.ask(*this, Name{}, 1s), router.ask(*this, Name{}, 1s))
        .then([this](Result<FirstReply<std::string>, AskError> first) {
          out->push_back(first ? first->value : to_string(first.error()));
        });
  }
  void handle(Job) {
    when_all(router.ask(*this, Name{}, 1s), router.ask(*this, Hold{}, 1s))
        .then([this](Result<std::string, AskError> name, Result<int, AskError> count) {
          out->push_back(name && count ? *name : "none");
        });
  }
  Router<Worker, LeastLoaded> router;
  std::vector<std::string>* out;
};

TEST_CASE("the first reply of several asks of a pool counts and the loads go down with the others") {  // F44, [O2]
  TestSystem system;
  const auto workers = spawn_many(system, 2);
  Router<Worker, LeastLoaded> router{system, workers};
  std::vector<std::string> out;
  const auto asker = system.spawn<AnyAsker>(router, &out);
  workers[0].pause();
  asker.send(Name{});
  system.run_until_idle();
  CHECK(out == std::vector<std::string>{workers[1].path()});
  CHECK(router.load(workers[0]) == 1);
  workers[0].resume();
  system.run_until_idle();
  CHECK(router.load(workers[0]) == 0);
  asker.send(Job{});
  system.run_until_idle();
  CHECK(out.size() == 2);
  CHECK(out.back() != "none");
  for (const auto& worker : workers) router.leave(worker);
  asker.send(Name{});
  system.run_until_idle();
  CHECK(out.back() == "closed");
  testing::check_end(system);
}

struct ThrowingKey {
  int operator()(const Job& job) const {
    if (job.key < 0) throw std::runtime_error{"no key"};
    return job.key;
  }
};

TEST_CASE("a key that cannot be made sends nothing") {  // F44
  TestSystem system;
  const Router router{system, spawn_many(system, 2), ConsistentHash{ThrowingKey{}}};
  Job job{-1};
  CHECK_THROWS(router.send(Job{-1}));
  CHECK_THROWS(router.try_send(job));
  CHECK(router.send(Job{1}) == Delivery::Accepted);
  system.run_until_idle();
  CHECK(system.ledger().sent == 1);
  testing::check_end(system);
}

// ---- threads ----

TEST_CASE("a broadcast serves those with room before it waits for those without") {  // F44
  ActorSystem system{{.workers = 1}};
  const Bounded blocks{.capacity = 1, .overflow = Overflow::Block, .block_within = testing::kPatience};
  const auto full = spawn_many(system, 2, blocks);
  const auto free = spawn_many(system, 2);
  const Router<Worker, Broadcast> router{system, {full[0], free[0], full[1], free[1]}};
  for (const auto& worker : full) {
    worker.pause();
    CHECK(worker.send(Job{}) == Delivery::Accepted);
  }
  BroadcastResult result;
  std::thread sender{[&] { result = router.send(Job{}); }};
  CHECK(testing::eventually([&] { return free[0].message_count() == 1 && free[1].message_count() == 1; }));
  for (const auto& worker : full) worker.resume();
  sender.join();
  CHECK(result.delivered == 4);
  REQUIRE(testing::at_rest(system));
  CHECK(counts(full) == std::vector<std::uint64_t>{2, 2});
  testing::check_end(system);
}

struct Stand {
  testing::Gate* gate;
};
struct Guard : Actor<Guard> {
  void handle(Stand stand) { stand.gate->pass(); }
};

struct Stuck : Actor<Stuck> {
  void handle(Stand stand) { stand.gate->pass(); }
  std::uint32_t handle(Name) { return incarnation(); }
};

TEST_CASE(
    "a member whose handler was left behind is found in its next life and its load is what it has to do") {  // F44
  ActorSystem system{{.workers = 2, .reports = false}};
  const auto root = system.start(pool<Stuck>({.id = "pool", .size = 1})).value();
  const auto router = pool_router<Stuck>(system, root, LeastLoaded{}).value();
  const auto member = router.members()[0];
  testing::Gate gate;
  router.send(Stand{&gate});
  REQUIRE(gate.wait_for_arrivals());
  static_cast<void>(system.stop(member, {.within = 5ms}).get());
  REQUIRE(testing::eventually(
      [&] { return router.ask(Name{}, testing::kPatience).get() == Result<std::uint32_t, AskError>{2}; }));
  CHECK(testing::eventually([&] { return router.load(member) == 1; }));  // the one that is still in hand
  gate.open();
  CHECK(testing::eventually([&] { return router.load(member) == 0; }));
  CHECK(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("what fits into some mailbox is taken however many send at once") {  // F44
  ActorSystem system{{.workers = 1}};
  constexpr std::size_t kMembers = 48;
  const auto guard = system.spawn<Guard>();
  const auto workers = spawn_many(system, kMembers, Bounded{1});  // so each message meets one that just filled up
  const Router<Worker, Last> router{system, workers};
  for (std::size_t round = 0; round < testing::scaled(1'000); ++round) {
    testing::Gate gate;
    guard.send(Stand{&gate});  // nobody takes anything meanwhile
    REQUIRE(gate.wait_for_arrivals());
    detail::Atomic<std::size_t> accepted{0};
    detail::Atomic<int> ready{0};
    const auto send_half = [&] {
      ready.fetch_add(1);
      while (ready.load() < 2) std::this_thread::yield();
      for (std::size_t i = 0; i < kMembers / 2; ++i)
        if (router.send(Job{}) == Delivery::Accepted) accepted.fetch_add(1);
    };
    std::thread other{send_half};
    send_half();
    other.join();
    CHECK(accepted.load() == kMembers);
    CHECK(router.send(Job{}) == Delivery::Rejected);
    gate.open();
    REQUIRE(testing::at_rest(system));
  }
  testing::check_end(system);
}

TEST_CASE("threads that send to members that crash join and leave lose nothing") {  // F44, [O1], [O2], P4
  ActorSystem system{{.workers = 2, .reports = false}};
  const auto root =
      system.start(pool<Worker>({.id = "pool", .size = 4, .intensity = {.restarts = 1'000'000, .within = 1s}})).value();
  auto router = pool_router<Worker>(system, root, LeastLoaded{}).value();
  const auto workers = router.members();
  const std::size_t rounds = testing::scaled(40'000);
  std::vector<std::thread> threads;
  detail::Atomic<std::uint64_t> accepted{0};
  for (unsigned t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < rounds; ++i) {
        Job job;
        if (t == 0) {
          if (router.send(Job{}) == Delivery::Accepted) accepted.fetch_add(1);
        } else if (router.try_send(job) == Delivery::Accepted) {
          accepted.fetch_add(1);
        }
        if (i % 512 == 0) router.send(Fail{});
      }
    });
  }
  for (std::size_t i = 0; i < rounds / 20; ++i) {
    Router<Worker, LeastLoaded> mine = router;
    mine.leave(workers[i % 4]);
    mine.join(workers[i % 4]);
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(testing::at_rest(system));
  for (const auto& worker : workers) CHECK(router.load(worker) == 0);
  const Ledger ledger = system.ledger();
  CHECK(accepted.load() == 2 * rounds);
  CHECK(ledger.dead() == ledger.dead(DeadReason::InHand));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
