#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/supervisors/dynamic_supervisor.hpp"
#include "coppice/supervisors/rules.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"
#include "supervisors/report_line.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

// What a supervisor tells when something goes wrong below it. Source: OTP's supervisor reports (start_error,
// child_terminated, shutdown_error, shutdown) and proc_lib's crash reports.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Bang;
using testing::End;
using testing::Family;
using testing::Gate;
using testing::kPatience;
using testing::Lines;
using testing::Log;
using testing::Member;
using testing::TestSystem;

testing::TestOptions telling(Log& told, std::uint64_t seed = 1) {
  testing::TestOptions options{.seed = seed};
  options.system.on_report = [&told](const SupervisorReport& report) { told.add(testing::line_of(report)); };
  return options;
}

TEST_CASE("a crash is told with its ancestors the message in hand and what comes next") {
  Family family;
  Log told;
  TestSystem system{telling(told)};
  const auto root = system.start(supervisor({.id = "app"}, supervisor({.id = "pool"}, testing::member(family, "w"))));
  REQUIRE(root);
  CHECK(told.size() == 0);  // what goes well is not told here
  testing::at(root->child<Supervisor>("pool").value(), "w").send(Bang{});
  system.run_until_idle();
  CHECK(told.lines() == Lines{"child failed app/pool/w of app/pool, life 1, handling coppice::testing::Bang: "
                              "error: boom; restarted"});
  testing::check_end(system);
  CHECK(told.size() == 1);  // an ordered end is no news
}

TEST_CASE("everything about the child is in its report") {
  Family family;
  int told = 0;
  testing::TestOptions options;
  options.system.on_report = [&](const SupervisorReport& report) {
    ++told;
    CHECK(report.kind == EventKind::ChildFailed);
    CHECK(report.time - TimePoint{} >= 1h);  // the system's clock
    CHECK(report.path == "app/w");
    CHECK(report.supervisor == "app");
    CHECK(report.id == "w");
    CHECK(report.type == detail::type_name<Member>());
    CHECK(report.actor != 0);
    CHECK(report.incarnation == 1);
    CHECK(report.restart == Restart::Transient);
    CHECK(report.shutdown == 70ms);
    CHECK_FALSE(report.is_supervisor);
    CHECK(report.reason.exception() != nullptr);
    CHECK(report.next == SupervisorReport::Next::Restarted);
    CHECK(report.delay == 100ms);
  };
  TestSystem system{std::move(options)};
  const auto root =
      system.start(supervisor({.id = "app", .backoff = Exponential{}},
                              testing::member(family, {.id = "w", .restart = Restart::Transient, .shutdown = 70ms})));
  REQUIRE(root);
  testing::at(*root, "w").send(Bang{});
  system.run_until_idle();
  CHECK(told == 1);
  testing::check_end(system);
}

TEST_CASE("each step on the way to the limit is told once and in order") {
  Family family;
  Log told;
  TestSystem system{telling(told)};
  const auto root =
      system.start(supervisor({.id = "app", .intensity = {.restarts = 2, .within = 5s}}, testing::member(family, "w")));
  REQUIRE(root);
  family.plans["w"] = {false, true};
  testing::at(*root, "w").send(Bang{});
  system.run_until_idle();
  CHECK(told.lines() ==
        Lines{
            "child failed app/w of app, life 1, handling coppice::testing::Bang: error: boom; restarted",
            "child start failed app/w of app, life 2, handling a hook: error: cannot start w; restarted",
        });
  testing::at(*root, "w").send(Bang{});
  CHECK(system.has_stopped(root));
  const Lines lines = told.lines();
  REQUIRE(lines.size() == 5);
  CHECK(lines[2] == "child failed app/w of app, life 3, handling coppice::testing::Bang: error: boom; gives up");
  CHECK(lines[3] == "restart limit exceeded app/w of app, life 3: error: boom; gives up");
  CHECK(lines[4] ==
        "actor failed app, life 1: shutdown: more than 2 restarts within 5000 ms, because error: boom; none");
  testing::check_end(system);
}

