#include <array>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "coppice/supervisors/dynamic_supervisor.hpp"
#include "coppice/testing/probe.hpp"
#include "supervisors/family.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Bang;
using testing::Family;
using testing::Grow;
using testing::Life;
using testing::Lines;
using testing::Member;
using testing::TestSystem;

TEST_CASE("a child throws and a new instance answers with no user code in between") {  // F49
  for (std::uint64_t seed = 1; seed <= testing::scaled(200); ++seed) {
    Family family;
    TestSystem system{{.seed = seed}};
    const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "a")));
    REQUIRE(root);
    const auto a = testing::at(*root, "a");
    CHECK(a.ask(Grow{5}, 1s).get() == Result<int, AskError>{5});
    a.send(Bang{});
    CHECK(a.ask(Grow{1}, 1s).get() == Result<int, AskError>{1});  // the state began anew
    CHECK(family.constructed["a"] == 2);
    CHECK(family.destroyed["a"] == 1);
    CHECK(a.incarnation() == 2);
    CHECK(a == testing::at(*root, "a"));
    CHECK(a.path() == "app/a");
    CHECK(system.stats().failures == 1);
    CHECK(system.stats().restarts == 1);
    CHECK(system.stats().actors == 2);
    testing::check_end(system);
    CHECK(family.destroyed["a"] == 2);
  }
}

TEST_CASE("the ask in hand at a crash is answered at once and those behind it by the next life") {  // P12
  struct Fragile : Actor<Fragile> {
    int handle(int n) {
      if (n == 0) throw std::runtime_error{"zero"};
      return static_cast<int>(incarnation()) * 100 + n;
    }
  };
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, child<Fragile>({.id = "f"})));
  REQUIRE(root);
  const auto f = root->child<Fragile>("f").value();
  auto first = f.ask(1, 1s);
  auto second = f.ask(0, 1s);
  auto third = f.ask(3, 1s);
  CHECK(first.get() == Result<int, AskError>{101});
  CHECK(second.get() == Result<int, AskError>{Error{AskError::Crashed}});
  CHECK(third.get() == Result<int, AskError>{203});
  testing::check_end(system);
}

/// Notes what it handles, and throws at one index of the whole run.
struct Item {
  int number;
};
struct Reader : Actor<Reader> {
  Reader(testing::BasicLog<std::pair<std::uint32_t, int>>* s, int c) : seen{s}, crash_at{c} {}
  void handle(Item item) {
    if (item.number == crash_at) throw std::runtime_error{"bad item"};
    seen->add({incarnation(), item.number});
  }
  testing::BasicLog<std::pair<std::uint32_t, int>>* seen;
  int crash_at;
};

TEST_CASE("the mailbox is kept minus the failing message wherever in it the crash is") {  // F50, P5
  constexpr int kItems = 12;
  for (const std::uint64_t capacity : {0U, 100U}) {  // 0: unbounded
    for (int crash = 0; crash < kItems; ++crash) {
      for (std::uint64_t seed = 1; seed <= testing::scaled(20); ++seed) {
        CAPTURE(capacity, crash, seed);
        testing::BasicLog<std::pair<std::uint32_t, int>> seen;
        TestSystem system{{.seed = seed}};
        const MailboxOptions mailbox =
            capacity == 0 ? MailboxOptions{Unbounded{}} : MailboxOptions{Bounded{.capacity = capacity}};
        const auto root =
            system.start(supervisor({.id = "app"}, child<Reader>({.id = "r", .mailbox = mailbox}, &seen, crash)));
        REQUIRE(root);
        const auto reader = root->child<Reader>("r").value();
        for (int i = 0; i < kItems; ++i) CHECK(reader.send(Item{i}) == Delivery::Accepted);
        system.run_until_idle();
        const auto lines = seen.lines();
        REQUIRE(lines.size() == kItems - 1);
        int expected = 0;
        for (const auto& [life, number] : lines) {
          if (expected == crash) ++expected;
          CHECK(number == expected);
          CHECK(life == (number < crash ? 1U : 2U));
          ++expected;
        }
        CHECK(system.ledger().dead(DeadReason::InHand) == 1);
        CHECK(reader.message_count() == kItems - 1);
        testing::check_end(system);
      }
    }
  }
}

