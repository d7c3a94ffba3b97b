#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/probe.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/log.hpp"
#include "support/test_end.hpp"

// What OTP's gen_server promises, by its words: call, cast, reply, time-outs, stop. Source: gen_server and gen.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;
using testing::TestSystem;

struct Add {  // a call
  int number;
};
struct Put {  // a cast
  int number;
};
struct Keep {};     // {noreply, State}: the reply comes later
struct Release {};  // the reply to Keep
struct Crash {};
struct Bye {     // {stop, Reason, Reply, State}
  bool at_once;  // or from terminate
  ExitReason reason = ExitReason::normal();
};
struct Watch {  // restarts its time-out
  Duration within;
};
struct TimedOut {};
struct CallYourself {};

struct Server : Actor<Server> {
  explicit Server(Log* l) : log{l} {}
  void on_start() { log->add("init"); }
  void on_stop(const ExitReason& why) {
    log->add("terminate " + why.to_string());
    if (farewell) farewell->set(99);
  }
  int handle(Add add) { return total += add.number; }
  void handle(Put put) {
    total = put.number;
    log->add("cast " + std::to_string(put.number));
  }
  Later<int> handle(Keep) {
    auto [promise, later] = reply_later<int>();
    kept.emplace(std::move(promise));
    return std::move(later);
  }
  bool handle(Release) { return kept && std::exchange(kept, std::nullopt)->set(total); }
  int handle(Crash) { throw std::runtime_error{"boom"}; }
  Later<int> handle(const Bye& bye) {
    auto [promise, later] = reply_later<int>();
    stop(bye.reason);
    if (bye.at_once) {
      promise.set(total);
    } else {
      farewell.emplace(std::move(promise));
    }
    return std::move(later);
  }
  void handle(Watch watch) { idle = send_after(watch.within, TimedOut{}); }
  void handle(TimedOut) { log->add("timeout"); }
  void handle(CallYourself) {
    ask(self(), Add{1}, kForever).then([this](const Result<int, AskError>& answer) {
      log->add(answer ? "answered" : to_string(answer.error()));
    });
  }
  Log* log;
  int total = 0;
  std::optional<ReplyPromise<int>> kept;
  std::optional<ReplyPromise<int>> farewell;
  TimerHandle idle;
};

struct Scene {
  Scene() { server = system.spawn<Server>(&log); }
  ~Scene() { testing::check_end(system); }
  template <class M>
  Result<int, AskError> call(M message, Duration within = 1s) {
    return server.ask(std::move(message), within).get();
  }
  Log log;
  TestSystem system;
  ActorRef<Server> server;
};

using Answer = Result<int, AskError>;

TEST_CASE("gen_server call: the caller gets what the server returns and later calls see its state") {
  Scene scene;
  CHECK(scene.call(Add{2}) == Answer{2});
  CHECK(scene.call(Add{3}) == Answer{5});
}

TEST_CASE("gen_server call: calls and casts of one sender are handled in their order") {
  Scene scene;
  scene.server.send(Put{10});
  auto first = scene.server.ask(Add{1}, 1s);
  scene.server.send(Put{20});
  auto second = scene.server.ask(Add{1}, 1s);
  CHECK(first.get() == Answer{11});
  CHECK(second.get() == Answer{21});
}

TEST_CASE("gen_server call: a server that is not there answers at once") {
  Scene scene;
  CHECK(scene.system.stop(scene.server).get());
  const TimePoint before = scene.system.now();
  CHECK(scene.call(Add{1}, kForever) == Answer{Error{AskError::Closed}});
  CHECK(ActorRef<Server>{}.ask(Add{1}, kForever).get() == Answer{Error{AskError::Closed}});
  CHECK(scene.system.now() == before);
}

