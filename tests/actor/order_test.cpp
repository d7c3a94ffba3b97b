#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/actor/signals.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"
#include "support/exclusive.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;

struct Increment {};
struct Read {};

struct Total : Actor<Total> {
  testing::Exclusive exclusive;
  int total = 0;
  void handle(Increment) {
    const auto turn = exclusive.enter();
    ++total;
  }
  std::pair<int, bool> handle(Read) { return {total, exclusive.held()}; }
};

TEST_CASE("an actor handles one message at a time whoever sends") {  // F4
  SystemOptions options;
  options.workers = 4;
  ActorSystem system{std::move(options)};
  const auto total = system.spawn<Total>();
  const std::size_t each = testing::scaled(2'500'000);  // 2·10⁷ in all
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < each; ++i) total.send(Increment{});
    });
  }
  for (auto& thread : threads) thread.join();
  const auto read = total.ask(Read{}, testing::kPatience).get();
  REQUIRE(read);
  CHECK(read.value().first == static_cast<int>(8 * each));
  CHECK(read.value().second);
  testing::check_end(system);
}

struct Number {
  std::uint64_t value;
};
struct Receiver : Actor<Receiver> {
  explicit Receiver(std::atomic<std::uint64_t>* wrong) : out_of_order{wrong} {}
  std::uint64_t next = 0;
  std::atomic<std::uint64_t>* out_of_order;
  void handle(Number number) {
    if (number.value != next++) ++*out_of_order;
  }
};
struct Step {};

/// Sends a few numbers a turn and calls itself again from the back of the queue, so that other workers come to run it.
struct Migrant : Actor<Migrant> {
  Migrant(ActorRef<Receiver> r, std::uint64_t n, std::atomic<int>* t) : receiver{std::move(r)}, count{n}, threads{t} {
    self().send(Step{});
  }
  ActorRef<Receiver> receiver;
  std::uint64_t count;
  std::uint64_t sent = 0;
  std::set<std::thread::id> seen;
  std::atomic<int>* threads;
  void handle(Step) {
    seen.insert(std::this_thread::get_id());
    *threads = static_cast<int>(seen.size());
    for (int i = 0; i < 10 && sent < count; ++i) receiver.send(Number{sent++});
    if (sent < count) self().send(Step{});
  }
};

