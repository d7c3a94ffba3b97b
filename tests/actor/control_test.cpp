#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/actor/ticking_actor.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/probe.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"
#include "support/test_end.hpp"

// F18, F19, F76: ticking and manual actors, yield, pause and resume; receive timeouts, adapters, pipes.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;
using testing::TestSystem;

struct Writer : Actor<Writer> {
  explicit Writer(Log* l, std::string t = {}) : log{l}, tag{std::move(t)} {}
  void handle(int number) { log->add(tag + std::to_string(number)); }
  void on_stop(const ExitReason&) { log->add(tag + "stop"); }
  Log* log;
  std::string tag;
};

TEST_CASE("a ticking actor ticks exactly n times in n intervals") {  // F18
  struct Ticker : TickingActor<Ticker> {
    explicit Ticker(int* n) : TickingActor{10ms}, count{n} {}
    void on_tick() { ++*count; }
    void handle(int milliseconds) { set_interval(std::chrono::milliseconds{milliseconds}); }
    void handle(bool on) { on ? start_ticking() : stop_ticking(); }
    int* count;
  };
  TestSystem system;
  int count = 0;
  const auto ticker = system.spawn<Ticker>(&count);
  system.advance(1000ms);
  CHECK(count == 100);
  system.advance(9ms);
  CHECK(count == 100);
  system.advance(1ms);
  CHECK(count == 101);
  ticker.send(100);
  system.advance(1000ms);
  CHECK(count == 111);
  ticker.send(false);
  system.advance(1000ms);
  CHECK(count == 111);
  testing::check_end(system);
}

TEST_CASE("a manual actor handles what it is stepped for and nothing else") {  // F18
  TestSystem system;
  Log log;
  const auto manual = system.spawn<Writer>({.paused = true}, &log);
  for (int i = 1; i <= 5; ++i) manual.send(i);
  system.run_until_idle();
  CHECK(manual.phase() == Phase::Running);
  CHECK(log.lines().empty());
  manual.step();
  system.run_until_idle();
  CHECK(log.lines() == Lines{"1"});
  manual.step(2);
  manual.step(0);
  system.run_until_idle();
  CHECK(log.lines() == Lines{"1", "2", "3"});
  manual.step(2);
  manual.step(2);
  system.run_until_idle();
  CHECK(log.lines().size() == 5);
  manual.send(6);  // two steps are left
  system.run_until_idle();
  CHECK(log.lines().size() == 6);
  manual.send(7);
  manual.send(8);
  system.run_until_idle();
  CHECK(log.lines().size() == 7);
  manual.resume();
  system.run_until_idle();
  CHECK(log.lines().size() == 8);
  testing::check_end(system);
}

TEST_CASE("a paused actor handles nothing keeps its bound and goes on in order") {  // F76
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    TestSystem system{{.seed = seed}};
    Log log;
    const auto actor = system.spawn<Writer>({.mailbox = Bounded{3, Overflow::Reject}}, &log);
    system.run_until_idle();
    actor.pause();
    for (int i = 1; i <= 5; ++i) CHECK((actor.send(i) == Delivery::Accepted) == (i <= 3));
    system.run_until_idle();
    CHECK(log.lines().empty());
    actor.pause();
    actor.resume();
    actor.resume();
    system.run_until_idle();
    CHECK(log.lines() == Lines{"1", "2", "3"});
    testing::check_end(system);
  }
}

TEST_CASE("a paused actor stops is killed and is watched all the same") {  // F29
  for (const bool kill : {false, true}) {
    TestSystem system;
    Log log;
    const auto actor = system.spawn<Writer>(&log);
    testing::Probe<int> probe{system};
    probe.watch(actor);
    actor.pause();
    actor.send(1);
    system.run_until_idle();
    REQUIRE(system.stop(actor, {.within = kill ? 0ms : 5s}).get());
    CHECK(probe.expect_down().has_value());
    CHECK(system.ledger().dead(DeadReason::Stopped) == 1);
    testing::check_end(system);
  }
}

TEST_CASE("a paused place is paused in its next life too") {
  TestSystem system{{.system = testing::quiet()}};
  Log log;
  const auto root = system.start(supervisor({.id = "app"}, child<Writer>({.id = "writer"}, &log)));
  const auto writer = root.value().child<Writer>("writer").value();
  writer.pause();
  writer.send(1);
  system.run_until_idle();
  system.crash(writer);
  CHECK(writer.incarnation() == 2);
  CHECK(log.lines() == Lines{"stop"});
  writer.resume();
  system.run_until_idle();
  CHECK(log.lines() == Lines{"stop", "1"});
  testing::check_end(system);
}