TEST_CASE("gen_server call: a server that ends over a call says so at once and to those behind it") {
  Scene scene;
  auto in_hand = scene.server.ask(Crash{}, kForever);
  auto behind = scene.server.ask(Add{1}, kForever);
  const TimePoint before = scene.system.now();
  CHECK(in_hand.get() == Answer{Error{AskError::Crashed}});
  CHECK(behind.get() == Answer{Error{AskError::Closed}});
  CHECK(scene.system.now() == before);
  CHECK(scene.log.lines() == Lines{"init", "terminate error: boom"});
}

TEST_CASE("gen_server call: a time-out comes at its time and the late reply is dropped") {
  Scene scene;
  auto call = scene.server.ask(Keep{}, 500ms);
  const TimePoint before = scene.system.now();
  CHECK(call.get() == Answer{Error{AskError::Timeout}});
  CHECK(scene.system.now() - before == 500ms);
  CHECK(scene.server.ask(Release{}, 1s).get() == Result<bool, AskError>{false});  // nobody waits for it
  CHECK(scene.call(Add{7}) == Answer{7});                                         // and it is nobody else's answer
}

TEST_CASE("gen_server call: the server lives on after its caller's time-out") {
  Scene scene;
  for (int i = 0; i < 100; ++i) CHECK(scene.server.ask(Keep{}, 1ms).get() == Answer{Error{AskError::Timeout}});
  CHECK(scene.call(Add{1}) == Answer{1});
}

TEST_CASE("gen_server call: a server that calls itself hears at once that this is no call") {
  Scene scene;
  const TimePoint before = scene.system.now();
  scene.server.send(CallYourself{});
  scene.system.run_until_idle();
  CHECK(scene.log.lines() == Lines{"init", to_string(AskError::Rejected)});
  CHECK(scene.system.now() == before);
}

TEST_CASE("gen_server noreply: the reply may come later from another message") {
  Scene scene;
  auto call = scene.server.ask(Keep{}, kForever);
  scene.system.run_until_idle();
  CHECK_FALSE(call.is_ready());
  scene.server.send(Put{42});  // served meanwhile
  CHECK(scene.server.ask(Release{}, 1s).get() == Result<bool, AskError>{true});
  CHECK(call.get() == Answer{42});
}

TEST_CASE("gen_server noreply: a reply that never comes is the end of the promise and no hang") {
  Scene scene;
  auto call = scene.server.ask(Keep{}, kForever);
  scene.system.run_until_idle();
  auto next = scene.server.ask(Keep{}, kForever);  // takes the place of the first promise
  scene.system.run_until_idle();
  const auto answer = call.get();
  REQUIRE_FALSE(answer);
  CHECK(answer.error() == AskError::NoReply);
  CHECK(scene.system.stop(scene.server).get());
  CHECK_FALSE(next.get().has_value());
}

TEST_CASE("gen_server cast: it never fails in the sender and what came too late is a dead letter") {
  Scene scene;
  CHECK(scene.server.send(Put{1}) == Delivery::Accepted);
  CHECK(scene.system.stop(scene.server, {.mailbox = StopMode::Drain}).get());
  CHECK(scene.server.send(Put{2}) == Delivery::Closed);
  CHECK(ActorRef<Server>{}.send(Put{3}) == Delivery::Closed);
  CHECK(scene.log.lines() == Lines{"init", "cast 1", "terminate normal"});
}

TEST_CASE("gen_server timeout: it fires when nothing comes in its time") {
  Scene scene;
  scene.server.send(Watch{100ms});
  scene.system.advance(100ms - 1ns);
  CHECK(scene.log.lines() == Lines{"init"});
  scene.system.advance(1ns);
  CHECK(scene.log.lines() == Lines{"init", "timeout"});
  scene.system.advance(1h);
  CHECK(scene.log.size() == 2);
}

TEST_CASE("gen_server timeout: a message that comes first replaces it") {
  Scene scene;
  for (int i = 0; i < 10; ++i) {
    scene.server.send(Watch{100ms});
    scene.system.advance(99ms);
  }
  CHECK(scene.log.lines() == Lines{"init"});
  scene.system.advance(1ms);
  CHECK(scene.log.lines() == Lines{"init", "timeout"});
}