TEST_CASE("a start that fails at the beginning ends the supervisor's and is told as that") {
  Family family;
  Log told;
  TestSystem system{telling(told)};
  family.plans["b"] = {false};
  CHECK_FALSE(system.start(supervisor({.id = "app"}, testing::members(family, {"a", "b", "c"}))));
  CHECK(told.lines() ==
        Lines{"child start failed app/b of app, life 1, handling a hook: error: cannot start b; gives up"});
  testing::check_end(system);
}

TEST_CASE("what becomes of a child that is not restarted is told") {
  struct Judge : Actor<Judge> {
    OnError on_error(const ExitReason&) { return OnError::Stop; }
    void handle(Bang) { throw std::runtime_error{"guilty"}; }
  };
  Family family;
  Log told;
  TestSystem system{telling(told)};
  const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "t", Restart::Temporary),
                                            child<Judge>({.id = "j"}), testing::member(family, "p")));
  REQUIRE(root);
  testing::at(*root, "t").send(End{ExitReason::error("done with it")});
  system.run_until_idle();
  root->child<Judge>("j").value().send(Bang{});
  system.run_until_idle();
  testing::at(*root, "p").send(End{ExitReason::normal()});  // a permanent child is restarted, and nothing went wrong
  system.run_until_idle();
  CHECK(told.lines() ==
        Lines{
            "child failed app/t of app, life 1, handling coppice::testing::End: error: done with it; forgotten",
            "child failed app/j of app, life 1, handling coppice::testing::Bang: error: guilty; down",
        });
  testing::check_end(system);
}

TEST_CASE("a crash while something else is under way is decided after that") {
  Family family;
  bool seen = false;
  for (std::uint64_t seed = 1; seed <= 100 && !seen; ++seed) {
    Log told;
    TestSystem system{telling(told, seed)};
    const auto root =
        system.start(supervisor({.id = "app", .strategy = RestForOne{}}, testing::members(family, {"a", "b", "c"})));
    REQUIRE(root);
    testing::at(*root, "b").send(Bang{});
    testing::at(*root, "a").send(Bang{});
    system.run_until_idle();
    for (const std::string& line : told.lines()) seen = seen || line.ends_with("error: boom; later");
    testing::check_end(system);
  }
  CHECK(seen);
}

TEST_CASE("a sibling that crashes while its group stops it is a shutdown error") {  // §1.7, point 4
  Family family;
  bool seen = false;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Log told;
    TestSystem system{telling(told, seed)};
    const auto root =
        system.start(supervisor({.id = "app", .strategy = OneForAll{}}, testing::members(family, {"a", "b"})));
    REQUIRE(root);
    testing::at(*root, "a").send(Bang{});
    testing::at(*root, "b").send(Bang{});
    system.run_until_idle();
    for (const std::string& line : told.lines()) {
      if (!line.starts_with("child shutdown error")) continue;
      seen = true;
      CHECK(line.ends_with(", life 1, handling coppice::testing::Bang: error: boom; none"));
    }
    testing::check_end(system);
  }
  CHECK(seen);
}

