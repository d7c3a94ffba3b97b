#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

// call(): the blocking ask, which may run an idle actor on the calling thread.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;

struct Where {};
struct Add {
  int amount;
};
struct Hang {
  Gate* gate;
};
struct Crash {};
struct CallBack {};
struct Answer {
  int value;
};

struct Server : Actor<Server> {
  std::thread::id handle(Where) { return std::this_thread::get_id(); }
  int handle(Add add) {
    REQUIRE_FALSE(busy);
    busy = true;
    total += add.amount;
    busy = false;
    return total;
  }
  void handle(Hang hang) { hang.gate->pass(); }
  int handle(Crash) { throw std::runtime_error{"boom"}; }
  int handle(CallBack) {
    const auto inner = self().call(Add{1}, 1s);
    return inner ? 0 : static_cast<int>(inner.error());
  }
  Later<int> handle(Answer answer) {
    auto [promise, later] = reply_later<int>();
    helper = std::thread{[made = std::move(promise), answer]() mutable { made.set(answer.value); }};
    return std::move(later);
  }
  ~Server() {
    if (helper.joinable()) helper.join();
  }
  bool busy = false;
  int total = 0;
  std::thread helper;
};

TEST_CASE("a call to an idle actor runs it on the calling thread") {
  ActorSystem system;
  const auto server = system.spawn<Server>();
  REQUIRE(server.call(Add{0}, kPatience));
  REQUIRE(testing::eventually([&] { return server.call(Where{}, kPatience) == std::this_thread::get_id(); }));
  CHECK(server.call(Add{5}, kPatience) == 5);
  testing::check_end(system);
}

TEST_CASE("a call runs on a worker where the system or the actor's place says so") {
  SystemOptions options;
  options.callers_run = false;
  ActorSystem system{std::move(options)};
  const auto server = system.spawn<Server>();
  for (int i = 0; i < 20; ++i) CHECK(server.call(Where{}, kPatience).value() != std::this_thread::get_id());
  testing::check_end(system);

  const std::vector<unsigned> usable = thread_affinity();
  if (usable.empty()) return;  // the platform pins nothing
  ActorSystem usual;
  const auto thread = PinnedThread::make(usual, {.cpu = usable.front()});
  REQUIRE(thread);
  const auto pinned = usual.spawn<Server>({.on = thread.value()});
  for (int i = 0; i < 20; ++i) CHECK(pinned.call(Where{}, kPatience).value() != std::this_thread::get_id());
  testing::check_end(usual);
}

TEST_CASE("a call waits for an actor that is busy and not longer than it may") {
  ActorSystem system;
  Gate gate;
  const auto server = system.spawn<Server>();
  server.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  CHECK(server.call(Add{1}, 5ms) == Error{AskError::Timeout});
  CHECK(server.call(Add{1}, 0ms) == Error{AskError::Timeout});
  gate.open();
  CHECK(server.call(Add{1}, kPatience) == 3);  // the two that nobody waits for have been handled
  CHECK(testing::eventually([&] { return system.stats().late_replies == 2; }));
  testing::check_end(system);
}

TEST_CASE("a call hears of a crash of an end and of a later reply") {
  ActorSystem system{testing::quiet()};
  const auto server = system.spawn<Server>();
  REQUIRE(server.call(Add{0}, kPatience));
  CHECK(server.call(Answer{7}, kPatience) == 7);
  CHECK(server.call(Crash{}, kPatience) == Error{AskError::Crashed});
  REQUIRE(testing::has_ended(system, server));
  CHECK(server.call(Add{1}, kPatience) == Error{AskError::Closed});
  CHECK(ActorRef<Server>{}.call(Add{1}, kPatience) == Error{AskError::Closed});
  CHECK(ActorRef<Protocol<int(Add)>>{}.call(Add{1}, kPatience) == Error{AskError::Closed});
  testing::check_end(system);
}

TEST_CASE("a call on an actor's turn is rejected") {
  ActorSystem system;
  const auto server = system.spawn<Server>();
  CHECK(server.call(CallBack{}, kPatience) == static_cast<int>(AskError::Rejected));
  CHECK(ActorRef<Protocol<int(CallBack)>>{server}.call(CallBack{}, kPatience) == static_cast<int>(AskError::Rejected));
  testing::check_end(system);
}

TEST_CASE("calls of many threads are handled one at a time and none is lost") {  // P1, P12
  ActorSystem system{testing::two_workers()};
  const auto server = system.spawn<Server>();
  const int each = static_cast<int>(testing::scaled(20'000));
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        if (t == 0) {
          server.send(Add{1});
        } else if (!server.call(Add{1}, kPatience)) {
          ++failed;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failed == 0);
  CHECK(server.call(Add{0}, kPatience) == 4 * each);
  testing::check_end(system);
}

TEST_CASE("calls to bounded actors are answered or rejected") {
  ActorSystem system;
  Gate gate;
  const auto server = system.spawn<Server>({.mailbox = Bounded{1, Overflow::Reject}});
  CHECK(server.call(Add{1}, kPatience) == 1);
  server.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  REQUIRE(server.send(Add{1}) == Delivery::Accepted);
  CHECK(server.call(Add{1}, kPatience) == Error{AskError::Rejected});
  gate.open();
  CHECK(testing::eventually([&] { return server.call(Add{1}, kPatience).has_value(); }));
  testing::check_end(system);
}

TEST_CASE("a call in a test system runs its actors") {
  testing::TestSystem system;
  const auto server = system.spawn<Server>();
  CHECK(server.call(Add{4}, 1s) == 4);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