TEST_CASE("a send while the child waits for its next life is accepted and handled by it") {  // held cell
  testing::BasicLog<std::pair<std::uint32_t, int>> seen;
  TestSystem system;
  const auto root = system.start(
      supervisor({.id = "app", .backoff = Exponential{.first = 100ms}}, child<Reader>({.id = "r"}, &seen, 0)));
  REQUIRE(root);
  const auto reader = root->child<Reader>("r").value();
  reader.send(Item{0});
  system.run_until_idle();
  CHECK(reader.send(Item{1}) == Delivery::Accepted);
  CHECK_FALSE(reader.is_closed());
  system.run_until_idle();
  CHECK(seen.size() == 0);
  CHECK(system.ledger().queued == 1);
  CHECK(system.ledger().balances());
  system.advance(100ms);
  CHECK(seen.lines() == std::vector<std::pair<std::uint32_t, int>>{{2, 1}});
  testing::check_end(system);
}

TEST_CASE("the old instance is destroyed before the next one is constructed") {  // F50
  struct Only : Actor<Only> {
    explicit Only(int* a) : alive{a} {
      if (*alive != 0) throw std::logic_error{"two at once"};
      ++*alive;
    }
    ~Only() { --*alive; }
    void handle(Bang) { throw 1; }
    int* alive;
  };
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    int alive = 0;
    TestSystem system{{.seed = seed}};
    const auto root = system.start(supervisor({.id = "app", .strategy = OneForAll{}, .intensity = testing::kPlenty},
                                              child<Only>({.id = "o"}, &alive), child<Only>({.id = "p"}, &alive)));
    REQUIRE_FALSE(root);  // p sees o
    CHECK(alive == 0);
    const auto single =
        system.start(supervisor({.id = "app", .intensity = testing::kPlenty}, child<Only>({.id = "o"}, &alive)));
    REQUIRE(single);
    for (int i = 0; i < 5; ++i) {
      single->child<Only>("o").value().send(Bang{});
      system.run_until_idle();
      CHECK(alive == 1);
    }
    CHECK(single->child<Only>("o").value().incarnation() == 6);
    testing::check_end(system);
    CHECK(alive == 0);
  }
}

TEST_CASE("a crash in every hook is one code path") {
  struct Hostile : Actor<Hostile> {
    Hostile(std::string* w, testing::Log* l) : where{w}, log{l} {
      if (*where == "constructor") boom();
    }
    void on_start() {
      if (*where == "on_start") boom();
      log->add("up");
    }
    void on_restart(const ExitReason& why) {
      log->add("restarted after " + why.to_string());
      if (*where == "on_restart") boom();
    }
    void on_stop(const ExitReason&) {
      if (*where == "on_stop") boom();
    }
    void handle(Bang) { throw std::runtime_error{"boom"}; }
    void boom() {
      *where = "";  // once
      throw std::runtime_error{"in a hook"};
    }
    std::string* where;
    testing::Log* log;
  };
  for (const char* const hook : {"constructor", "on_start", "on_restart", "on_stop"}) {
    CAPTURE(hook);
    std::string where;
    testing::Log log;
    TestSystem system;
    const auto root = system.start(supervisor({.id = "app"}, child<Hostile>({.id = "h"}, &where, &log)));
    REQUIRE(root);
    const auto h = root->child<Hostile>("h").value();
    where = hook;
    h.send(Bang{});
    system.run_until_idle();
    CHECK(h.phase() == Phase::Running);
    CHECK_FALSE(system.has_stopped(root));
    const Lines lines = log.lines();
    REQUIRE(lines.size() >= 3);
    CHECK(lines.front() == "up");
    CHECK(lines.back() == "up");
    CHECK_THAT(lines[1], testing::has_text("restarted after error: "));
    testing::check_end(system);
  }
}

