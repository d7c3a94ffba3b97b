#include <stdexcept>
#include <string>
#include <thread>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;

struct Hello {};
struct Answer {
  int number;
};
struct Inspect {};
struct Seen {
  bool same_self;
  std::string path;
  std::uint32_t incarnation;
  std::uint64_t count;
  bool same_system;
  bool time_stood_still;
};

struct Inspected : Actor<Inspected> {
  explicit Inspected(System* s) : expected{s} { early = self(); }
  System* expected;
  ActorRef<Inspected> early;
  Seen handle(Inspect) {
    const TimePoint before = now();
    while (std::chrono::steady_clock::now() < before + 1ms) {
    }
    return {self() == early, path(), incarnation(), message_count(), &system() == expected, now() == before};
  }
  void handle(Hello) {}
};

TEST_CASE("an actor knows itself") {  // F12, F69
  ActorSystem system;
  const auto actor = system.spawn<Inspected>({.name = "inspected"}, &system);
  for (int i = 0; i < 5; ++i) actor.send(Hello{});
  const auto seen = actor.ask(Inspect{}, 10s).get();
  REQUIRE(seen);
  CHECK(seen->same_self);
  CHECK(seen->path == "inspected");
  CHECK(seen->incarnation == 1);
  CHECK(seen->count == 5);
  CHECK(seen->same_system);
  CHECK(seen->time_stood_still);
  REQUIRE(testing::at_rest(system));
  CHECK(actor.message_count() == 6);
  CHECK(actor.path() == "inspected");
  CHECK(actor.name() == "inspected");
  CHECK(actor.phase() == Phase::Running);
  testing::check_end(system);
}

TEST_CASE("time moves on from message to message") {
  struct Timed : Actor<Timed> {
    TimePoint handle(Hello) { return now(); }
  };
  ActorSystem system;
  const auto timed = system.spawn<Timed>();
  TimePoint before = system.now();
  for (int i = 0; i < 100; ++i) {
    const auto now = timed.ask(Hello{}, 10s).get();
    REQUIRE(now);
    CHECK(now.value() > before);
    before = now.value();
  }
  testing::check_end(system);
}

struct Sender;
struct Receiver : Actor<Receiver> {
  explicit Receiver(Log* l) : log{l} {}
  Log* log;
  void handle(Hello);
  void handle(Answer answer) {
    log->add("answer " + std::to_string(answer.number) + " correlation " + std::to_string(info().correlation_id));
  }
};
struct Sender : Actor<Sender> {
  Sender(Log* l, ActorRef<Receiver> r) : log{l}, receiver{std::move(r)} {}
  Log* log;
  ActorRef<Receiver> receiver;
  void handle(Hello) { receiver.send(Hello{}, {.reply_to = self(), .correlation_id = 7}); }
  void handle(Answer answer) {
    log->add("sender got " + std::to_string(answer.number) + " from " + sender().path() + " correlation " +
             std::to_string(info().correlation_id));
  }
};
void Receiver::handle(Hello) {
  const MessageInfo came = info();
  log->add("hello from " + came.sender.path() + " answer to " + came.reply_to.path() + " correlation " +
           std::to_string(came.correlation_id) +
           (came.sent_at > TimePoint{} && came.sent_at <= now() ? " in time" : " at no time"));
  sender().as<Sender>().send(Answer{1}, {.correlation_id = came.correlation_id});
}

TEST_CASE("a receiver answers the sender that said who it is") {  // F34
  Log log;
  ActorSystem system;
  const auto receiver = system.spawn<Receiver>({.name = "receiver"}, &log);
  const auto sender = system.spawn<Sender>({.name = "sender"}, &log, receiver);
  sender.send(Hello{});
  REQUIRE(testing::eventually([&] { return log.size() == 2; }));
  CHECK(log.lines() ==
        Lines{"hello from sender answer to sender correlation 7 in time", "sender got 1 from receiver correlation 7"});
  testing::check_end(system);
}

struct Plain : Actor<Plain> {
  std::string handle(Inspect) { return asked_by; }
  void handle(Hello) {
    const MessageInfo came = info();
    asked_by = !sender() && !came.sender && !came.reply_to && came.correlation_id == 0 && came.sent_at == TimePoint{} &&
                       came.deadline == TimePoint::max()
                   ? "nobody"
                   : "somebody";
  }
  std::string asked_by;
};

TEST_CASE("a plain send names nobody") {
  ActorSystem system;
  const auto plain = system.spawn<Plain>();
  plain.send(Hello{});
  CHECK(plain.ask(Inspect{}, 10s).get() == Result<std::string, AskError>{"nobody"});
  testing::check_end(system);
}

