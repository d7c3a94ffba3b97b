#include <atomic>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "environment/faults.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"

// No memory in the middle of a life: what a thread or a handler calls throws std::bad_alloc or answers as documented,
// and has done all of it or nothing.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Call;
using testing::FailNth;
using testing::kPatience;

/// Larger than any block that may lie ready, so that each of them needs memory.
struct Large {
  int number = 0;
  char rest[8'000] = {};
};
struct Note {
  std::string text = std::string(1'000, 'x');
};

struct Echo : Actor<Echo> {
  explicit Echo(std::string = {}) {}
  int handle(const Large& large) { return large.number; }
  int handle(int number) { return number; }
  void handle(const Note&) {}
  void handle(const Down&) {}
};

struct Under {
  std::uint64_t failed = 0;
  std::uint64_t done = 0;
};

/// Runs `work` with each n-th allocation failing until there is none of that number, and after each time `afterwards`
/// with nothing failing. `work` answers whether it was done.
template <class F, class G>
Under under_failures(F work, G afterwards) {
  Under under;
  for (std::uint64_t n = 1;; ++n) {
    CAPTURE(n);
    REQUIRE(n < 1'000);
    bool happened = false;
    bool done = false;
    {
      const FailNth fail{Call::Allocation, n};
      try {
        done = work();
      } catch (const std::bad_alloc&) {
      }
      happened = fail.happened();
    }
    ++(done ? under.done : under.failed);
    CHECK((done || happened));
    afterwards(done);
    if (!happened) return under;
  }
}
template <class F>
Under under_failures(F work) {
  return under_failures(work, [](bool) {});
}

TEST_CASE("a send without memory throws and nothing was sent") {  // P4 P23
  ActorSystem system{testing::two_workers()};
  const auto echo = system.spawn<Echo>();
  const Large large;
  std::uint64_t sent = 0;
  const auto count = [&](Delivery delivery) { return sent += delivery == Delivery::Accepted, true; };
  CHECK(under_failures([&] { return count(echo.send(large)); }).failed > 0);
  CHECK(under_failures([&] { return count(echo.send(large, {.reply_to = echo})); }).failed > 0);
  CHECK(under_failures([&] {
          Large mine;
          return count(echo.try_send(mine));
        }).failed > 0);
  REQUIRE(testing::at_rest(system));
  CHECK(system.ledger().sent == sent);
  CHECK(system.ledger().handled == sent);
  testing::check_end(system);
}

/// In a mailbox that is more than a list. What a shelf, a key or a wait for room needs is needed before the message is in.
TEST_CASE("a send to a mailbox of any kind without memory throws and nothing was sent") {  // P4 P23
  struct Keyed {
    int key = 0;
    char rest[8'000] = {};
  };
  struct Reader : Actor<Reader> {
    void handle(const Keyed&) {}
  };
  const MailboxOptions kinds[] = {Unbounded{.measured = true}, Unbounded{.order = Order::Priority},
                                  Bounded{3, Overflow::DropOldest}, Bounded{3, KeepLatestBy<&Keyed::key>},
                                  Bounded{100, Overflow::Block}};
  for (const MailboxOptions& kind : kinds) {
    ActorSystem system{testing::two_workers()};
    const auto reader = system.spawn<Reader>({.mailbox = kind});
    std::uint64_t accepted = 0;
    const Under under = under_failures([&] { return accepted += reader.send(Keyed{}) == Delivery::Accepted, true; });
    CHECK(under.failed > 0);
    // What does not go stays as it was.
    Keyed mine{.key = 7};
    for (std::uint64_t n = 1; n < 10; ++n) {
      const FailNth fail{Call::Allocation, n};
      try {
        accepted += reader.try_send(mine) == Delivery::Accepted;
      } catch (const std::bad_alloc&) {
        CHECK(mine.key == 7);
      }
    }
    REQUIRE(testing::at_rest(system));
    const Ledger ledger = system.ledger();
    CHECK(ledger.handled + ledger.dead(DeadReason::DroppedOldest) + ledger.dead(DeadReason::Replaced) == accepted);
    testing::check_end(system);
  }
}

TEST_CASE("the first thing that a thread sends wakes its actor also without memory") {  // P4 P23
  ActorSystem system{testing::two_workers()};
  const auto echo = system.spawn<Echo>();
  REQUIRE(echo.ask(1, kPatience).get());
  for (std::uint64_t n = 1; n < 20; ++n) {
    for (const bool for_good : {false, true}) {
      CAPTURE(n, for_good);
      std::thread thread{[&] {
        const FailNth fail{Call::Allocation, n, for_good};
        try {
          for (int i = 0; i < 3; ++i) echo.send(i);
        } catch (const std::bad_alloc&) {
        }
      }};
      thread.join();
      REQUIRE(testing::at_rest(system));
    }
  }
  testing::check_end(system);
}

TEST_CASE("an ask without memory throws and nobody waits for an answer") {  // P12 P23
  ActorSystem system{testing::two_workers()};
  const auto echo = system.spawn<Echo>();
  std::uint64_t answered = 0;
  const auto count = [&](const Result<int, AskError>& answer) { return answered += answer.has_value(), true; };
  CHECK(under_failures([&] { return count(echo.ask(Large{}, kPatience).get()); }).failed > 0);
  CHECK(under_failures([&] { return count(echo.call(Large{}, kPatience)); }).failed > 0);
  REQUIRE(testing::at_rest(system));
  CHECK(system.ledger().sent == answered);
  testing::check_end(system);
}

TEST_CASE("a spawn without memory throws and there is no such actor") {  // P23
  ActorSystem system{testing::two_workers()};
  std::uint64_t live = 0;
  const std::string argument(100, 'x');
  const Under plain = under_failures([&] { return system.spawn<Echo>(argument), ++live, true; });
  CHECK(plain.failed > 0);
  const std::string name = "a name that is too long for a small string";
  const Under full = under_failures(
      [&] { return system.try_spawn<Echo>({.name = name, .mailbox = Bounded{.capacity = 3}}, argument).has_value(); },
      [&](bool done) {
        CHECK(system.find<Echo>(name).has_value() == done);
        if (done) CHECK(system.stop(system.find_any(name)).get().has_value());
      });
  CHECK(full.failed > 0);
  CHECK(full.done > 0);
  CHECK(testing::eventually([&] { return system.stats().actors == live; }));
  testing::check_end(system);
}

TEST_CASE("a publication or subscription without memory throws and the broker goes on") {  // P15 P23
  ActorSystem system{testing::two_workers()};
  InMemoryBroker broker{system};
  const auto echo = system.spawn<Echo>();
  {
    std::vector<Subscription> kept;
    kept.reserve(100);
    CHECK(under_failures([&] { return kept.push_back(broker.subscribe<Note>("a.>", echo)), true; }).failed > 0);
    const std::size_t subscribed = kept.size();
    CHECK(broker.subscriptions() == subscribed);
    CHECK(under_failures([&] { return broker.publish("a.b", Note{}), true; }).failed > 0);
    REQUIRE(testing::at_rest(system));
    const std::uint64_t before = system.ledger().handled;
    broker.publish("a.b", Note{});
    REQUIRE(testing::at_rest(system));
    CHECK(system.ledger().handled == before + subscribed);
  }
  CHECK(testing::eventually([&] { return broker.subscriptions() == 0; }));
  testing::check_end(system);
}

TEST_CASE("a stop without memory throws and the actor lives on") {  // P23
  ActorSystem system{testing::two_workers()};
  ActorRef<Echo> echo = system.spawn<Echo>();
  const Under under = under_failures([&] { return static_cast<void>(system.stop(echo)), true; },
                                     [&](bool done) {
                                       if (!done) CHECK(echo.ask(1, kPatience).get() == Result<int, AskError>{1});
                                       static_cast<void>(system.stop(echo).get());
                                       CHECK(echo.is_closed());
                                       echo = system.spawn<Echo>();
                                     });
  static_cast<void>(system.stop(echo).get());
  CHECK(under.done > 0);  // perhaps each time: what it takes may lie ready
  CHECK(testing::eventually([&] { return system.stats().actors == 0; }));
  testing::check_end(system);
}

TEST_CASE("a tree that there is no memory for does not start and leaves nothing") {  // P23
  ActorSystem system{testing::quiet(testing::two_workers())};
  std::optional<ActorRef<Supervisor>> root;
  const Under under = under_failures(
      [&] {
        auto started = system.start(supervisor({.id = "app"}, child<Echo>({.id = "a"}), child<Echo>({.id = "b"})));
        if (started) root = started.value();
        return started.has_value();
      },
      [&](bool done) {
        CHECK(root.has_value() == done);
        if (done) CHECK(system.stop(*root).get().has_value());
        root.reset();
        CHECK(testing::eventually([&] { return system.stats().actors == 0; }));
      });
  CHECK(under.failed > 0);
  CHECK(testing::eventually([&] { return system.stats().actors == 0; }));
  testing::check_end(system);
}

/// Does what an actor can, on its own turn, under each n-th failure.
struct Handy : Actor<Handy> {
  enum class What { Send, Ask, AskNobody, Spawn, Watch, WatchNobody, Timer, TimerNow, Stash, Unstash, Link, Exit };
  Handy(ActorRef<Echo> e, ActorRef<Echo> n) : echo{std::move(e)}, nobody{std::move(n)} {}
  struct Try {
    What what;
    std::uint64_t n;
  };
  /// Whether there was an n-th allocation.
  bool handle(Try attempt) {
    if (attempt.what == What::Unstash && stashed() == 0) {
      static_cast<void>(stash(Large{}));
      static_cast<void>(stash(Large{}));
    }
    const std::size_t before = stashed();
    const FailNth fail{Call::Allocation, attempt.n};
    try {
      act(attempt.what);
      ++done;
    } catch (const std::bad_alloc&) {
      ++failed;
      is_half_done = is_half_done || stashed() != before;
    }
    return fail.happened();
  }
  void act(What what) {
    switch (what) {
      case What::Send: echo.send(Large{}); break;
      case What::Ask: ask(echo, Large{}, kForever).then([this](const Result<int, AskError>&) { ++answers; }); break;
      case What::AskNobody:
        ask(nobody, Large{}, kForever).then([this](const Result<int, AskError>&) { ++answers; });
        break;
      case What::Spawn: spawn<Echo>(SpawnOptions{.mailbox = Bounded{.capacity = 2}}, std::string(100, 'x')); break;
      case What::Watch: watch(echo); break;
      case What::WatchNobody: watch(nobody); break;
      case What::TimerNow: timers.push_back(send_after(0ms, Large{})); break;
      case What::Timer: timers.push_back(send_after(1ms, Large{})); break;
      case What::Stash: static_cast<void>(stash(Large{})); break;
      case What::Unstash: static_cast<void>(unstash()); break;
      case What::Link:
        link(echo);
        unlink(echo);
        break;
      case What::Exit: send_exit(echo, ExitReason::normal()); break;
    }
  }
  void handle(const Large&) {}
  void handle(const Down&) {}
  void handle(const ExitSignal&) {}
  std::uint64_t handle(int which) {
    return which == 0 ? done : which == 1 ? failed : which == 2 ? answers : is_half_done;
  }
  ActorRef<Echo> echo;
  ActorRef<Echo> nobody;
  std::vector<TimerHandle> timers;
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::uint64_t answers = 0;
  bool is_half_done = false;
};

TEST_CASE("what a handler has no memory for is an exception in that handler and nothing is half done") {  // P6 P23
  using What = Handy::What;
  for (const What what : {What::Send, What::Ask, What::AskNobody, What::Spawn, What::Watch, What::WatchNobody,
                          What::Timer, What::TimerNow, What::Stash, What::Unstash, What::Link, What::Exit}) {
    CAPTURE(static_cast<int>(what));
    ActorSystem system{testing::quiet(testing::two_workers())};
    const auto echo = system.spawn<Echo>();
    const auto nobody = system.spawn<Echo>();
    static_cast<void>(system.stop(nobody).get());
    const auto handy = system.spawn<Handy>({.mailbox = Unbounded{.measured = true}}, echo, nobody);
    for (std::uint64_t n = 1;; ++n) {
      CAPTURE(n);
      REQUIRE(n < 100);
      const auto happened = handy.ask(Handy::Try{what, n}, kPatience).get();
      REQUIRE(happened);
      if (!happened.value()) break;
    }
    if (what != What::Stash) REQUIRE(testing::at_rest(system));
    CHECK(handy.ask(0, kPatience).get().value() > 0);
    CHECK(handy.ask(3, kPatience).get().value() == 0);
    if (what == What::Ask || what == What::AskNobody)
      CHECK(handy.ask(2, kPatience).get() == handy.ask(0, kPatience).get());
    if (what == What::Spawn) CHECK(system.stats().actors == 2 + handy.ask(0, kPatience).get().value());
    testing::check_end(system);
  }
}

}  // namespace
}  // namespace coppice