TEST_CASE("a crash that nobody awaits is answered by a restart on real threads") {  // F49
  struct Counted : Actor<Counted> {
    int handle(int n) {
      if (n < 0) throw std::runtime_error{"negative"};
      return n;
    }
  };
  SystemOptions options = testing::quiet();
  options.workers = 2;
  ActorSystem system{std::move(options)};
  const auto root =
      system.start(supervisor({.id = "app", .intensity = testing::kPlenty}, children<Counted>(4, "c-{}")));
  REQUIRE(root);
  const int rounds = static_cast<int>(testing::scaled(500));
  for (int i = 0; i < rounds; ++i) {
    const auto ref = root->child<Counted>("c-" + std::to_string(i % 4 + 1)).value();
    ref.send(-1);
    CHECK(ref.ask(i, testing::kPatience).get() == Result<int, AskError>{i});
  }
  CHECK(system.stats().restarts == static_cast<std::uint64_t>(rounds));
  testing::check_end(system);
}

TEST_CASE("who hangs in the first message of a life holds up neither its supervisor nor its siblings") {  // [S3]
  struct Counted : Actor<Counted> {
    int handle(int n) {
      if (n < 0) throw std::runtime_error{"negative"};
      return n;
    }
  };
  struct Work {};
  struct AtOnce : Actor<AtOnce> {
    explicit AtOnce(std::array<testing::Gate, 2>* g) : gates{g} {}
    void on_start() { self().send(Work{}); }  // handled in the activation in which the life began
    void handle(Work) {
      if (incarnation() <= gates->size()) (*gates)[incarnation() - 1].pass();
      if (incarnation() == 1) throw std::runtime_error{"after a long time"};
    }
    std::array<testing::Gate, 2>* gates;
  };
  std::array<testing::Gate, 2> gates;
  std::array<testing::Gate, 2> gate_of_dynamic_one;
  SystemOptions options = testing::quiet();
  options.workers = 4;
  ActorSystem system{std::move(options)};
  const auto root = system.start(supervisor({.id = "app", .intensity = testing::kPlenty},
                                            child<AtOnce>({.id = "a"}, &gates), children<Counted>(2, "c-{}")));
  REQUIRE(root);
  const auto crash_and_ask = [&](int n) {
    const auto ref = root->child<Counted>("c-2").value();
    ref.send(-1);
    CHECK(ref.ask(n, testing::kPatience).get() == Result<int, AskError>{n});
  };
  REQUIRE(gates[0].wait_for_arrivals());
  crash_and_ask(1);
  gates[0].open();
  REQUIRE(gates[1].wait_for_arrivals());
  crash_and_ask(2);
  const auto pool = system.start(dynamic_supervisor({.id = "pool"})).value();
  std::vector<ChildSpec> specs = children<Counted>(40, "d-{}");
  specs.insert(specs.begin(), child<AtOnce>({.restart = Restart::Temporary}, &gate_of_dynamic_one));
  const auto started = pool.start_children(std::move(specs));
  CHECK(started.value().size() == 41);
  REQUIRE(gate_of_dynamic_one[0].wait_for_arrivals());
  CHECK(pool.count_children().value().active == 41);
  gates[1].open();
  gate_of_dynamic_one[0].open();
  CHECK(testing::eventually([&] { return pool.count_children().value().active == 40; }));
  CHECK(system.stats().restarts == 3);
  testing::check_end(system);
}

TEST_CASE("who wakes its supervisor and then hangs does not hold it up") {  // [S2]
  struct Hang {
    testing::Gate* gate;
  };
  struct Asker : Actor<Asker> {
    void handle(Hang hang) {
      ask(parent().as<Supervisor>(), CountChildren{}, testing::kPatience).then([](const auto&) {});
      hang.gate->pass();
    }
  };
  testing::Gate gate;
  SystemOptions options = testing::quiet();
  options.workers = 2;
  ActorSystem system{std::move(options)};
  const auto root = system.start(supervisor({.id = "app"}, child<Asker>({.id = "a"}))).value();
  root.child<Asker>("a").value().send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  const auto counts = root.count_children(testing::kPatience);
  gate.open();
  CHECK(counts.has_value());
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
