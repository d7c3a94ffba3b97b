#include <atomic>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;

struct NullWhat : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return nullptr; }
};
struct CopyThrows : std::runtime_error {
  CopyThrows() : std::runtime_error{"cannot be copied"} {}
  CopyThrows(const CopyThrows& other) : std::runtime_error{other} { throw std::logic_error{"thrown by the copy"}; }
};
struct Odd {};

struct Bomb {
  int kind;
};
struct Ask {};

struct Thrower : Actor<Thrower> {
  int handle(Bomb bomb) {
    switch (bomb.kind) {
      case 0: throw std::runtime_error{"disk full"};
      case 1: throw 42;
      case 2: throw "words";
      case 3: throw Odd{};
      case 4: throw std::bad_alloc{};
      case 5: throw NullWhat{};
      case 6: throw std::string{"a string"};
      case 7: throw CopyThrows{};
      case 8: throw std::make_unique<int>(1);
      default: std::throw_with_nested(std::runtime_error{"outer"});
    }
  }
  int handle(Ask) { return 1; }
};

TEST_CASE("whatever a handler throws becomes a reason and the system lives on") {  // F10
  const std::string expected[] = {"disk full", "42", "words", "Odd", "bad_alloc", "", "a string", "", "", "outer"};
  Log failures;
  ActorSystem system{testing::quiet({}, &failures)};
  const auto bystander = system.spawn<Thrower>();
  for (int kind = 0; kind < 10; ++kind) {
    CAPTURE(kind);
    const auto thrower = system.spawn<Thrower>();
    CHECK(thrower.ask(Bomb{kind}, testing::kPatience).get() == Result<int, AskError>{Error{AskError::Crashed}});
    REQUIRE(testing::eventually([&] { return failures.size() == static_cast<std::size_t>(kind) + 1; }));
    CHECK_THAT(failures.lines().back(), testing::has_text("error"));
    CHECK_THAT(failures.lines().back(), testing::has_text(expected[kind]));
    CHECK(bystander.ask(Ask{}, testing::kPatience).get() == Result<int, AskError>{1});
  }
  CHECK(system.stats().failures == 10);
  testing::check_end(system);
  CHECK(system.ledger().dead(DeadReason::InHand) == 10);
}

TEST_CASE("a crash is reported with who what and which life") {
  struct Report {
    std::string path;
    std::string type;
    std::uint32_t incarnation;
    ExitReason reason;
  };
  testing::BasicLog<Report> reports;
  SystemOptions options = testing::quiet();
  options.on_failure = [&](const FailureReport& r) {
    reports.add({r.path, std::string{r.type}, r.incarnation, r.reason});
    throw 1;  // swallowed
  };
  ActorSystem system{std::move(options)};
  const auto thrower = system.spawn<Thrower>({.name = "thrower"});
  thrower.send(Bomb{0});
  REQUIRE(testing::eventually([&] { return reports.size() == 1; }));
  const Report report = reports.lines().front();
  CHECK(report.path == "thrower");
  CHECK_THAT(report.type, testing::has_text("Thrower"));
  CHECK(report.incarnation == 1);
  CHECK(report.reason == ExitReason::error("disk full"));
  CHECK_THROWS_WITH(std::rethrow_exception(report.reason.exception()), "disk full");
  testing::check_end(system);
  CHECK(reports.size() == 1);
}

TEST_CASE("what waits behind a crash becomes dead letters and nothing is lost") {  // F10, P4
  struct Stepper : Actor<Stepper> {
    void handle(int number) {
      if (number == 0) throw std::runtime_error{"step"};
    }
  };
  ActorSystem system{testing::quiet()};
  constexpr int kWaiting = 500;
  const auto stepper = system.spawn<Stepper>();
  for (int i = 10; i >= 0; --i) stepper.send(i);
  for (int i = 1; i <= kWaiting; ++i) stepper.send(i);
  REQUIRE(testing::eventually([&] { return system.stats().actors == 0; }));
  testing::check_end(system);
  const Ledger ledger = system.ledger();
  CHECK(ledger.handled == 10);
  CHECK(ledger.dead(DeadReason::InHand) == 1);
  CHECK(ledger.dead(DeadReason::Stopped) + ledger.dead(DeadReason::Closed) == kWaiting);
}