TEST_CASE("which ends of a child that was told to stop are errors") {  // §1.10, the log rule
  using enum Restart;
  const ExitReason plain = ExitReason::shutdown();
  const ExitReason term = ExitReason::shutdown("term");
  const ExitReason normal = ExitReason::normal();
  const ExitReason killed = ExitReason::killed();
  const ExitReason error = ExitReason::error("boom");
  const auto is_error = [](bool brutal, Restart restart, const ExitReason& reason) {
    const EventKind kind = detail::kind_of_end(true, brutal, restart, reason);
    CHECK((kind == EventKind::ChildStopped || kind == EventKind::ChildShutdownError));
    return kind == EventKind::ChildShutdownError;
  };
  CHECK_FALSE(is_error(false, Permanent, plain));
  CHECK(is_error(false, Permanent, term));
  CHECK(is_error(false, Permanent, normal));
  CHECK(is_error(false, Permanent, killed));  // it took too long
  CHECK(is_error(false, Permanent, error));
  CHECK(is_error(true, Permanent, plain));
  CHECK(is_error(true, Permanent, term));
  CHECK(is_error(true, Permanent, normal));
  CHECK_FALSE(is_error(true, Permanent, killed));
  CHECK(is_error(true, Permanent, error));
  for (const Restart restart : {Transient, Temporary}) {
    for (const bool brutal : {false, true}) {
      CHECK_FALSE(is_error(brutal, restart, plain));
      CHECK_FALSE(is_error(brutal, restart, term));
      CHECK_FALSE(is_error(brutal, restart, normal));
      CHECK(is_error(brutal, restart, killed) == !brutal);
      CHECK(is_error(brutal, restart, error));
    }
    CHECK(detail::kind_of_end(false, false, restart, term) == EventKind::ChildStopped);
    CHECK(detail::kind_of_end(false, false, restart, error) == EventKind::ChildFailed);
    CHECK(detail::kind_of_end(false, false, restart, killed) == EventKind::ChildFailed);
  }
}

TEST_CASE("a supervisor below that gave up and is not restarted is told of") {
  for (const Restart restart : {Restart::Permanent, Restart::Transient, Restart::Temporary}) {
    CAPTURE(to_string(restart));
    Family family;
    Log told;
    TestSystem system{telling(told)};
    const auto root = system.start(supervisor(
        {.id = "app"}, supervisor({.id = "sub", .intensity = {.restarts = 0, .within = 5s}, .restart = restart},
                                  testing::member(family, "w"))));
    REQUIRE(root);
    testing::at(root->child<Supervisor>("sub").value(), "w").send(Bang{});
    system.run_until_idle();
    Lines expected = {
        "child failed app/sub/w of app/sub, life 1, handling coppice::testing::Bang: error: boom; gives up",
        "restart limit exceeded app/sub/w of app/sub, life 1: error: boom; gives up",
    };
    if (restart != Restart::Permanent) {
      expected.push_back(
          "child gave up app/sub of app, life 1: shutdown: more than 0 restarts within 5000 ms, because error: boom; "
          "none");
    }
    CHECK(told.lines() == expected);
    testing::check_end(system);
    CHECK(told.size() == expected.size());  // what stops with the rest has not given up
  }
}

TEST_CASE("a supervisor below that gave up for good with the one above it gets no warning of its own") {
  Family family;
  Log told;
  TestSystem system{telling(told)};
  const Intensity none{.restarts = 0, .within = 5s};
  const auto root = system.start(supervisor(
      {.id = "app", .intensity = none}, supervisor({.id = "sub", .intensity = none}, testing::member(family, "w"))));
  REQUIRE(root);
  testing::at(root->child<Supervisor>("sub").value(), "w").send(Bang{});
  CHECK(system.has_stopped(root));
  Lines kinds;
  for (const std::string& line : told.lines()) kinds.push_back(line.substr(0, line.find(',')));
  CHECK(kinds == Lines{"child failed app/sub/w of app/sub", "restart limit exceeded app/sub/w of app/sub",
                       "restart limit exceeded app/sub of app", "actor failed app"});
  testing::check_end(system);
}

TEST_CASE("an escalation is told with its chain of causes") {
  struct Judge : Actor<Judge> {
    OnError on_error(const ExitReason&) { return OnError::Escalate; }
    void handle(Bang) { throw std::runtime_error{"boom"}; }
  };
  Log told;
  TestSystem system{telling(told)};
  const auto root = system.start(
      supervisor({.id = "app"}, supervisor({.id = "sub", .restart = Restart::Temporary}, child<Judge>({.id = "j"}))));
  REQUIRE(root);
  root->child<Supervisor>("sub").value().child<Judge>("j").value().send(Bang{});
  system.run_until_idle();
  CHECK(told.lines() ==
        Lines{
            "child failed app/sub/j of app/sub, life 1, handling coppice::testing::Bang: error: boom; gives up",
            "escalated app/sub/j of app/sub, life 1: error: boom; gives up",
            "child failed app/sub of app, life 1: error: a child escalated, because error: boom; forgotten",
            "child gave up app/sub of app, life 1: error: a child escalated, because error: boom; none",
        });
  testing::check_end(system);
}