TEST_CASE("gen_server timeout: one that has fired already is not handled after the message that replaced it") {
  Scene scene;
  scene.server.send(Watch{0ms});
  scene.server.send(Watch{100ms});
  scene.system.run_until_idle();
  const std::size_t before = scene.log.size();
  scene.system.advance(99ms);
  CHECK(scene.log.size() == before);
  scene.system.advance(1ms);
  CHECK(scene.log.size() == before + 1);
}

TEST_CASE("gen_server stop: a reply may come from terminate so that it says that all is cleaned up") {
  Scene scene;
  const auto answer = scene.call(Bye{.at_once = false});
  CHECK(answer == Answer{99});
  CHECK(scene.log.lines() == Lines{"init", "terminate normal"});
  CHECK(scene.system.has_stopped(scene.server));
}

TEST_CASE("gen_server stop: a reply that was given before the stop arrives all the same") {
  Scene scene;
  CHECK(scene.call(Add{4}) == Answer{4});
  CHECK(scene.call(Bye{.at_once = true}) == Answer{4});
  CHECK(scene.system.has_stopped(scene.server));
  CHECK(scene.log.lines() == Lines{"init", "terminate normal"});
}

TEST_CASE("gen_server stop: from outside it returns when terminate is over and with the reason it was given") {
  Scene scene;
  scene.system.run_until_idle();
  const auto reason = scene.system.stop(scene.server, {.reason = ExitReason::shutdown("enough")}).get();
  REQUIRE(reason);
  CHECK(*reason == ExitReason::shutdown("enough"));
  CHECK(scene.log.lines() == Lines{"init", "terminate shutdown: enough"});
  const auto again = scene.system.stop(scene.server).get();
  REQUIRE_FALSE(again);
  CHECK(again.error() == StopError::AlreadyStopped);
}

TEST_CASE("gen_server stop: only what is abnormal is reported as a failure") {
  const std::pair<ExitReason, std::size_t> rows[] = {{ExitReason::normal(), 0},
                                                     {ExitReason::shutdown(), 0},
                                                     {ExitReason::shutdown("why"), 0},
                                                     {ExitReason::error("mine"), 1}};
  for (const auto& [reason, reports] : rows) {
    CAPTURE(reason.to_string());
    Scene scene;
    CHECK(scene.call(Bye{.at_once = true, .reason = reason}) == Answer{0});
    scene.system.run_until_idle();
    CHECK(scene.system.failures().size() == reports);
  }
}

TEST_CASE("gen_server init: nothing is handled before it and what was sent meanwhile comes after it") {
  Scene scene;  // spawned, and has not run yet
  scene.server.send(Put{1});
  CHECK(scene.log.lines().empty());
  scene.system.run_until_idle();
  CHECK(scene.log.lines() == Lines{"init", "cast 1"});
}

TEST_CASE("gen_server parent: a server ends with its parent whatever it is doing") {
  struct Parent : Actor<Parent> {
    explicit Parent(Log* l) : log{l} {}
    void on_start() { child = spawn<Server>(log); }
    void on_stop(const ExitReason&) { log->add("parent"); }
    void handle(Crash) { throw std::runtime_error{"boom"}; }
    ActorRef<Server> handle(Release) { return child; }
    Log* log;
    ActorRef<Server> child;
  };
  Log log;
  TestSystem system;
  const auto parent = system.spawn<Parent>(&log);
  const auto server = parent.ask(Release{}, 1s).get().value();
  auto call = server.ask(Keep{}, kForever);
  parent.send(Crash{});
  system.run_until_idle();
  CHECK(server.is_closed());
  CHECK_FALSE(call.get().has_value());
  CHECK(log.lines() == Lines{"init", "terminate shutdown", "parent"});
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