TEST_CASE("a paused child is not taken for one that hangs") {
  TestSystem system{{.system = testing::quiet()}};
  Log log;
  const auto root = system.start(
      supervisor({.id = "app"}, child<Writer>({.id = "writer", .health = {.interval = 1s, .timeout = 100ms}}, &log)));
  const auto writer = root.value().child<Writer>("writer").value();
  writer.pause();
  system.advance(1min);
  CHECK(writer.incarnation() == 1);
  writer.resume();
  system.advance(1min);
  CHECK(writer.incarnation() == 1);
  testing::check_end(system);
}

TEST_CASE("who yields lets all others go first") {  // F19
  struct Polite : Actor<Polite> {
    explicit Polite(Log* l) : log{l} {}
    void handle(int number) {
      log->add("polite " + std::to_string(number));
      yield_turn();
    }
    Log* log;
  };
  SystemOptions options;
  options.workers = 1;
  ActorSystem system{std::move(options)};
  Log log;
  struct Starter : Actor<Starter> {
    void handle(UniqueFunction<void()> start) { start(); }
  };
  const auto starter = system.spawn<Starter>();
  const auto polite = system.spawn<Polite>(&log);
  std::vector<ActorRef<Writer>> others;
  for (int i = 0; i < 3; ++i) others.push_back(system.spawn<Writer>(&log, "other "));
  for (const auto& other : others)  // who has not started yet is not among those who are ready
    REQUIRE(testing::eventually([&] { return other.phase() == Phase::Running; }));
  REQUIRE(testing::eventually([&] { return polite.phase() == Phase::Running; }));
  starter.send(UniqueFunction<void()>{[&] {
    for (int i = 1; i <= 3; ++i) polite.send(i);
    for (const auto& other : others) other.send(0);
  }});
  REQUIRE(testing::eventually([&] { return log.size() == 6; }));
  // Between two messages of the polite one all that were ready have run.
  const Lines lines = log.lines();
  std::size_t first = 0;
  while (lines[first] != "polite 1") ++first;
  CHECK(std::vector<std::string>(lines.end() - 2, lines.end()) == Lines{"polite 2", "polite 3"});
  testing::check_end(system);
}

struct Quiet : Actor<Quiet> {
  Quiet(Log* l, Duration after) : log{l} { set_receive_timeout(after); }
  void handle(ReceiveTimeout) {
    log->add("silence at " + std::to_string((now() - TimePoint{1h}) / 1ms));
    if (++times == 3) cancel_receive_timeout();
  }
  void handle(int) {}
  void handle(std::string) { throw std::runtime_error{"boom"}; }
  int times = 0;
  Log* log;
};

TEST_CASE("a receive timeout comes when no message has come for so long") {
  TestSystem system;
  Log log;
  const auto quiet = system.spawn<Quiet>(&log, Duration{10ms});
  system.run_until_idle();
  for (int i = 0; i < 5; ++i) {
    system.advance(9ms);
    quiet.send(i);
    system.run_until_idle();
  }
  CHECK(log.lines().empty());  // 45 ms, never ten of them silent
  system.advance(9ms);
  CHECK(log.lines().empty());
  system.advance(1ms);
  CHECK(log.lines() == Lines{"silence at 55"});
  system.advance(10ms);
  CHECK(log.lines() == Lines{"silence at 55", "silence at 65"});
  system.advance(1h);
  CHECK(log.lines().size() == 3);  // then it was cancelled
  testing::check_end(system);
}

TEST_CASE("a receive timeout of one life never reaches the next") {
  TestSystem system{{.system = testing::quiet()}};
  Log log;
  const auto root = system.start(supervisor({.id = "app"}, child<Quiet>({.id = "quiet"}, &log, Duration{10ms})));
  const auto quiet = root.value().child<Quiet>("quiet").value();
  system.advance(9ms);
  quiet.send(std::string{"crash"});
  system.run_until_idle();
  system.advance(9ms);
  CHECK(log.lines().empty());
  system.advance(1ms);
  CHECK(log.lines() == Lines{"silence at 19"});
  testing::check_end(system);
}

