#include "catch.hpp"
#include "coppice/testing/probe.hpp"
#include "supervisors/ward.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Crash;
using testing::Leap;
using testing::Lines;
using testing::patient;
using testing::patient_at;
using testing::Stall;
using testing::TestSystem;
using testing::Ward;
using testing::WhichLife;

/// A supervisor with children that are checked each second.
struct Scene {
  using Findings = std::map<std::string, std::string>;
  explicit Scene(const std::vector<ChildOptions>& children, Findings findings = {},
                 SupervisorOptions options = {.id = "app"}, std::uint64_t seed = 1)
      : system{{.seed = seed}} {
    ward.system = &system;
    ward.findings = std::move(findings);
    std::vector<ChildSpec> specs;
    for (const ChildOptions& child : children) specs.push_back(patient(ward, child));
    const auto started = system.start(SupervisorSpec{std::move(options), std::move(specs)});
    REQUIRE(started);
    root = *started;
  }
  [[nodiscard]] ActorRef<testing::Patient> at(std::string_view id) const { return patient_at(root, id); }
  [[nodiscard]] std::uint32_t life(std::string_view id) const { return at(id).incarnation(); }
  [[nodiscard]] Duration since_begin() const { return system.now() - begun; }

  Ward ward;
  TestSystem system;
  TimePoint begun = system.now();
  ActorRef<Supervisor> root;
};

ChildOptions checked(std::string id, HealthCheck check) { return {.id = std::move(id), .health = check}; }

TEST_CASE("what checks find is counted as the options say") {  // F63: threshold, recovery, Degraded
  struct Row {
    const char* findings;
    std::uint32_t failures;
    std::uint32_t recovery;
    Lines reports;
  };
  const std::string degraded = "child degraded app a: it says so itself";
  const std::string healthy = "child healthy app a";
  const auto failed = [](int n, int of) {
    return "child unhealthy app a: it says so itself (" + std::to_string(n) + " of " + std::to_string(of) + ")";
  };
  const std::string ended = "child failed app a: error: health check failed: it says so itself";
  const std::string again = "child restarted app a";
  const Row rows[] = {
      {"HHHH", 1, 1, {}},
      {"F", 1, 1, {failed(1, 1), ended, again}},
      {"FFH", 2, 1, {failed(1, 2), failed(2, 2), ended, again}},
      {"FHFHFH", 2, 1, {failed(1, 2), healthy, failed(1, 2), healthy, failed(1, 2), healthy}},  // flaps, and is let be
      {"FHFHHF", 2, 2, {failed(1, 2), failed(1, 2), healthy, failed(1, 2), healthy}},
      {"FDF", 2, 1, {failed(1, 2), degraded, failed(1, 2), healthy}},
      {"DDDH", 1, 1, {degraded, healthy}},  // a change is told once
      {"DHDHH", 1, 2, {degraded, healthy}},
      {"DHHH", 1, 3, {degraded, healthy}},
      {"DHHDHHH", 1, 3, {degraded, healthy}},
      {"FFFFFF",
       3,
       1,
       {failed(1, 3), failed(2, 3), failed(3, 3), ended, again,  //
        failed(1, 3), failed(2, 3), failed(3, 3), ended, again}},
      {"T", 2, 1, {"child unhealthy app a: the check threw: no pulse (1 of 2)", healthy}},
      {"TT",
       2,
       1,
       {"child unhealthy app a: the check threw: no pulse (1 of 2)",
        "child unhealthy app a: the check threw: no pulse (2 of 2)",
        "child failed app a: error: health check failed: the check threw: no pulse, because error: no pulse", again}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.findings, row.failures, row.recovery);
    Scene scene{{checked("a", {.interval = 1s, .failures = row.failures, .recovery = row.recovery})},
                {{"a", row.findings}}};
    scene.system.advance(20s);
    Lines reports = scene.ward.reports();
    for (std::string& line : reports) line.erase(0, line.find(' ') + 1);
    CHECK(reports == row.reports);
    testing::check_end(scene.system);
  }
}