TEST_CASE("a dynamic supervisor tells of its children as any other does") {
  Family family;
  Log told;
  TestSystem system{telling(told)};
  const auto conns = system.start(dynamic_supervisor({.id = "conns", .intensity = {.restarts = 1, .within = 5s}}));
  REQUIRE(conns);
  family.plans["x"] = {false};
  CHECK_FALSE(conns->start_child(testing::member(family, "x")));
  const auto c = conns->start_child(testing::member(family, "c")).value().as<Member>();
  const auto t = conns->start_child(testing::member(family, "t", Restart::Temporary)).value().as<Member>();
  for (const auto& ref : {t, c}) {
    ref.send(Bang{});
    system.run_until_idle();
  }
  CHECK(told.lines() ==
        Lines{
            "child start failed conns/x of conns, life 1, handling a hook: error: cannot start x; forgotten",
            "child failed conns/t of conns, life 1, handling coppice::testing::Bang: error: boom; forgotten",
            "child failed conns/c of conns, life 1, handling coppice::testing::Bang: error: boom; restarted",
        });
  const auto sub = conns->start_child(
      supervisor({.id = "sub", .intensity = {.restarts = 0, .within = 5s}, .restart = Restart::Transient},
                 testing::member(family, "w")));
  REQUIRE(sub);
  testing::at(sub->as<Supervisor>(), "w").send(Bang{});
  system.run_until_idle();
  REQUIRE(told.size() == 6);
  CHECK(told.lines()[5].starts_with("child gave up conns/sub of conns, life 1: shutdown: "));
  c.send(Bang{});
  CHECK(system.has_stopped(*conns));
  REQUIRE(told.size() == 9);
  CHECK(told.lines()[6] ==
        "child failed conns/c of conns, life 2, handling coppice::testing::Bang: error: boom; gives up");
  CHECK(told.lines()[7] == "restart limit exceeded conns/c of conns, life 2: error: boom; gives up");
  CHECK(told.lines()[8].starts_with("actor failed conns, life 1: shutdown: "));
  testing::check_end(system);
}

struct Hang {
  Gate* gate;
};
struct Stubborn : Actor<Stubborn> {
  void handle(Hang hang) { hang.gate->pass(); }
};