struct Touchy : Actor<Touchy> {
  Touchy(OnError a, Log* l) : answer{a}, log{l} {}
  OnError on_error(const ExitReason& why) {
    log->add("on_error " + why.to_string() + " after " + std::to_string(handled));
    return answer;
  }
  void handle(Bomb) { throw std::runtime_error{"touched"}; }
  int handle(Ask) { return ++handled; }
  OnError answer;
  Log* log;
  int handled = 0;
};

TEST_CASE("on_error may resume and the message is consumed while the state stays") {  // F11
  Log log;
  Log failures;
  ActorSystem system{testing::quiet({}, &failures)};
  const auto touchy = system.spawn<Touchy>(OnError::Resume, &log);
  CHECK(touchy.ask(Ask{}, 10s).get() == Result<int, AskError>{1});
  touchy.send(Bomb{});
  touchy.send(Bomb{});
  CHECK(touchy.ask(Ask{}, 10s).get() == Result<int, AskError>{2});
  CHECK(touchy.incarnation() == 1);
  CHECK(log.lines() == Lines{"on_error error: touched after 1", "on_error error: touched after 1"});
  CHECK(failures.size() == 0);
  testing::check_end(system);
  CHECK(system.ledger().dead(DeadReason::InHand) == 2);
}

TEST_CASE("any other answer of on_error ends an actor without a supervisor") {  // F11
  for (const OnError answer : {OnError::Supervise, OnError::Stop, OnError::Restart, OnError::Escalate}) {
    CAPTURE(static_cast<int>(answer));
    Log log;
    Log failures;
    ActorSystem system{testing::quiet({}, &failures)};
    const auto touchy = system.spawn<Touchy>(answer, &log);
    touchy.send(Bomb{});
    REQUIRE(testing::eventually([&] { return system.stats().actors == 0; }));
    CHECK(touchy.send(Ask{}) == Delivery::Closed);
    testing::check_end(system);
    CHECK(log.lines() == Lines{"on_error error: touched after 0"});
    CHECK(failures.lines() == Lines{"error: touched"});
    CHECK(system.stats().failures == 1);
  }
}

TEST_CASE("an on_error that throws ends its actor and nothing else") {  // P6
  struct Worse : Actor<Worse> {
    OnError on_error(const ExitReason&) { throw std::runtime_error{"worse"}; }
    void handle(Bomb) { throw std::runtime_error{"bad"}; }
  };
  Log failures;
  ActorSystem system{testing::quiet({}, &failures)};
  const auto worse = system.spawn<Worse>();
  worse.send(Bomb{});
  REQUIRE(testing::eventually([&] { return system.stats().actors == 0; }));
  testing::check_end(system);
  CHECK(failures.size() == 1);
}

TEST_CASE("an actor may stop with an error of its own") {
  struct Honest : Actor<Honest> {
    void handle(Ask) { stop(ExitReason::error("no licence")); }
  };
  Log failures;
  ActorSystem system{testing::quiet({}, &failures)};
  const auto honest = system.spawn<Honest>();
  honest.send(Ask{});
  REQUIRE(testing::eventually([&] { return honest.is_closed(); }));
  testing::check_end(system);
  CHECK(failures.lines() == Lines{"error: no licence"});
}

TEST_CASE("crashes by the thousand leave nothing behind") {  // P6
  std::atomic<int> reported{0};
  SystemOptions options = testing::quiet(testing::two_workers());
  options.on_failure = [&](const FailureReport&) { ++reported; };
  ActorSystem system{std::move(options)};
  const int count = static_cast<int>(testing::scaled(20'000));
  for (int i = 0; i < count; ++i) system.spawn<Thrower>().send(Bomb{i % 10});
  REQUIRE(testing::eventually([&] { return system.stats().actors == 0; }));
  testing::check_end(system);
  CHECK(reported == count);
  CHECK(system.stats().failures == static_cast<std::uint64_t>(count));
}

TEST_CASE("a function for failures may use the system") {  // R4: no lock is held when it is called
  System* used = nullptr;
  std::uint64_t actors = 0;
  ActorRef<Thrower> next;
  testing::TestOptions options;
  options.system.on_failure = [&](const FailureReport&) {
    actors = used->stats().actors;
    if (next.id() == 0) next = used->spawn<Thrower>({.name = "next"});
    static_cast<void>(used->dead_letters());
  };
  testing::TestSystem system{std::move(options)};
  used = &system;
  system.spawn<Thrower>().send(Bomb{0});
  system.run_until_idle();
  CHECK(actors == 1);  // the one that failed
  CHECK(next.phase() == Phase::Running);
  next.send(Bomb{1});
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