TEST_CASE("checks come at their times and nobody else is checked") {  // F63: per child
  Scene scene{{checked("a", {.interval = 1s}), checked("b", {.interval = 300ms, .timeout = 100ms}), {.id = "c"}}};
  scene.system.advance(3s);
  const auto times = [&](const std::string& id) {
    std::vector<Duration> since;
    for (const TimePoint t : scene.ward.checked[id]) since.push_back(t - scene.begun);
    return since;
  };
  CHECK(times("a") == std::vector<Duration>{1s, 2s, 3s});
  CHECK(times("b") == std::vector<Duration>{300ms, 600ms, 900ms, 1200ms, 1500ms, 1800ms, 2100ms, 2400ms, 2700ms, 3s});
  CHECK(times("c").empty());
  CHECK(scene.ward.reports().empty());
  testing::check_end(scene.system);
}

TEST_CASE("a handler that stands still is found within two intervals") {  // P20, F63
  for (const Duration begin : {0ms, 1ms, 300ms, 999ms, 1000ms, 1001ms, 1250ms, 1500ms, 1999ms}) {
    CAPTURE(begin.count());
    Scene scene{{checked("a", {.interval = 1s, .failures = 1})}};
    testing::Probe<int> probe{scene.system};
    scene.system.advance(begin);
    const auto a = scene.at("a");
    probe.watch(a);
    a.send(Stall{10s});
    a.send(Crash{});  // waits behind: goes with the mailbox
    scene.system.run_until_idle();
    CHECK(scene.since_begin() == begin + 10s);  // it stood still all the while
    CHECK(a.incarnation() == 2);
    CHECK(a.ask(WhichLife{}, 1s).get() == Result<std::uint32_t, AskError>{2});
    const auto down = probe.expect_down(1s);
    REQUIRE(down);
    CHECK(down->reason.kind() == ExitReason::Kind::Error);
    CHECK(down->reason.text().find("health check failed: no answer within 1000 ms, while handling ") == 0);
    CHECK(down->reason.text().find("Stall") != std::string_view::npos);
    const Duration next_check = (begin / 1s + 1) * 1s;
    char at[32];
    std::snprintf(at, sizeof at, "+%d.000000s", static_cast<int>((next_check + 1s) / 1s));
    CHECK(next_check + 1s - begin <= 2s);
    const Lines reports = scene.ward.reports();
    REQUIRE(reports.size() == 3);
    CHECK(reports[0] == std::string{at} + " child unhealthy app a: no answer within 1000 ms (1 of 1)");
    CHECK(reports[1] == std::string{at} + " child failed app a: " + down->reason.to_string());
    CHECK(reports[2] == std::string{at} + " child restarted app a");
    // Left behind: no on_stop. The new life hears why.
    CHECK(scene.ward.log.lines() == Lines{"start a", "again a " + down->reason.to_string(), "start a"});
    testing::check_end(scene.system);
  }
}

TEST_CASE("the time-out is kept to the nanosecond") {  // P20
  for (const Duration stall : std::vector<Duration>{1s + 199'999'999ns, 1s + 200ms}) {
    Scene scene{{checked("a", {.interval = 1s, .timeout = 200ms, .failures = 1})}};
    scene.at("a").send(Stall{stall});
    scene.system.run_until_idle();
    CHECK(scene.life("a") == (stall < 1200ms ? 1 : 2));
    testing::check_end(scene.system);
  }
}

