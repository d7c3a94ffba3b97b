#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/monitors/in_memory_monitor.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/eventually.hpp"
#include "support/quiet.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::TestSystem;

struct Note {
  int number = 0;
};
struct Bang {};

struct Worker : Actor<Worker> {
  void handle(const Note&) {}
  void handle(Bang) { throw std::runtime_error{"boom"}; }
};

/// The lines that tell what happened, without their times.
Lines told(const TestSystem& system) {
  Lines lines;
  for (const std::string& line : system.event_log()) lines.push_back(line.substr(line.find(' ') + 1));
  return lines;
}
bool has(const Lines& lines, const std::string& part) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

TEST_CASE("every kind of event has a name and a severity and belongs to one of the five families") {  // F84
  std::set<std::string> names;
  std::set<EventFamily> families;
  for (int kind = 0; kind < kEventKinds; ++kind) {
    names.insert(to_string(static_cast<EventKind>(kind)));
    families.insert(family_of(static_cast<EventKind>(kind)));
    CHECK(static_cast<int>(severity_of(static_cast<EventKind>(kind))) < kSeverities);
  }
  CHECK(names.size() == kEventKinds);
  CHECK(families.size() == kEventFamilies);
}

TEST_CASE("the runtime itself tells the story of a crash of a supervised child") {  // F84: golden event log
  TestSystem system{{.seed = 3}};
  InMemoryBroker broker{system};
  const auto root = system.start(supervisor(
      {.id = "app", .intensity = {.restarts = 1, .within = 5s}, .backoff = Exponential{}}, child<Worker>({.id = "w"})));
  REQUIRE(root);
  const auto worker = root->child<Worker>("w").value();
  {
    const Subscription subscription = broker.subscribe<Note>("notes", worker);
    broker.publish("notes", Note{1});
    system.run_until_idle();
  }
  worker.send(Bang{});
  system.advance(100ms);
  worker.send(Bang{});
  system.run_until_idle();
  worker.send(Note{2});  // a dead letter
  CHECK(system.has_stopped(root));
  testing::check_end(system);

  const std::string name = std::string{detail::type_name<Worker>()};
  const std::string note = std::string{detail::type_name<Note>()};
  const std::string bang = std::string{detail::type_name<Bang>()};
  // (path, subject and text as Event documents them; the order within one activation is the runtime's)
  const Lines expected = {
      "actor started app/w " + name,
      "child started app w",
      "actor started app coppice::Supervisor",
      "subscribed",
      "published",
      "message handled",
      "unsubscribed",
      "dead letter app/w " + bang,
      "actor failed app/w " + name + ": boom",
      "child failed app w: error: boom",
      "backoff scheduled app w: 100 ms",
      "actor restarted app/w " + name,
      "child restarted app w",
      "dead letter app/w " + bang,
      "actor failed app/w " + name + ": boom",
      "child failed app w: error: boom",
      "restart limit exceeded app w: error: boom",
      "actor stopped app coppice::Supervisor",
      "dead letter app/w " + note,
      "shutdown begun",
      "system stopped",
  };
  const Lines lines = told(system);
  INFO(testing::log_text(system));
  std::size_t at = 0;
  for (const std::string& line : expected) {
    while (at < lines.size() && !lines[at].starts_with(line)) ++at;
    CAPTURE(line);
    REQUIRE(at < lines.size());
    ++at;
  }
  CHECK(system.event_log().size() <= expected.size() + 3);
}

TEST_CASE("the same story is told in the same words every time") {
  const auto story = [] {
    TestSystem system{{.seed = 11}};
    const auto root = system.start(supervisor({.id = "app", .strategy = OneForAll{}}, children<Worker>(3, "w-{}")));
    root->child<Worker>("w-2").value().send(Bang{});
    system.run_until_idle();
    testing::check_end(system);
    return system.event_log();
  };
  CHECK(story() == story());
}