TEST_CASE("a child that does not return is told of with its handler and how long it was waited for") {
  Log told;
  testing::BasicLog<Duration> waited;
  Gate gate;
  SystemOptions options = testing::two_workers();
  options.on_report = [&](const SupervisorReport& report) {
    told.add(testing::line_of(report));
    if (report.kind == EventKind::ChildLeftBehind) waited.add(report.waited);
  };
  ActorSystem system{std::move(options)};
  const auto root = system.start(supervisor({.id = "app"}, child<Stubborn>({.id = "s", .shutdown = 20ms})));
  REQUIRE(root);
  root->child<Stubborn>("s").value().send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  CHECK(root->terminate_child("s"));
  gate.open();
  const std::string name = std::string{detail::type_name<Hang>()};
  CHECK(told.lines() == Lines{
                            "child left behind app/s of app, life 1, handling " + name + ": killed; none",
                            "child shutdown error app/s of app, life 1, handling " + name + ": killed; none",
                        });
  REQUIRE(waited.size() == 1);
  CHECK(waited.lines().front() >= 20ms);
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("a dynamic supervisor tells of a child that does not return") {
  Log told;
  Gate gate;
  SystemOptions options = testing::two_workers();
  options.on_report = [&](const SupervisorReport& report) { told.add(testing::line_of(report)); };
  ActorSystem system{std::move(options)};
  const auto conns = system.start(dynamic_supervisor({.id = "conns"}));
  REQUIRE(conns);
  const auto stubborn = conns->start_child<Stubborn>({.id = "s", .shutdown = 20ms}).value();
  stubborn.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  CHECK(conns->terminate_child(stubborn));
  gate.open();
  const std::string name = std::string{detail::type_name<Hang>()};
  CHECK(told.lines() == Lines{
                            "child left behind conns/s of conns, life 1, handling " + name + ": killed; none",
                            "child shutdown error conns/s of conns, life 1, handling " + name + ": killed; none",
                        });
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("a constructor that does not return is a failed start") {
  struct Slow : Actor<Slow> {
    Slow(Gate* gate, std::atomic<int>* lives) {
      if (++*lives == 2) gate->pass();
    }
    void handle(Bang) { throw std::runtime_error{"boom"}; }
  };
  Log told;
  Gate gate;
  std::atomic<int> lives{0};
  SystemOptions options = testing::two_workers();
  options.on_report = [&](const SupervisorReport& report) { told.add(testing::line_of(report)); };
  ActorSystem system{std::move(options)};
  const auto root =
      system.start(supervisor({.id = "app"}, child<Slow>({.id = "s", .start_within = 20ms}, &gate, &lives)));
  REQUIRE(root);
  const auto slow = root->child<Slow>("s").value();
  slow.send(Bang{});
  REQUIRE(testing::eventually([&] { return slow.incarnation() == 3 && slow.phase() == Phase::Running; }));
  gate.open();
  const Lines lines = told.lines();
  REQUIRE(lines.size() == 3);
  CHECK(lines[1] == "child left behind app/s of app, life 2, handling a hook: killed; none");
  CHECK(lines[2] == "child start failed app/s of app, life 2, handling a hook: killed; restarted");
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("a crash that nobody supervises is told by the system") {
  Family family;
  Log told;
  TestSystem system{telling(told)};
  const auto loose = system.spawn<Member>({.name = "loose"}, &family, "loose");
  loose.send(Bang{});
  system.run_until_idle();
  CHECK(told.lines() == Lines{"actor failed loose, life 1, handling coppice::testing::Bang: error: boom; none"});
  CHECK(system.failures().size() == 1);
  testing::check_end(system);
}

TEST_CASE("a function that throws is no harm and none is called where reports are off") {
  Family family;
  for (const bool on : {true, false}) {
    int called = 0;
    testing::TestOptions options;
    options.system.reports = on;
    options.system.on_report = [&](const SupervisorReport&) {
      ++called;
      throw std::runtime_error{"the log is full"};
    };
    TestSystem system{std::move(options)};
    const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "w")));
    REQUIRE(root);
    testing::at(*root, "w").send(Bang{});
    system.run_until_idle();
    CHECK(testing::at(*root, "w").incarnation() == 2);
    CHECK(called == (on ? 1 : 0));
    testing::check_end(system);
  }
}

/// Keeps what the reports in the events say.
struct Reader {
  static constexpr bool kRecords = true;
  using Event = coppice::Event;
  void record(const Event& event) {
    if (family_of(event.kind) != EventFamily::Supervisor) return;
    lines.add(event.report == nullptr ? std::string{"no report"} : testing::line_of(*event.report));
  }
  Log lines;
};

TEST_CASE("a monitor hears of what goes well besides and each event has its report") {
  Family family;
  BasicActorSystem<Reader> system{testing::quiet()};
  const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "w")));
  REQUIRE(root);
  testing::at(*root, "w").send(Bang{});
  REQUIRE(testing::eventually([&] { return system.monitor().lines.size() == 3; }));
  testing::check_end(system);
  CHECK(system.monitor().lines.lines() ==
        Lines{
            "child started app/w of app, life 1: normal; none",
            "child failed app/w of app, life 1, handling coppice::testing::Bang: error: boom; restarted",
            "child restarted app/w of app, life 2: normal; none",
            "child stopped app/w of app, life 2: shutdown; none",
        });
}

