#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"

// Actors that do what they please where they please. Whatever comes of it, each ends once, nothing is lost and nothing
// is left.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;

struct Note {};
struct Quit {};
struct Ask {};

struct Bystander : Actor<Bystander> {
  explicit Bystander(std::atomic<int>* a) : alive{a} { ++*alive; }
  ~Bystander() { --*alive; }
  int handle(Ask) { return 1; }
  void handle(Note) {}
  std::atomic<int>* alive;
};

enum class Where { Constructor, Start, Handler, Continuation, Stop, Destructor };

/// Does everything an actor can do, at one place in its life; throws there as well if it is told to.
struct Hostile : Actor<Hostile> {
  Hostile(Where w, bool t, ActorRef<Bystander> o, std::atomic<int>* a)
      : where{w}, throws{t}, other{std::move(o)}, alive{a}, count{alive} {
    at(Where::Constructor);
  }
  ~Hostile() noexcept(false) { at(Where::Destructor); }
  void on_start() {
    at(Where::Start);
    ask(other, Ask{}, kPatience).then([this](const Result<int, AskError>&) { at(Where::Continuation); });
  }
  void on_stop(const ExitReason&) { at(Where::Stop); }
  void handle(Note) { at(Where::Handler); }
  void handle(Quit) { stop(); }
  void handle(Down) {}
  void handle(ExitSignal) {}
  int handle(Ask) { return 2; }

  void at(Where now_at) {
    if (now_at != where) return;
    self().send(Note{}, {.reply_to = self()});
    other.send(Note{}, {.reply_to = self()});
    spawn<Bystander>(alive);
    system().spawn<Bystander>(alive).send(Note{});
    timer = send_after(1h, Note{});
    send_after(Duration{0}, Quit{}).detach();
    send_every(1h, Note{}).detach();
    ask(other, Ask{}, kForever).then([keep = std::make_shared<int>(1)](const Result<int, AskError>&) {});
    ask(self(), Ask{}, kForever).then([](const Result<int, AskError>&) {});
    watch(other);
    unwatch(watch(other));
    watch(self());
    link(self());
    link(other);
    unlink(other);
    trap_exits();
    trap_exits(false);
    static_cast<void>(path());
    static_cast<void>(info());
    static_cast<void>(sender());
    static_cast<void>(message_count());
    if (throws) throw std::runtime_error{"hostile"};
  }

  struct Count {  // counts the life even when the constructor throws
    explicit Count(std::atomic<int>* a) : alive{a} { ++*alive; }
    ~Count() { --*alive; }
    std::atomic<int>* alive;
  };
  Where where;
  bool throws;
  ActorRef<Bystander> other;
  std::atomic<int>* alive;
  Count count;
  TimerHandle timer;
};

TEST_CASE("an actor may do anything anywhere in its life") {  // R9, P6
  for (const bool throws : {false, true}) {
    for (const Where where :
         {Where::Constructor, Where::Start, Where::Handler, Where::Continuation, Where::Stop, Where::Destructor}) {
      CAPTURE(throws, static_cast<int>(where));
      std::atomic<int> alive{0};
      {
        ActorSystem system{testing::quiet(testing::two_workers())};
        const auto other = system.spawn<Bystander>(&alive);
        for (int i = 0; i < 20; ++i) {
          const auto hostile = system.spawn<Hostile>(where, throws, other, &alive);
          hostile.send(Note{});
          hostile.send(Quit{});
          if (i % 2 == 0) static_cast<void>(system.stop(hostile));
          REQUIRE(testing::eventually([&] { return hostile.is_closed(); }));
        }
        CHECK(other.ask(Ask{}, kPatience).get() == Result<int, AskError>{1});
        REQUIRE(testing::at_rest(system));
        testing::check_end(system);
      }
      CHECK(alive == 0);
    }
  }
}

TEST_CASE("an actor that watches and links itself ends as any other") {
  struct Narcissus : Actor<Narcissus> {
    Narcissus() {
      watch(self());
      link(self());
    }
    void handle(Down) {}
    void handle(Quit) { stop(ExitReason::error("enough")); }
  };
  ActorSystem system{testing::quiet()};
  const auto narcissus = system.spawn<Narcissus>();
  narcissus.send(Quit{});
  REQUIRE(testing::eventually([&] { return narcissus.is_closed(); }));
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

TEST_CASE("a ring of links ends as a whole") {
  struct Linked : Actor<Linked> {
    explicit Linked(AnyRef to) {
      if (to) link(to);
    }
    void handle(Quit) { stop(ExitReason::error("chain reaction")); }
    void handle(AnyRef to) { link(to); }
    int handle(Ask) { return 1; }
  };
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto first = system.spawn<Linked>(AnyRef{});
  ActorRef<Linked> last = first;
  for (int i = 0; i < 200; ++i) last = system.spawn<Linked>(AnyRef{last});
  first.send(AnyRef{last});
  REQUIRE(last.ask(Ask{}, kPatience).get());
  REQUIRE(first.ask(Ask{}, kPatience).get());
  first.send(Quit{});
  REQUIRE(testing::eventually([&] { return system.stats().actors == 0; }));
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

TEST_CASE("a handler that stops its actor twice and then throws ends it once") {
  struct Undecided : Actor<Undecided> {
    void handle(Quit) {
      stop(ExitReason::normal());
      stop(ExitReason::error("or not"));
      throw std::runtime_error{"whatever"};
    }
    void on_stop(const ExitReason&) { ++*stops; }
    explicit Undecided(std::atomic<int>* s) : stops{s} {}
    std::atomic<int>* stops;
  };
  std::atomic<int> stops{0};
  ActorSystem system{testing::quiet()};
  const auto undecided = system.spawn<Undecided>(&stops);
  undecided.send(Quit{});
  REQUIRE(testing::eventually([&] { return undecided.is_closed(); }));
  testing::check_end(system);
  CHECK(stops == 1);
}

TEST_CASE("a timer may be cancelled in its own tick and a watch undone in its own down") {
  struct Tidy : Actor<Tidy> {
    explicit Tidy(ActorRef<Bystander> o) {
      id = watch(o);
      timer = send_every(1ms, Note{});
    }
    void handle(Note) {
      timer.cancel();
      ++ticks;
    }
    void handle(Down) { unwatch(id); }
    int handle(Ask) { return ticks; }
    WatchId id;
    TimerHandle timer;
    int ticks = 0;
  };
  std::atomic<int> alive{0};
  ActorSystem system;
  const auto other = system.spawn<Bystander>(&alive);
  const auto tidy = system.spawn<Tidy>(other);
  REQUIRE(testing::eventually([&] { return tidy.message_count() == 1; }));
  REQUIRE(system.stop(other).get());
  REQUIRE(testing::eventually([&] { return tidy.message_count() == 2; }));
  CHECK(tidy.ask(Ask{}, kPatience).get() == Result<int, AskError>{1});
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