TEST_CASE("as many checks in a row as the threshold says must fail") {  // F63: Failed x threshold
  Scene scene{{checked("a", {.interval = 1s, .timeout = 250ms, .failures = 3})}};
  scene.at("a").send(Stall{10s});
  scene.system.run_until_idle();
  const Lines reports = scene.ward.reports();
  REQUIRE(reports.size() == 5);
  CHECK(reports[0] == "+1.250000s child unhealthy app a: no answer within 250 ms (1 of 3)");
  CHECK(reports[1] == "+2.250000s child unhealthy app a: no answer within 250 ms (2 of 3)");
  CHECK(reports[2] == "+3.250000s child unhealthy app a: no answer within 250 ms (3 of 3)");
  CHECK(reports[4] == "+3.250000s child restarted app a");
  testing::check_end(scene.system);
}

TEST_CASE("a stall that ends before the threshold costs no life") {
  Scene scene{{checked("a", {.interval = 1s, .timeout = 250ms, .failures = 3})}};
  scene.at("a").send(Stall{2500ms});
  scene.system.advance(5s);
  CHECK(scene.ward.reports() == Lines{"+1.250000s child unhealthy app a: no answer within 250 ms (1 of 3)",
                                      "+2.250000s child unhealthy app a: no answer within 250 ms (2 of 3)",
                                      "+3.062500s child healthy app a"});
  CHECK(scene.life("a") == 1);
  testing::check_end(scene.system);
}

TEST_CASE("who fails its checks ends through the strategy") {  // F63
  struct Row {
    AnyStrategy strategy;
    Lines log;
  };
  const std::string why = "error: health check failed: it says so itself";
  const std::string stop = "shutdown";
  const auto again = [](const std::string& id, const std::string& reason) { return "again " + id + " " + reason; };
  const Row rows[] = {
      {OneForOne{}, {"stop b " + why, again("b", why), "start b"}},
      {OneForAll{},
       {"stop b " + why, "stop c " + stop, "stop a " + stop, again("a", stop), "start a", again("b", why), "start b",
        again("c", stop), "start c"}},
      {RestForOne{}, {"stop b " + why, "stop c " + stop, again("b", why), "start b", again("c", stop), "start c"}},
  };
  for (const Row& row : rows) {
    for (std::uint64_t seed = 1; seed <= testing::scaled(20); ++seed) {
      CAPTURE(std::string{row.strategy.name()}, seed);
      Scene scene{{checked("a", {.interval = 1s}), checked("b", {.interval = 1s, .failures = 2}), {.id = "c"}},
                  {{"b", "FF"}},
                  {.id = "app", .strategy = row.strategy},
                  seed};
      scene.system.advance(10s);
      Lines log = scene.ward.log.lines();
      log.erase(log.begin(), log.begin() + 3);
      CHECK(log == row.log);
      testing::check_end(scene.system);
    }
  }
}

TEST_CASE("a stall restarts its group") {  // F63
  Scene scene{{checked("a", {.interval = 1s, .failures = 1}), checked("b", {.interval = 1s, .failures = 1})},
              {},
              {.id = "app", .strategy = OneForAll{}}};
  scene.at("b").send(Stall{10s});
  scene.system.run_until_idle();
  CHECK(scene.life("a") == 2);
  CHECK(scene.life("b") == 2);
  testing::check_end(scene.system);
}

TEST_CASE("one restart too many by checks ends the supervisor") {  // F63: policy
  Scene scene{{checked("a", {.interval = 1s, .failures = 1})},
              {{"a", "FFFF"}},
              {.id = "app", .intensity = {.restarts = 2, .within = 1min}}};
  scene.system.advance(10s);
  CHECK(scene.system.has_stopped(scene.root));
  REQUIRE(scene.system.failures().size() == 1);
  CHECK(scene.system.failures()[0].find("because error: health check failed: it says so itself") != std::string::npos);
  CHECK(scene.ward.checked["a"].size() == 3);
  testing::check_end(scene.system);
}