TEST_CASE("a report is a few aligned lines") {
  const ExitReason disk = ExitReason::error("no space left");
  const ExitReason reason = ExitReason::error("cannot write\nthe journal\x1b[2J", disk);
  SupervisorReport report{.kind = EventKind::ChildFailed,
                          .path = "app/pool/worker-3",
                          .supervisor = "app/pool",
                          .id = "worker-3",
                          .type = "Worker",
                          .actor = 17,
                          .incarnation = 2,
                          .handling = "Job",
                          .reason = reason,
                          .next = SupervisorReport::Next::Restarted,
                          .delay = 100ms};
  CHECK(to_string(report) ==
        "coppice: app/pool/worker-3 crashed\n"
        "  actor      Worker, life 2, #17\n"
        "  handling   Job\n"
        "  reason     error: cannot write\n"
        "             the journal\\x1b[2J\n"
        "  because    error: no space left\n"
        "  next       app/pool restarts it in 100 ms\n");

  report.kind = EventKind::ChildLeftBehind;
  report.reason = ExitReason::killed();
  report.next = SupervisorReport::Next::None;
  report.waited = 5s;
  CHECK(to_string(report) ==
        "coppice: app/pool/worker-3 does not return, and is left behind\n"
        "  actor      Worker, life 2, #17\n"
        "  handling   Job\n"
        "  reason     killed\n"
        "  waited     5000 ms\n");
}

TEST_CASE("a report says in words of its own what happened and what comes next") {
  using Next = SupervisorReport::Next;
  struct Row {
    EventKind kind;
    Next next;
    const char* headline;
    const char* then;
  };
  constexpr Row kRows[] = {
      {EventKind::ChildStarted, Next::None, "has started", ""},
      {EventKind::ChildRestarted, Next::None, "has been restarted", ""},
      {EventKind::ChildStopped, Next::Forgotten, "has ended", "it stays down, and app forgets it"},
      {EventKind::ChildStartFailed, Next::Down, "could not start", "it stays down"},
      {EventKind::ChildFailed, Next::Restarted, "crashed", "app restarts it"},
      {EventKind::ChildShutdownError, Next::None, "did not stop as it was told to", ""},
      {EventKind::RestartLimitExceeded, Next::GivesUp, "has been restarted too often", "app gives up"},
      {EventKind::Escalated, Next::GivesUp, "escalated", "app gives up"},
      {EventKind::AutoShutdown, Next::GivesUp, "was significant, and has ended", "app gives up"},
      {EventKind::ChildGaveUp, Next::Down, "gave up, and is not restarted", "it stays down"},
      {EventKind::ChildFailed, Next::Later, "crashed", "app decides after what is under way"},
      {EventKind::ActorFailed, Next::None, "gave up, and nobody supervises it", ""},
      {EventKind::SystemStarted, Next::None, "system started", ""},  // no report is made of it
  };
  for (const Row& row : kRows) {
    const std::string text =
        to_string(SupervisorReport{.kind = row.kind, .path = "app/w", .supervisor = "app", .next = row.next});
    CAPTURE(text);
    CHECK(text.starts_with(std::string{"coppice: app/w "} + row.headline + '\n'));
    const std::string next = *row.then == '\0' ? "" : std::string{"  next       "} + row.then + '\n';
    CHECK(text.ends_with("  reason     normal\n" + next));
  }
  const SupervisorReport crash{.kind = EventKind::ActorFailed, .path = "w", .reason = ExitReason::error("boom")};
  CHECK(to_string(crash).starts_with("coppice: w crashed, and nobody supervises it\n"));
}

TEST_CASE("a chain of causes without end is cut") {
  ExitReason reason = ExitReason::error("the first");
  for (int i = 0; i < 10'000; ++i) reason = ExitReason::error("another", reason);
  const std::string text =
      to_string(SupervisorReport{.kind = EventKind::ChildFailed, .path = "app/w", .reason = reason});
  CHECK(std::count(text.begin(), text.end(), '\n') < 30);
}

}  // namespace
}  // namespace coppice