/// Three migrants and their receivers, each number in its order; answers how many threads one of them was seen on.
int let_them_migrate() {
  SystemOptions options;
  options.workers = 4;
  options.batch = 1;
  ActorSystem system{std::move(options)};
  constexpr int kSenders = 3;
  const std::uint64_t each = testing::scaled(300'000);
  std::atomic<std::uint64_t> out_of_order{0};
  std::atomic<int> threads[kSenders] = {};
  std::vector<ActorRef<Receiver>> receivers;
  for (auto& t : threads) {
    receivers.push_back(system.spawn<Receiver>(&out_of_order));
    system.spawn<Migrant>(receivers.back(), each, &t);
  }
  for (const auto& receiver : receivers) {
    CHECK(testing::eventually([&] { return receiver.message_count() == each; }, 60s));
  }
  CHECK(out_of_order == 0);
  int most = 0;
  for (const auto& t : threads) most = std::max(most, t.load());
  testing::check_end(system);
  return most;
}

TEST_CASE("a sender that migrates between threads keeps its order") {  // F5
  int most = 0;
  // On a busy machine the first worker may be done before another one has got a processor.
  for (int attempt = 0; attempt < 100 && most < 2; ++attempt) most = let_them_migrate();
  CHECK(most > 1);  // otherwise the test has not tested anything
}

struct FromActor {
  std::uint64_t value;
};
struct Mixed : Actor<Mixed> {
  explicit Mixed(std::vector<int>* s) : seen{s} {}
  std::vector<int>* seen;
  void handle(int number) { seen->push_back(number); }
  int handle(long number) { return seen->push_back(static_cast<int>(number)), 0; }
  void handle(short number) { seen->push_back(number); }
};

TEST_CASE("all kinds of sends of one sender keep their order") {  // P3
  ActorSystem system;
  InMemoryBroker broker{system};
  std::vector<int> seen;
  const auto mixed = system.spawn<Mixed>(&seen);
  const Subscription subscription = broker.subscribe<short>("numbers", mixed);
  std::vector<AskFuture<int>> answers;
  for (int i = 0; i < 4'000; i += 4) {
    mixed.send(i);
    answers.push_back(mixed.ask(static_cast<long>(i + 1), testing::kPatience));
    int last = i + 2;
    REQUIRE(mixed.try_send(last) == Delivery::Accepted);
    REQUIRE(broker.publish("numbers", static_cast<short>(i + 3)).delivered == 1);
  }
  for (auto& answer : answers) CHECK(answer.get().has_value());
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
  REQUIRE(seen.size() == 4'000);
  for (int i = 0; i < 4'000; ++i) REQUIRE(seen[static_cast<std::size_t>(i)] == i);
}

struct Question {
  int number;
};
/// Answers with three numbers: a message, a publication and, at the end, the reply.
struct Answering : Actor<Answering> {
  Answering(InMemoryBroker* b, ActorRef<Protocol<void(int)>> a) : broker{b}, asking{std::move(a)} {}
  int handle(Question question) {
    asking.send(3 * question.number);
    static_cast<void>(broker->publish("numbers", static_cast<short>(3 * question.number + 1)));
    return 3 * question.number + 2;
  }
  InMemoryBroker* broker;
  ActorRef<Protocol<void(int)>> asking;
};
struct AskAll {
  ActorRef<Answering> whom;
  int questions;
};
struct Asking : Actor<Asking> {
  explicit Asking(std::vector<int>* s) : seen{s} {}
  void handle(AskAll all) {
    for (int i = 0; i < all.questions; ++i) {
      ask(all.whom, Question{i}, testing::kPatience).then([this](Result<int, AskError> answer) {
        seen->push_back(answer.value_or(-1));
      });
    }
  }
  void handle(int number) { seen->push_back(number); }
  void handle(short number) { seen->push_back(number); }
  std::vector<int>* seen;
};

TEST_CASE("a reply keeps its place among what its sender sends") {  // P3
  ActorSystem system{testing::two_workers()};
  InMemoryBroker broker{system};
  std::vector<int> seen;
  const auto asking = system.spawn<Asking>(&seen);
  const Subscription subscription = broker.subscribe<short>("numbers", asking);
  const auto answering = system.spawn<Answering>(&broker, ActorRef<Protocol<void(int)>>{asking});
  constexpr int kQuestions = 5'000;
  asking.send(AskAll{answering, kQuestions});
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
  REQUIRE(seen.size() == std::size_t{3} * kQuestions);
  for (int i = 0; i < 3 * kQuestions; ++i) REQUIRE(seen[static_cast<std::size_t>(i)] == i);
}

struct Told {
  int round;
};
struct Passed {
  int round;
};
struct Corner : Actor<Corner> {
  explicit Corner(std::atomic<int>* w) : wrong{w} {}
  std::atomic<int>* wrong;
  int told = -1;
  void handle(Told t) { told = t.round; }
  void handle(Passed p) {
    if (told < p.round) ++*wrong;
  }
};
struct Middle : Actor<Middle> {
  explicit Middle(ActorRef<Corner> c) : corner{std::move(c)} {}
  ActorRef<Corner> corner;
  void handle(Passed p) { corner.send(p); }
};

TEST_CASE("what was sent first arrives before what it caused") {  // P3, the triangle
  ActorSystem system{testing::two_workers()};
  std::atomic<int> wrong{0};
  const auto corner = system.spawn<Corner>(&wrong);
  const auto middle = system.spawn<Middle>(corner);
  const int rounds = static_cast<int>(testing::scaled(1'000'000));
  for (int i = 0; i < rounds; ++i) {
    corner.send(Told{i});
    middle.send(Passed{i});
  }
  REQUIRE(testing::at_rest(system));
  CHECK(wrong == 0);
  testing::check_end(system);
}

struct Go {
  testing::Gate* gate;
};
struct Busy : Actor<Busy> {
  Busy(char n, std::string* l) : name{n}, log{l} {}
  char name;
  std::string* log;  // one worker: no lock
  void handle(Go go) { go.gate->pass(); }
  void handle(Increment) { log->push_back(name); }
};

TEST_CASE("a busy actor gives way after its batch") {  // F7
  for (const unsigned batch : {1U, 16U}) {
    CAPTURE(batch);
    SystemOptions options;
    options.workers = 1;
    options.batch = batch;
    ActorSystem system{std::move(options)};
    std::string log;
    testing::Gate gate;
    const auto blocker = system.spawn<Busy>('-', &log);
    const auto a = system.spawn<Busy>('a', &log);
    const auto b = system.spawn<Busy>('b', &log);
    blocker.send(Go{&gate});
    REQUIRE(gate.wait_for_arrivals());
    for (int i = 0; i < 1'000; ++i) {
      a.send(Increment{});
      b.send(Increment{});
    }
    gate.open();
    REQUIRE(testing::at_rest(system));
    testing::check_end(system);
    REQUIRE(log.size() == 2'000);
    // Where both have work, nobody runs longer than its batch.
    std::size_t run = 0;
    std::size_t longest = 0;
    for (std::size_t i = 0; i < log.size(); ++i) {
      run = i > 0 && log[i] == log[i - 1] ? run + 1 : 1;
      const bool other_has_work = log.find(log[i] == 'a' ? 'b' : 'a', i) != std::string::npos;
      if (other_has_work) longest = std::max(longest, run);
    }
    CHECK(longest <= batch);
  }
}

struct Forever : Actor<Forever> {
  std::atomic<bool>* on;
  explicit Forever(std::atomic<bool>* o) : on{o} { self().send(Step{}); }
  void handle(Step) {
    if (*on) self().send(Step{});
  }
};

struct Attached final : detail::PlaceItem {
  void place_ended() noexcept override {}
};

TEST_CASE("an actor with many signals gives way after some of them") {  // P16: a supervisor in a storm is one
  testing::TestSystem system;
  const auto total = system.spawn<Total>();
  system.run_until_idle();
  constexpr std::size_t kSignals = 1'000;
  detail::Cell& cell = detail::RefAccess::cell(total);
  for (std::size_t i = 0; i < kSignals; ++i)
    detail::attach(cell, detail::IntrusivePtr<detail::PlaceItem>::adopt(new Attached));
  total.send(Increment{});
  CHECK(system.run_until_idle() >= kSignals / 64);  // activations, where one could have done it all
  CHECK(total.ask(Read{}, 1s).get().value().first == 1);
  testing::check_end(system);
}

TEST_CASE("an actor that keeps itself busy does not keep others from running") {
  SystemOptions options;
  options.workers = 1;
  ActorSystem system{std::move(options)};
  std::atomic<bool> on{true};
  for (int i = 0; i < 3; ++i) system.spawn<Forever>(&on);
  const auto total = system.spawn<Total>();
  for (int i = 0; i < 100; ++i) {
    total.send(Increment{});
    const auto read = total.ask(Read{}, testing::kPatience).get();
    REQUIRE(read);
    CHECK(read.value().first == i + 1);
  }
  on = false;
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

struct Ball {};
struct Player : Actor<Player> {
  Player(std::atomic<std::uint64_t>* h, const std::atomic<bool>* o) : hops{h}, on{o} {}
  void handle(const ActorRef<Player>& p) { partner = p; }
  void handle(Ball) {
    ++*hops;
    if (*on) partner.send(Ball{});
  }
  ActorRef<Player> partner;
  std::atomic<std::uint64_t>* hops;
  const std::atomic<bool>* on;
};
struct Sitter : Actor<Sitter> {
  void handle(testing::Gate* gate) { gate->pass(); }
};

TEST_CASE("who waits in a slot goes on elsewhere when its worker turns to one that hangs") {  // [S2]
  std::atomic<std::uint64_t> hops{0};
  std::atomic<bool> on{true};
  testing::Gate first;
  testing::Gate second;
  ActorSystem system{testing::two_workers()};
  system.spawn<Sitter>().send(&first);
  REQUIRE(first.wait_for_arrivals());  // so that one worker is left
  const auto one = system.spawn<Player>(&hops, &on);
  const auto other = system.spawn<Player>(&hops, &on);
  one.send(other);
  other.send(one);
  one.send(Ball{});
  REQUIRE(testing::eventually([&] { return hops > 1'000; }));
  system.spawn<Sitter>().send(&second);  // between two hops: one of the players stands in the slot
  REQUIRE(second.wait_for_arrivals());
  const std::uint64_t seen = hops;
  first.open();
  CHECK(testing::eventually([&] { return hops > seen + 1'000; }));
  on = false;
  second.open();
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