TEST_CASE("escalation and failed starts and mailbox refusals are told") {  // F84
  struct Judge : Actor<Judge> {
    OnError on_error(const ExitReason&) { return OnError::Escalate; }
    void handle(Bang) { throw 1; }
  };
  struct Never : Actor<Never> {
    Never() { throw std::runtime_error{"never"}; }
    void handle(Bang) {}
  };
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, supervisor({.id = "sub"}, child<Judge>({.id = "j"}))));
  REQUIRE(root);
  root->child<Supervisor>("sub").value().child<Judge>("j").value().send(Bang{});
  system.run_until_idle();
  CHECK_FALSE(system.start(supervisor({.id = "bad"}, child<Never>({.id = "n"}))));
  const auto rejecting = system.spawn<Worker>({.mailbox = Bounded{.capacity = 1, .overflow = Overflow::Reject}});
  const auto dropping = system.spawn<Worker>({.mailbox = Bounded{.capacity = 1, .overflow = Overflow::DropNewest}});
  CHECK(rejecting.send(Note{}) == Delivery::Accepted);
  CHECK(rejecting.send(Note{}) == Delivery::Rejected);
  CHECK(dropping.send(Note{}) == Delivery::Accepted);
  CHECK(dropping.send(Note{}) == Delivery::Dropped);
  system.run_until_idle();
  const Lines lines = told(system);
  INFO(testing::log_text(system));
  CHECK(has(lines, "escalated app/sub j"));
  CHECK(has(lines, "child start failed bad n"));
  CHECK(has(lines, "actor start failed bad/n"));
  CHECK(has(lines, "message rejected"));
  CHECK(has(lines, "message dropped"));
  testing::check_end(system);
}

TEST_CASE("what is counted equals what the script did") {  // F86
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app", .intensity = {.restarts = 10, .within = 5s}}, children<Worker>(2, "w-{}")));
  REQUIRE(root);
  const auto first = root->child<Worker>("w-1").value();
  for (int i = 0; i < 7; ++i) first.send(Note{i});
  for (int i = 0; i < 3; ++i) first.send(Bang{});
  const auto loose = system.spawn<Worker>();
  loose.send(Bang{});
  system.run_until_idle();
  loose.send(Note{});
  loose.send(Note{});
  const SystemStats stats = system.stats();
  CHECK(stats.actors == 3);
  CHECK(stats.sent == 13);
  CHECK(stats.handled == 7);
  CHECK(stats.dead == 6);
  CHECK(stats.dead_by_reason[static_cast<std::size_t>(DeadReason::InHand)] == 4);
  CHECK(stats.dead_by_reason[static_cast<std::size_t>(DeadReason::Closed)] == 2);
  CHECK(stats.failures == 4);
  CHECK(stats.restarts == 3);
  CHECK(stats.queued == 0);
  CHECK(stats.timers == 0);
  CHECK(stats.zombies == 0);
  CHECK(first.message_count() == 7);
  CHECK(system.dead_letters().size() == 6);
  testing::check_end(system);
}

TEST_CASE("a recording system sees all five families on real threads") {  // F84
  BasicActorSystem<InMemoryMonitor> system{testing::quiet()};
  system.monitor().keep_from(Severity::Debug);
  InMemoryBroker broker{system};
  const auto root = system.start(supervisor({.id = "app"}, child<Worker>({.id = "w"})));
  REQUIRE(root);
  const auto worker = root->child<Worker>("w").value();
  {
    const Subscription subscription = broker.subscribe<Note>("notes", worker);
    broker.publish("notes", Note{1});
  }
  worker.send(Bang{});
  REQUIRE(testing::eventually([&] { return worker.incarnation() == 2 && worker.phase() == Phase::Running; }));
  testing::check_end(system);
  const InMemoryMonitor& monitor = system.monitor();
  for (const EventFamily family :
       {EventFamily::Actor, EventFamily::Mailbox, EventFamily::Broker, EventFamily::Supervisor, EventFamily::System}) {
    CAPTURE(to_string(family));
    CHECK(monitor.count(family) > 0);
  }
  CHECK(monitor.count(EventKind::MessageHandled) == system.ledger().handled);
  CHECK(monitor.count(EventKind::DeadLetter) == system.ledger().dead());
  CHECK(monitor.count(EventKind::ActorRestarted) == system.stats().restarts);
  CHECK(monitor.count(EventKind::ChildRestarted) == 1);
  const auto events = monitor.snapshot();
  const auto crash = std::find_if(events.begin(), events.end(),
                                  [](const RecordedEvent& event) { return event.kind == EventKind::ChildFailed; });
  REQUIRE(crash != events.end());
  CHECK(crash->handling == detail::type_name<Bang>());
  CHECK(monitor.count(EventKind::Subscribed) == 1);
  CHECK(monitor.count(EventKind::Unsubscribed) == 1);
  CHECK(monitor.count(EventKind::Published) == 1);
  CHECK(monitor.count(EventKind::SystemStarted) == 1);
  CHECK(monitor.count(EventKind::SystemStopped) == 1);
}

}  // namespace
}  // namespace coppice
