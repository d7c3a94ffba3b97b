// The chat service of examples/chat_3 under virtual time. docs/tutorial/04-testing.md quotes this file.

#include <chrono>
#include <string>
#include <vector>

#include <coppice/coppice.hpp>
#include <coppice/testing/probe.hpp>
#include <coppice/testing/test_system.hpp>

#include "../../examples/chat_3/chat.hpp"
#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;
using chat::Archive;
using chat::Digest;
using chat::History;
using chat::Left;
using chat::Room;
using chat::Said;
using chat::Say;

namespace {

/// The service as it ships, in a system that stands still until the test moves it.
struct Fixture {
  explicit Fixture(std::uint64_t seed = 42) : system{{.seed = seed}}, broker{system} {
    const auto storage = system.start(supervisor({.id = "storage"}, child<Archive>({.id = "archive"})));
    archive = storage.value().child<Archive>("archive").value();
    const auto chat = system.start(supervisor({.id = "chat"}, child<Room>({.id = "lobby"}, "lobby", archive, &broker)));
    root = chat.value();
    lobby = root.child<Room>("lobby").value();
  }
  ~Fixture() { CHECK(system.ledger().balances()); }  // whatever happened, every message is accounted for

  testing::TestSystem system;
  InMemoryBroker broker;
  ActorRef<Archive> archive;
  ActorRef<Supervisor> root;
  ActorRef<Room> lobby;
};

}  // namespace

TEST_CASE("who says nothing for thirty seconds has left") {
  Fixture chat;
  testing::Probe<Left> probe{chat.system};
  const auto subscription = chat.broker.subscribe<Left>("chat.*.left", probe.actor());

  chat.lobby.send(Say{"ann", "hello"});
  chat.system.advance(29s);
  chat.lobby.send(Say{"ann", "still here"});
  CHECK(probe.expect_none(29s));

  const auto left = probe.expect<Left>(1s);
  REQUIRE(left.has_value());
  CHECK(left->who == "ann");
}

TEST_CASE("a digest comes every minute and counts from nothing in a new life") {
  Fixture chat;
  testing::Probe<Digest> probe{chat.system};
  const auto subscription = chat.broker.subscribe<Digest>("chat.*.digest", probe.actor());

  chat.lobby.send(Say{"ann", "hello"});
  chat.system.advance(1min);
  CHECK(probe.expect<Digest>().value().lines == 1);

  chat.lobby.send(Say{"ann", "one"});
  chat.system.run_until_idle();   // a crash overtakes what waits; this one comes after
  chat.system.crash(chat.lobby);  // and with the life goes its count, and its timer
  chat.lobby.send(Say{"ann", "two"});
  chat.system.advance(1min);
  CHECK(probe.expect<Digest>().value().lines == 1);
}

TEST_CASE("what was said before a crash can be read after it") {
  Fixture chat;
  chat.lobby.send(Say{"ann", "hello"});
  chat.lobby.send(Say{"bob", ""});  // throws
  chat.lobby.send(Say{"ann", "bob?"});

  const auto lines = chat.lobby.ask(History{}, 1s).get();
  REQUIRE(lines.has_value());
  CHECK(*lines == chat::Lines{"ann: hello", "ann: bob?"});
  CHECK(chat.lobby.incarnation() == 2);
  CHECK(chat.system.ledger().dead(DeadReason::InHand) == 1);
  CHECK(chat.system.ledger().balances());
}

TEST_CASE("an archive that fails to answer is an answer") {
  Fixture chat;
  chat.system.fail_message(1, chat.archive);
  CHECK(chat.lobby.ask(History{}, 1s).get() == Result<chat::Lines, AskError>{Error{AskError::NoReply}});
}

TEST_CASE("four crashes within five seconds end the chat and not its storage") {
  Fixture chat;
  for (int i = 0; i < 4; ++i) chat.lobby.send(Say{"bob", ""});
  CHECK(chat.system.has_stopped(chat.root));
  CHECK_FALSE(chat.system.has_stopped(chat.archive));
  CHECK(chat.lobby.send(Say{"ann", "hello?"}) == Delivery::Closed);
  REQUIRE(chat.system.failures().size() == 1);
  CHECK_THAT(chat.system.failures().front(), testing::has_text("more than 3 restarts within 5000 ms"));
}

TEST_CASE("the same seed gives the same log and most others another") {
  const auto log_of = [](std::uint64_t seed) {
    Fixture chat{seed};
    testing::Probe<Said> first{chat.system};
    testing::Probe<Said> second{chat.system};
    const auto to_first = chat.broker.subscribe<Said>("chat.lobby.said", first.actor());
    const auto to_second = chat.broker.subscribe<Said>("chat.>", second.actor());
    for (int i = 0; i < 8; ++i) chat.lobby.send(Say{"ann", i % 3 == 2 ? "" : "hello"});
    chat.system.run_until_idle();
    return chat.system.event_log();
  };
  CHECK(log_of(7) == log_of(7));
  int different = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) different += log_of(seed) != log_of(seed + 100) ? 1 : 0;
  CHECK(different > 5);
}