TEST_CASE("the restart type decides about who fails its checks as about a crash") {  // F63: policy
  for (const Restart restart : {Restart::Permanent, Restart::Transient, Restart::Temporary}) {
    CAPTURE(to_string(restart));
    Scene scene{{{.id = "a", .restart = restart, .health = {.interval = 1s, .failures = 1}}}, {{"a", "F"}}};
    scene.system.advance(5s);
    const bool comes_back = restart != Restart::Temporary;
    CHECK(scene.root.child<testing::Patient>("a").has_value() == comes_back);
    CHECK(scene.ward.checked["a"].size() == (comes_back ? 4 : 1));
    testing::check_end(scene.system);
  }
}

TEST_CASE("who answers that it failed has its on_stop and its mailbox goes on") {
  Scene scene{{checked("a", {.interval = 1s, .failures = 1})}, {{"a", "F"}}};
  const auto a = scene.at("a");
  // Its handler comes back with the probe and an ask behind it.
  a.send(Stall{1100ms});
  auto answer = a.ask(WhichLife{}, 5s);
  auto later = a.ask(WhichLife{}, 5s);
  scene.system.advance(1s);
  CHECK(answer.get() == Result<std::uint32_t, AskError>{1});
  CHECK(later.get() == Result<std::uint32_t, AskError>{1});
  CHECK(scene.life("a") == 2);
  CHECK(scene.ward.log.lines()[1] == "stop a error: health check failed: it says so itself");
  testing::check_end(scene.system);
}

TEST_CASE("a child whose mailbox is long is slow and said to be degraded") {  // P20: queue age
  Scene scene{{checked("a", {.interval = 1s, .timeout = 800ms, .failures = 1, .queue_age_max = 100ms})}};
  const auto a = scene.at("a");
  scene.system.advance(900ms);
  for (int i = 0; i < 5; ++i) a.send(Stall{100ms});  // the probe comes behind the first
  scene.system.advance(5s);
  CHECK(scene.ward.reports() == Lines{"+1.600000s child degraded app a: the check waited 400 ms in the mailbox",
                                      "+2.200000s child healthy app a"});
  CHECK(scene.life("a") == 1);
  testing::check_end(scene.system);
}

TEST_CASE("a child that is hopelessly behind is told to stop and keeps its mailbox") {  // P20: queue age
  Scene scene{{checked("a", {.interval = 1s, .timeout = 400ms, .failures = 2})}};
  const auto a = scene.at("a");
  for (int i = 0; i < 18; ++i) a.send(Stall{150ms});
  auto last = a.ask(WhichLife{}, 1min);
  scene.system.advance(20s);
  const Lines reports = scene.ward.reports();
  REQUIRE(reports.size() == 4);
  CHECK(reports[0] == "+1.400000s child unhealthy app a: no answer within 400 ms, behind 3 other messages (1 of 2)");
  CHECK(reports[1] == "+2.400000s child unhealthy app a: no answer within 400 ms, behind 2 other messages (2 of 2)");
  CHECK(scene.ward.log.lines()[1].find("stop a error: health check failed: no answer within 400 ms") == 0);
  CHECK(last.get() == Result<std::uint32_t, AskError>{2});
  testing::check_end(scene.system);
}

TEST_CASE("what a handler does that was left behind does not reach the next life") {
  struct Late : Actor<Late> {
    explicit Late(TestSystem* s) : system{s} {}
    void handle(const Stall& stall) {
      system->advance(stall.length);
      if (throws_or_stops % 2 == 0) throw std::runtime_error{"too late"};
      stop();
    }
    std::uint32_t handle(WhichLife) { return incarnation(); }
    void handle(int n) { throws_or_stops = n; }
    TestSystem* system;
    int throws_or_stops = 0;
  };
  for (const int what : {0, 1}) {
    CAPTURE(what);
    TestSystem system;
    const auto root =
        system.start(supervisor({.id = "app"}, child<Late>(checked("a", {.interval = 1s, .failures = 1}), &system)));
    REQUIRE(root);
    const auto a = root->child<Late>("a").value();
    a.send(what);
    a.send(Stall{10s});
    system.advance(5s);
    CAPTURE(testing::log_text(system));
    CHECK(system.stats().zombies == 0);
    CHECK(a.ask(WhichLife{}, 1s).get() == Result<std::uint32_t, AskError>{2});
    testing::check_end(system);
  }
}