struct Raw {
  std::string text;
};
struct Parsed {
  std::size_t length;
};
struct Reader : Actor<Reader> {
  explicit Reader(Log* l) : log{l} {}
  void handle(Parsed parsed) { log->add("length " + std::to_string(parsed.length)); }
  ActorRef<Protocol<void(Raw)>> handle(bool with_self) {
    if (with_self) {
      return adapter<Raw>([](Reader& self, Raw raw) {
        ++self.adapted;
        self.log->add("adapted " + std::to_string(self.adapted));
        return Parsed{raw.text.size()};
      });
    }
    return adapter<Raw>([](Raw raw) {
      if (raw.text.empty()) throw std::runtime_error{"empty"};
      return Parsed{raw.text.size()};
    });
  }
  int adapted = 0;
  Log* log;
};

TEST_CASE("an adapter delivers what it makes of a foreign message in order with the others") {  // F17
  TestSystem system;
  Log log;
  const auto reader = system.spawn<Reader>(&log);
  const auto raw = reader.ask(false, 1s).get().value();
  reader.send(Parsed{1});
  raw.send(Raw{"four"});
  reader.send(Parsed{2});
  CHECK(raw.ask(Raw{"three"}, 1s).get().has_value());
  const auto counted = reader.ask(true, 1s).get().value();
  counted.send(Raw{"ab"}, {.correlation_id = 1});
  Raw kept{"abc"};
  CHECK(counted.try_send(kept) == Delivery::Accepted);
  system.run_until_idle();
  CHECK(log.lines() ==
        Lines{"length 1", "length 4", "length 2", "length 5", "adapted 1", "length 2", "adapted 2", "length 3"});
  testing::check_end(system);
}

TEST_CASE("what an adapter throws is its actor's crash") {
  TestSystem system{{.system = testing::quiet()}};
  Log log;
  const auto reader = system.spawn<Reader>(&log);
  const auto raw = reader.ask(false, 1s).get().value();
  CHECK(raw.ask(Raw{""}, 1s).get() == Error{AskError::Crashed});
  CHECK(system.has_stopped(reader));
  CHECK(raw.send(Raw{"late"}) == Delivery::Closed);
  testing::check_end(system);
}

struct Piped {
  int value;
};
struct Plumber : Actor<Plumber> {
  explicit Plumber(Log* l) : log{l} {}
  void handle(Piped piped) { log->add("piped " + std::to_string(piped.value)); }
  UniqueFunction<void(Piped)> handle(std::string) { return pipe_to_self(Piped{-1}); }
  Log* log;
};

TEST_CASE("a pipe brings one value to the life that made it and a word when it is dropped") {
  TestSystem system{{.system = testing::quiet()}};
  Log log;
  const auto root = system.start(supervisor({.id = "app"}, child<Plumber>({.id = "plumber"}, &log)));
  const auto plumber = root.value().child<Plumber>("plumber").value();
  auto used = plumber.ask(std::string{}, 1s).get().value();
  used(Piped{1});
  used = {};
  {
    const auto dropped = plumber.ask(std::string{}, 1s).get().value();
  }
  auto late = plumber.ask(std::string{}, 1s).get().value();
  system.run_until_idle();
  CHECK(log.lines() == Lines{"piped 1", "piped -1"});
  system.crash(plumber);
  late(Piped{2});
  system.run_until_idle();
  CHECK(log.lines().size() == 2);
  CHECK(system.ledger().dead(DeadReason::Cancelled) == 1);
  testing::check_end(system);
}

struct Front : Actor<Front> {
  struct Work {
    int value;
  };
  struct Back : Actor<Back> {
    int handle(Work work) {
      if (work.value < 0) throw std::runtime_error{"negative"};
      return work.value * 10;
    }
  };
  Later<int> handle(Work work) { return delegate(back, Work{work.value + 1}); }
  ActorRef<Back> back = spawn<Back>();
};

TEST_CASE("a question that is passed on is answered by whom it was passed on to") {
  TestSystem system{{.system = testing::quiet()}};
  const auto front = system.spawn<Front>();
  CHECK(front.ask(Front::Work{1}, 1s).get() == 20);
  front.send(Front::Work{2});
  CHECK(front.ask(Front::Work{-2}, 1s).get() == Error{AskError::Crashed});
  CHECK(front.ask(Front::Work{1}, 1s).get() == Error{AskError::Closed});  // the one behind has ended
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
