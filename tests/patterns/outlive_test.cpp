#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/patterns/cancel_token.hpp"
#include "coppice/patterns/circuit_breaker.hpp"
#include "coppice/patterns/rate_limiter.hpp"
#include "coppice/patterns/router.hpp"
#include "coppice/patterns/routing_strategy.hpp"
#include "coppice/patterns/state_cell.hpp"
#include "coppice/system/process_groups.hpp"
#include "coppice/system/registry.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"

// Whatever a program holds of a system may go after it. AddressSanitizer is the judge of most of it; refs, futures and
// timers are in tests/system/lifetime_test.cpp.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;

struct Tick {};
struct Give {};
struct Watch {};
struct Cancelled {};

struct Keeper : Actor<Keeper> {
  explicit Keeper(std::shared_ptr<StateCell<std::string>> c = {}) : cell{std::move(c)} {
    token = cancel_with(*this);
    if (cell) cell->set("a value that is too long for a small string");
  }
  void handle(Tick) {}
  void handle(const Down&) {}
  Pipe<Tick> handle(Give) { return pipe_to_self(Tick{}); }
  WatchId handle(Watch) { return watch(self()); }
  CancelToken handle(Cancelled) { return token; }
  std::shared_ptr<StateCell<std::string>> cell;
  CancelToken token;
};

TEST_CASE("subscriptions and brokers may go after their system and in any order") {  // F3 R7
  for (const bool broker_first : {false, true}) {
    std::optional<ActorSystem> system{std::in_place, testing::two_workers()};
    std::optional<InMemoryBroker> broker{std::in_place, *system, BrokerOptions{.dead_letters = "dead"}};
    const auto keeper = system->spawn<Keeper>();
    Subscription subscription = broker->subscribe<Tick>("a.>", keeper);
    Subscription bounded =
        broker->subscribe<Tick>("a.b", keeper, {.bound = Bounded{.capacity = 2, .overflow = Overflow::DropOldest}});
    Subscription moved = std::move(subscription);
    broker->publish("a.b", Tick{}, {.retain = true});
    testing::check_end(*system);
    if (broker_first) broker.reset();
    system.reset();
    if (broker) {
      CHECK(broker->publish("a.b", Tick{}).delivered == 0);
      CHECK_FALSE(broker->subscribe<Tick>("a.>", keeper).status());
    }
    moved.cancel();
    broker.reset();
    bounded.cancel();
  }
}

TEST_CASE("tokens sources and registrations of cancellations may go after their system") {  // F78 R7
  std::atomic<int> called{0};
  CancelToken of_a_life;
  CancelRegistration registration;
  CancelRegistration other;
  std::optional<CancelSource> source;
  {
    ActorSystem system{testing::two_workers()};
    const auto keeper = system.spawn<Keeper>();
    of_a_life = keeper.ask(Cancelled{}, kPatience).get().value();
    source.emplace(system);
    source->cancel_after(1h);
    registration = source->token().on_cancel([&] { ++called; });
    other = of_a_life.on_cancel([&] { ++called; });
  }
  CHECK(of_a_life.is_cancelled());
  CHECK(called == 1);
  CHECK(source->cancel());
  CHECK(called == 2);
  registration.reset();
  const CancelSource below{source->token()};
  CHECK(below.is_cancelled());
}

TEST_CASE("pipes watches names routers and their like may go after their system") {  // R7
  std::optional<Pipe<Tick>> pipe;
  std::optional<Pipe<Tick>> dropped;
  WatchId watch;
  NamedRef<Keeper> named;
  std::optional<Router<Keeper, RoundRobin>> router;
  std::optional<CircuitBreaker> breaker;
  std::optional<RateLimiter> limiter;
  AnyRef any;
  const auto cell = std::make_shared<StateCell<std::string>>(std::string{});
  {
    ActorSystem system{testing::two_workers()};
    const auto keeper = system.spawn<Keeper>({.name = "keeper"}, cell);
    pipe.emplace(keeper.ask(Give{}, kPatience).get().value());
    dropped.emplace(keeper.ask(Give{}, kPatience).get().value());
    watch = keeper.ask(Watch{}, kPatience).get().value();
    named = system.named<Keeper>("keeper");
    router.emplace(system, std::vector{keeper});
    breaker.emplace(system);
    limiter.emplace(system, RateLimit{});
    any = keeper;
  }
  (*pipe)(Tick{});
  pipe.reset();
  dropped.reset();
  CHECK(named.send(Tick{}) == Delivery::Closed);
  CHECK(router->send(Tick{}) == Delivery::Closed);
  CHECK(router->send(Tick{}) == Delivery::Closed);
  const CircuitBreaker copy = *breaker;
  breaker.reset();
  CHECK(any.is_closed());
  CHECK(*cell->peek() == "a value that is too long for a small string");
}

}  // namespace
}  // namespace coppice