TEST_CASE("several that stand still at once are each found in time") {  // F63: concurrent
  Scene scene{{checked("a", {.interval = 1s, .failures = 1}), checked("b", {.interval = 2s, .failures = 1}),
               checked("c", {.interval = 500ms, .timeout = 100ms, .failures = 1}), checked("d", {.interval = 1s})}};
  for (const char* const id : {"a", "b", "c"}) scene.at(id).send(Stall{20s});
  scene.system.run_until_idle();
  Lines found;
  for (const std::string& line : scene.ward.reports()) {
    if (line.find("unhealthy") != std::string::npos) found.push_back(line.substr(0, line.find(':')));
  }
  CHECK(found == Lines{"+0.600000s child unhealthy app c", "+2.000000s child unhealthy app a",
                       "+4.000000s child unhealthy app b"});
  // And the one that is well has its checks in time all the while.
  const auto& checks = scene.ward.checked["d"];
  REQUIRE(checks.size() >= 20);
  for (std::size_t i = 0; i < checks.size(); ++i) CHECK(checks[i] - scene.begun == (static_cast<int>(i) + 1) * 1s);
  testing::check_end(scene.system);
}

TEST_CASE("a check that hangs is a handler that stands still") {
  struct Sleeper : Actor<Sleeper> {
    explicit Sleeper(TestSystem* s) : system{s} {}
    Health on_health_check() const {
      if (incarnation() == 1) system->advance(10s);
      return Health::Healthy;
    }
    std::uint32_t handle(WhichLife) { return incarnation(); }
    TestSystem* system;
  };
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app"}, child<Sleeper>(checked("a", {.interval = 1s, .failures = 1}), &system)));
  REQUIRE(root);
  testing::Probe<int> probe{system};
  probe.watch(root->child<Sleeper>("a").value());
  system.advance(5s);
  const auto down = probe.expect_down(1s);
  REQUIRE(down);
  CHECK(down->reason.text() == "health check failed: no answer within 1000 ms, while handling a health check");
  CHECK(root->child<Sleeper>("a").value().incarnation() == 2);
  testing::check_end(system);
}

TEST_CASE("an actor without the hook is well as long as it handles messages") {
  struct Plain : Actor<Plain> {
    explicit Plain(TestSystem* s) : system{s} {}
    void handle(const Stall& stall) { system->advance(stall.length); }
    TestSystem* system;
  };
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app"}, child<Plain>(checked("a", {.interval = 1s, .failures = 1}), &system)));
  REQUIRE(root);
  system.advance(5s);
  CHECK(root->child<Plain>("a").value().incarnation() == 1);
  root->child<Plain>("a").value().send(Stall{10s});
  system.run_until_idle();
  CHECK(root->child<Plain>("a").value().incarnation() == 2);
  testing::check_end(system);
}

TEST_CASE("a check comes into a mailbox that is full") {  // exempt from the bound
  Scene scene{{{.id = "a", .mailbox = Bounded{.capacity = 1}, .health = {.interval = 1s, .failures = 1}}}};
  const auto a = scene.at("a");
  a.send(Stall{1500ms});
  a.send(Stall{1ms});
  scene.system.advance(5s);
  CHECK(scene.life("a") == 1);
  CHECK(scene.ward.checked["a"].size() >= 5);
  testing::check_end(scene.system);
}

// ---- lives ----

