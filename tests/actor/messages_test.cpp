#include <array>
#include <memory>
#include <stdexcept>
#include <string>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;

struct OnlyMoves {
  explicit OnlyMoves(int v) : value{std::make_unique<int>(v)} {}
  OnlyMoves(OnlyMoves&&) = default;
  OnlyMoves(const OnlyMoves&) = delete;
  std::unique_ptr<int> value;
};
struct Keep {};

struct Box : Actor<Box> {
  std::unique_ptr<int> kept;
  void handle(std::unique_ptr<int> value) { kept = std::move(value); }
  OnlyMoves handle(OnlyMoves&& message) { return std::move(message); }
  int handle(Keep) { return kept ? *kept : 0; }
};

TEST_CASE("messages and replies that cannot be copied arrive") {  // F6
  ActorSystem system;
  const auto box = system.spawn<Box>();
  CHECK(box.send(std::make_unique<int>(41)) == Delivery::Accepted);
  CHECK(box.ask(Keep{}, 10s).get() == Result<int, AskError>{41});
  auto back = box.ask(OnlyMoves{42}, 10s).get();
  REQUIRE(back);
  CHECK(*back.value().value == 42);
  CHECK(box.send(std::make_unique<int>(43), {.correlation_id = 1}) == Delivery::Accepted);
  CHECK(box.ask(Keep{}, 10s).get() == Result<int, AskError>{43});
  testing::check_end(system);
}

struct Counted {
  explicit Counted(int* c) : copies{c} {}
  Counted(const Counted& other) : copies{other.copies} { ++*copies; }
  Counted(Counted&& other) noexcept : copies{other.copies} {}
  int* copies;
};
struct Reader : Actor<Reader> {
  void handle(const Counted&) {}
};

TEST_CASE("a message is copied only where the sender keeps its own") {
  ActorSystem system;
  const auto reader = system.spawn<Reader>();
  int copies = 0;
  Counted mine{&copies};
  reader.send(Counted{&copies});
  reader.send(std::move(mine));
  REQUIRE(testing::at_rest(system));
  CHECK(copies == 0);
  reader.send(mine);  // NOLINT(bugprone-use-after-move): moving changes nothing here
  REQUIRE(testing::at_rest(system));
  CHECK(copies == 1);
  testing::check_end(system);
}

struct Large {
  std::array<char, 4'000> bytes{};
};
struct Sizes : Actor<Sizes> {
  int handle(Large large) { return large.bytes[3'999]; }
  int handle(char c) { return c; }
};

TEST_CASE("messages of any size arrive whole") {
  ActorSystem system;
  const auto sizes = system.spawn<Sizes>();
  Large large;
  large.bytes[3'999] = 7;
  CHECK(sizes.ask(large, 10s).get() == Result<int, AskError>{7});
  CHECK(sizes.ask('x', 10s).get() == Result<int, AskError>{'x'});
  testing::check_end(system);
}

struct Hostile {
  enum When { Never, Copied, Moved };
  explicit Hostile(When w) : when{w} {}
  Hostile(const Hostile& other) : when{other.when} { fail_if(Copied); }
  Hostile(Hostile&& other) noexcept(false) : when{other.when} { fail_if(Moved); }
  void fail_if(When now) const {
    if (when == now) throw std::runtime_error{"hostile message"};
  }
  When when;
};
struct ThrowsAtItsEnd {
  ~ThrowsAtItsEnd() noexcept(false) {}
};
struct Victim : Actor<Victim> {
  explicit Victim(Log* l) : log{l} {}
  Log* log;
  void handle(const Hostile&) { log->add("hostile"); }
  void handle(Keep) { log->add("plain"); }
};

TEST_CASE("a message whose copy or move throws is the sender's affair and nothing is sent") {  // P6
  ActorSystem system;
  Log log;
  const auto victim = system.spawn<Victim>(&log);
  const Hostile copied{Hostile::Copied};
  CHECK_THROWS_WITH(victim.send(copied), "hostile message");
  Hostile moved{Hostile::Moved};
  CHECK_THROWS_WITH(victim.send(std::move(moved)), "hostile message");
  victim.send(Keep{});
  REQUIRE(testing::at_rest(system));
  CHECK(log.lines() == Lines{"plain"});
  CHECK(system.ledger().sent == 1);
  testing::check_end(system);
}

TEST_CASE("a message whose destructor may throw is refused by the compiler") {  // P6
  STATIC_REQUIRE_FALSE(Message<ThrowsAtItsEnd>);
}

struct Flaky {  // arrives once, and throws when the handler's parameter is made of it
  explicit Flaky(int n) : moves_left{n} {}
  Flaky(Flaky&& other) noexcept(false) : moves_left{other.moves_left - 1} {
    if (moves_left < 0) throw std::runtime_error{"moved too often"};
  }
  int moves_left;
};
struct ByValue : Actor<ByValue> {
  void handle(Flaky) {}
};

TEST_CASE("a message that throws when the handler takes it is the receiver's crash") {  // P6
  Log failures;
  ActorSystem system{testing::quiet({}, &failures)};
  const auto victim = system.spawn<ByValue>();
  victim.send(Flaky{1});
  REQUIRE(testing::eventually([&] { return victim.is_closed(); }));
  testing::check_end(system);
  CHECK(failures.lines() == Lines{"error: moved too often"});
  CHECK(system.ledger().dead(DeadReason::InHand) == 1);
}

TEST_CASE("a million waiting messages are dropped without recursion") {
  ActorSystem system;
  Log log;
  const auto victim = system.spawn<Victim>(&log);
  // It stands in its handler until all of them wait, however busy the machine is.
  testing::Gate gate;
  struct Chained : Actor<Chained> {
    explicit Chained(testing::Gate* g) : gate{g} {}
    void handle(Keep) {
      gate->pass();
      stop();
    }
    void handle(int) {}
    testing::Gate* gate;
  };
  const auto chained = system.spawn<Chained>(&gate);
  const std::size_t count = testing::scaled(1'000'000);
  chained.send(Keep{});
  for (std::size_t i = 0; i < count; ++i) chained.send(1);
  gate.open();
  REQUIRE(testing::eventually([&] { return chained.is_closed(); }));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