TEST_CASE("recipient and reply address may be two different actors") {  // F34
  Log log;
  ActorSystem system;
  struct Clerk : Actor<Clerk> {
    void handle(Hello) {
      const MessageInfo came = info();
      came.reply_to.as<Receiver>().send(Answer{static_cast<int>(came.sender.id())},
                                        {.correlation_id = came.correlation_id});
    }
  };
  const auto clerk = system.spawn<Clerk>();
  const auto receiver = system.spawn<Receiver>(&log);
  clerk.send(Hello{}, {.reply_to = receiver, .correlation_id = 12});
  REQUIRE(testing::eventually([&] { return log.size() == 1; }));
  CHECK(log.lines() == Lines{"answer 0 correlation 12"});  // sent by a thread: no sender
  testing::check_end(system);
}

TEST_CASE("a forwarded message keeps the reply address and the correlation") {  // F12
  Log log;
  ActorSystem system;
  struct Clerk : Actor<Clerk> {
    void handle(Hello) {
      const MessageInfo came = info();
      came.reply_to.as<Receiver>().send(Answer{3}, {.correlation_id = came.correlation_id});
    }
  };
  struct Secretary : Actor<Secretary> {
    explicit Secretary(ActorRef<Clerk> c) : clerk{std::move(c)} {}
    ActorRef<Clerk> clerk;
    void handle(Hello hello) { forward(clerk, hello); }
  };
  const auto receiver = system.spawn<Receiver>(&log);
  const auto secretary = system.spawn<Secretary>(system.spawn<Clerk>());
  secretary.send(Hello{}, {.reply_to = receiver, .correlation_id = 99});
  REQUIRE(testing::eventually([&] { return log.size() == 1; }));
  CHECK(log.lines() == Lines{"answer 3 correlation 99"});
  testing::check_end(system);
}

struct Child : Actor<Child> {
  explicit Child(Log* l) : log{l} { log->add("start " + path()); }
  void on_stop(const ExitReason& why) { log->add("stop " + path() + " " + why.to_string()); }
  void handle(Hello) { throw std::runtime_error{"child trouble"}; }
  Log* log;
};
struct Parent : Actor<Parent> {
  explicit Parent(Log* l) : log{l} {
    first = spawn<Child>({.name = "one"}, log);
    second = spawn<Child>({.name = "two"}, log);
  }
  void on_stop(const ExitReason& why) { log->add("stop " + path() + " " + why.to_string()); }
  void handle(Hello) { throw std::runtime_error{"parent trouble"}; }
  ActorRef<Child> handle(Inspect) { return first; }
  Log* log;
  ActorRef<Child> first;
  ActorRef<Child> second;
};

TEST_CASE("children stop with their parent in reverse order and before it") {
  Log log;
  ActorSystem system{testing::quiet()};
  const auto parent = system.spawn<Parent>({.name = "parent"}, &log);
  REQUIRE(parent.ask(Inspect{}, 10s).get());
  REQUIRE(testing::eventually([&] { return log.size() == 2; }));
  CHECK(system.stats().actors == 3);
  SECTION("when it is told to stop") {
    REQUIRE(system.stop(parent).get());
    CHECK(log.lines().back() == "stop parent normal");
  }
  SECTION("when it crashes") {
    parent.send(Hello{});
    REQUIRE(testing::eventually([&] { return system.stats().actors == 0; }));
    CHECK(log.lines().back() == "stop parent error: parent trouble");
  }
  SECTION("when the system shuts down") { REQUIRE(system.shutdown().complete); }
  REQUIRE(log.size() == 5);
  CHECK(log.lines()[2] == "stop parent/two shutdown");
  CHECK(log.lines()[3] == "stop parent/one shutdown");
  CHECK(system.stats().actors == 0);
  testing::check_end(system);
}

TEST_CASE("a child that crashes ends alone") {
  Log log;
  Log failures;
  ActorSystem system{testing::quiet({}, &failures)};
  const auto parent = system.spawn<Parent>({.name = "parent"}, &log);
  const auto child = parent.ask(Inspect{}, 10s).get();
  REQUIRE(child);
  child.value().send(Hello{});
  REQUIRE(testing::eventually([&] { return child.value().is_closed(); }));
  REQUIRE(testing::eventually([&] { return system.stats().actors == 2; }));
  CHECK(parent.ask(Inspect{}, 10s).get());
  testing::check_end(system);
  CHECK(failures.lines() == Lines{"error: child trouble"});
}

}  // namespace
}  // namespace coppice