TEST_CASE("nobody is checked before it runs nor between two lives") {
  struct SlowStarter : Actor<SlowStarter> {
    explicit SlowStarter(Ward* w) : ward{w} {}
    void on_start() { ward->system->advance(10s); }
    Health on_health_check() { return ward->next_finding("a"); }
    void handle(Crash) { throw std::runtime_error{"boom"}; }
    Ward* ward;
  };
  Ward ward;
  TestSystem system;
  ward.system = &system;
  const TimePoint begun = system.now();
  const auto root = system.start(supervisor({.id = "app", .backoff = Exponential{.first = 5s}},
                                            child<SlowStarter>(checked("a", {.interval = 1s, .failures = 1}), &ward)));
  REQUIRE(root);
  system.advance(2s);
  root->child<SlowStarter>("a").value().send(Crash{});
  system.advance(17500ms);  // 5 s of delay, 10 s of start
  std::vector<Duration> times;
  for (const TimePoint t : ward.checked["a"]) times.push_back(t - begun);
  CHECK(times == std::vector<Duration>{11s, 12s, 28s, 29s});
  CHECK(root->child<SlowStarter>("a").value().incarnation() == 2);
  testing::check_end(system);
}

TEST_CASE("each life begins healthy and its checks count from none") {
  Scene scene{{checked("a", {.interval = 1s, .failures = 3})}, {{"a", "FFFFHH"}}};
  scene.system.advance(2500ms);
  scene.at("a").send(Crash{});
  scene.system.advance(10s);
  CHECK(scene.life("a") == 2);
  const Lines reports = scene.ward.reports();
  REQUIRE(reports.size() == 7);
  CHECK(reports[4] == "+3.750000s child unhealthy app a: it says so itself (1 of 3)");
  CHECK(reports[5] == "+4.750000s child unhealthy app a: it says so itself (2 of 3)");
  CHECK(reports[6] == "+5.750000s child healthy app a");
  testing::check_end(scene.system);
}

TEST_CASE("the probe of an old life asks nobody in the next") {
  Scene scene{{checked("a", {.interval = 1s, .failures = 1})}};
  const auto a = scene.at("a");
  a.send(Stall{1500ms});
  a.send(Crash{});  // the probe comes behind it, and waits for the next life
  scene.system.run_until_idle();
  CHECK(scene.life("a") == 2);
  CHECK(scene.ward.checked["a"].empty());
  CHECK(scene.system.ledger().dead(DeadReason::Cancelled) == 1);
  scene.system.advance(5s);
  CHECK(scene.ward.checked["a"].size() == 5);
  CHECK(scene.life("a") == 2);
  testing::check_end(scene.system);
}

TEST_CASE("a child whose end has begun is not checked any more") {
  struct SlowStopper : Actor<SlowStopper> {
    explicit SlowStopper(TestSystem* s) : system{s} {}
    void on_stop(const ExitReason&) { system->advance(10s); }
    void handle(Crash) { throw std::runtime_error{"boom"}; }
    TestSystem* system;
  };
  TestSystem system;
  const auto root = system.start(supervisor(
      {.id = "app"},
      child<SlowStopper>({.id = "a", .shutdown = Shutdown::infinity(), .health = {.interval = 1s, .failures = 1}},
                         &system)));
  REQUIRE(root);
  testing::Probe<int> probe{system};
  probe.watch(root->child<SlowStopper>("a").value());
  root->child<SlowStopper>("a").value().send(Crash{});
  system.run_until_idle();
  const auto down = probe.expect_down(1s);
  REQUIRE(down);
  CHECK(down->reason.text() == "boom");
  testing::check_end(system);
}

