#include <string>
#include <utility>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/log.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;
using testing::TestSystem;

/// Tells the parent to stop, and stands still for so long while everybody else goes on: virtual time moves inside the
/// handler.
struct Stall {
  TestSystem* system;
  AnyRef parent;
  Duration length;
};
struct Slow : Actor<Slow> {
  explicit Slow(Log* l) : log{l} {}
  void handle(const Stall& stall) {
    static_cast<void>(stall.system->stop(stall.parent, {.within = kForever}));
    stall.system->advance(stall.length);
    log->add("child goes on");
  }
  void on_stop(const ExitReason& why) { log->add("child " + why.to_string()); }
  Log* log;
};
struct GiveBirth {};
/// A parent whose child nobody supervises.
struct Parent : Actor<Parent> {
  explicit Parent(Log* l) : log{l} {}
  ActorRef<Slow> handle(GiveBirth) { return spawn<Slow>(log); }
  void on_stop(const ExitReason& why) { log->add("parent " + why.to_string()); }
  Log* log;
};

TEST_CASE("a plain child that does not stop within five seconds is killed and does not hold up its parent") {
  const bool is_long = GENERATE(false, true);
  Log log;
  TestSystem system;
  const auto parent = system.spawn<Parent>(&log);
  const auto child = parent.ask(GiveBirth{}, 1h).get().value();
  child.send(Stall{&system, parent, is_long ? 6s : 4s});
  system.run_until_idle();
  CHECK(system.has_stopped(parent));
  CHECK(child.is_closed());
  if (is_long) {
    CHECK(log.lines() == Lines{"parent normal", "child goes on"});
  } else {
    CHECK(log.lines() == Lines{"child goes on", "child shutdown", "parent normal"});
  }
  testing::check_end(system);
}

struct Letter {};
struct Open {};
struct Write {
  AnyRef to;
};
/// Keeps letters for later after it has waited, as a handler that is a coroutine may.
struct Box : Actor<Box> {
  explicit Box(Log* l) : log{l} {}
  Task<> handle(Letter letter) {
    co_await sleep_for(1ms);
    log->add(sender() ? "from " + sender().name() : "from nobody");
    if (!is_open) stash(std::move(letter));
  }
  void handle(Open) {
    is_open = true;
    unstash();
  }
  Log* log;
  bool is_open = false;
};
struct Writer : Actor<Writer> {
  void handle(const Write& write) {
    write.to.as<Box>().send(Letter{}, {.reply_to = self()});
    write.to.as<Box>().send(Letter{});
  }
};

TEST_CASE("a letter that is put aside after a wait keeps its sender") {  // F16
  Log log;
  TestSystem system;
  const auto box = system.spawn<Box>(&log);
  const auto writer = system.spawn<Writer>({.name = "writer"});
  writer.send(Write{box});
  system.advance(10ms);
  CHECK(log.lines() == Lines{"from writer", "from nobody"});
  box.send(Open{});
  system.advance(10ms);
  CHECK(log.lines() == Lines{"from writer", "from nobody", "from writer", "from nobody"});
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