TEST_CASE("a shutdown during a check goes its own way") {
  for (const Duration before : {500ms, 1000ms, 1100ms, 1999ms, 2000ms}) {
    CAPTURE(before.count());
    struct Stopper : Actor<Stopper> {
      Stopper(TestSystem* s, Duration b) : system{s}, before{b} {}
      void handle(const Stall& stall) {
        system->advance(before);
        static_cast<void>(system->stop(parent(), {.reason = ExitReason::shutdown()}));
        system->advance(stall.length);
      }
      TestSystem* system;
      Duration before;
    };
    TestSystem system;
    const auto root = system.start(
        supervisor({.id = "app"}, child<Stopper>(checked("a", {.interval = 1s, .failures = 1}), &system, before)));
    REQUIRE(root);
    const auto a = root->child<Stopper>("a").value();
    testing::Probe<int> probe{system};
    probe.watch(a);
    a.send(Stall{20s});
    system.run_until_idle();
    const auto down = probe.expect_down(1s);
    REQUIRE(down);
    CHECK((down->reason == ExitReason::killed()) ==
          (before < 2000ms));  // by its shutdown time, or by its checks before
    CHECK(system.has_stopped(root));
    testing::check_end(system);
  }
}

TEST_CASE("checks stop with a child that is terminated and come back with it") {
  Scene scene{{checked("a", {.interval = 1s, .failures = 1})}};
  scene.system.advance(1s);
  CHECK(scene.root.terminate_child("a"));
  scene.system.advance(5s);
  CHECK(scene.ward.checked["a"].size() == 1);
  CHECK(scene.root.restart_child("a"));
  scene.system.advance(2s);
  CHECK(scene.ward.checked["a"].size() == 3);
  CHECK(scene.root.start_child(patient(scene.ward, checked("b", {.interval = 1s}))));
  scene.system.advance(2s);
  CHECK(scene.ward.checked["b"].size() == 2);
  CHECK(scene.root.terminate_child("b"));
  CHECK(scene.root.delete_child("b"));
  scene.system.advance(2s);
  CHECK(scene.ward.checked["b"].size() == 2);
  testing::check_end(scene.system);
}

TEST_CASE("a fault in the check's own message is a crash like any other") {
  struct Stubborn : Actor<Stubborn> {
    OnError on_error(const ExitReason&) { return OnError::Resume; }
    void handle(Crash) {}
  };
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app"}, child<Stubborn>(checked("a", {.interval = 1s, .failures = 2}))));
  REQUIRE(root);
  system.fail_message(1, root->child<Stubborn>("a").value());
  system.advance(5s);
  CHECK(root->child<Stubborn>("a").value().incarnation() == 1);  // the check has failed, and the next ones come
  testing::check_end(system);
}

// ---- clocks ----

TEST_CASE("a clock that jumps fails no check") {  // P20
  // Wherever in a check the jump comes, and however long it is.
  for (Duration stall = 25ms; stall < 200ms; stall += 25ms) {
    for (const Duration jump : std::vector<Duration>{60ms, 200ms, 1s, 10s, 1000h}) {
      // (One that is no longer than two parts of the time-out may pass for a slow machine, and cost one.)
      if (jump <= 100ms && stall >= 150ms) continue;
      CAPTURE(stall.count(), jump.count());
      Scene scene{{checked("a", {.interval = 1s, .timeout = 200ms, .failures = 1, .queue_age_max = 300ms}),
                   checked("b", {.interval = 1s, .timeout = 200ms, .failures = 1, .queue_age_max = 300ms})}};
      scene.system.advance(999ms);
      const auto a = scene.at("a");
      a.send(Stall{1ms + stall});  // the check begins, and then
      a.send(Leap{jump});
      scene.system.advance(5s);
      CHECK(scene.ward.reports().empty());
      CHECK(scene.life("a") == 1);
      CHECK(scene.life("b") == 1);
      testing::check_end(scene.system);
    }
  }
}

TEST_CASE("a jump costs a check at most one of its four parts") {  // P20
  // The handler stands still before the jump and after it, for three quarters of the time-out together.
  for (const Duration before : {10ms, 60ms, 120ms, 149ms}) {
    CAPTURE(before.count());
    struct Jumper : Actor<Jumper> {
      Jumper(TestSystem* s, Duration b) : system{s}, before{b} {}
      void handle(const Stall&) {
        system->advance(1s + before);
        system->leap(10s);
        system->advance(150ms - before);
      }
      TestSystem* system;
      Duration before;
    };
    TestSystem system;
    const auto root = system.start(
        supervisor({.id = "app"},
                   child<Jumper>(checked("a", {.interval = 1s, .timeout = 200ms, .failures = 1}), &system, before)));
    REQUIRE(root);
    const auto a = root->child<Jumper>("a").value();
    a.send(Stall{});
    system.advance(5s);
    CHECK(a.incarnation() == 1);
    testing::check_end(system);
  }
}

TEST_CASE("jumps again and again only put off that a stall is found") {  // P20
  struct Jumper : Actor<Jumper> {
    Jumper(TestSystem* s, bool* w) : system{s}, was_let_be{w} {}
    void handle(const Stall& stall) {
      system->advance(1s);
      for (int i = 0; i < 50; ++i) system->leap(10s);  // at no time does the process run
      *was_let_be = system->stats().zombies == 0;
      system->advance(stall.length);
    }
    TestSystem* system;
    bool* was_let_be;
  };
  bool was_let_be = false;
  TestSystem system;
  const auto root = system.start(
      supervisor({.id = "app"},
                 child<Jumper>(checked("a", {.interval = 1s, .timeout = 200ms, .failures = 1}), &system, &was_let_be)));
  REQUIRE(root);
  const auto a = root->child<Jumper>("a").value();
  a.send(Stall{300ms});
  system.run_until_idle();
  CHECK(was_let_be);
  CHECK(a.incarnation() == 2);
  testing::check_end(system);
}

// ---- options ----

TEST_CASE("health options out of their bounds are said by name") {
  const auto fault = [](HealthCheck check) {
    Ward ward;
    TestSystem system;
    const auto started = system.start(supervisor({.id = "app"}, patient(ward, checked("a", check))));
    return started ? std::string{} : started.error().text;
  };
  const std::string who = "supervisor \"app\": child \"a\": ";
  CHECK(fault({.interval = 0s}) == who + "health.interval must be longer than zero");
  CHECK(fault({.interval = -1s}) == who + "health.interval must be longer than zero");
  CHECK(fault({.interval = 1s, .timeout = 0s}) == who + "health.timeout must be longer than zero");
  CHECK(fault({.interval = 1s, .timeout = Duration::min()}) == who + "health.timeout must be longer than zero");
  CHECK(fault({.interval = 1s, .failures = 0}) == who + "health.failures must be at least one");
  CHECK(fault({.interval = 1s, .recovery = 0}) == who + "health.recovery must be at least one");
  CHECK(fault({.interval = 1s, .queue_age_max = 0s}) == who + "health.queue_age_max must be longer than zero");
  CHECK(fault({.timeout = 1s}) == who + "health has options, but without health.interval there are no checks");
  CHECK(fault({}).empty());
  CHECK(fault({.interval = 1ns, .timeout = 1ns}).empty());
  CHECK(fault({.interval = kForever - 1ns, .timeout = kForever, .queue_age_max = kForever}).empty());
}

TEST_CASE("specs that differ in their health options differ") {
  Ward ward;
  const HealthCheck check{.interval = 1s, .timeout = 200ms, .failures = 2, .recovery = 2, .queue_age_max = 1s};
  CHECK(patient(ward, checked("a", check)) == patient(ward, checked("a", check)));
  CHECK_FALSE(patient(ward, checked("a", check)) == patient(ward, {.id = "a"}));
}

TEST_CASE("checks as short and as long as there are do no harm") {  // R10
  Scene scene{{checked("a", {.interval = kForever - 1ns}), checked("b", {.interval = 3ns, .timeout = 2ns})}};
  scene.system.advance(1us);
  CHECK(scene.ward.checked["a"].empty());
  CHECK(scene.ward.checked["b"].size() > 100);
  CHECK(scene.ward.reports().empty());
  testing::check_end(scene.system);
}

}  // namespace
}  // namespace coppice
