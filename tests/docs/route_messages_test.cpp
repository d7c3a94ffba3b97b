// Messages for many actors alike. docs/how-to/route_messages.md quotes this file.

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>

#include <coppice/coppice.hpp>
#include <coppice/pool.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Booking {
  std::string customer;
  int amount;
};
struct Total {};

/// Books what customers pay.
struct Clerk : Actor<Clerk> {
  int handle(const Booking& booking) {
    if (booking.amount < 0) throw std::invalid_argument{"a negative amount"};
    return total += booking.amount;
  }
  int handle(Total) const { return total; }
  int total = 0;
};

SupervisorSpec office() {
  return supervisor(
      {.id = "office"},
      pool<Clerk>(
          {.id = "clerks", .size = 4, .backoff = Exponential{.first = 100ms}, .worker = {.mailbox = Bounded{1'000}}}));
}

struct CustomerOf {
  const std::string& operator()(const Booking& booking) const { return booking.customer; }
};

/// Asks one of the clerks.
struct Counter : Actor<Counter> {
  explicit Counter(Router<Clerk, LeastLoaded> c) : clerks{std::move(c)} {}
  void handle(const Booking& booking) {
    clerks.ask(*this, booking, 1s).then([this](Result<int, AskError> total) {
      if (total) ++booked;
    });
  }
  int handle(Total) const { return booked; }
  Router<Clerk, LeastLoaded> clerks;
  int booked = 0;
};

/// A strategy of one's own: as long as the first ones keep up, the others may sleep.
struct FirstIdle {
  static constexpr bool kCountsLoad = true;
  std::size_t choose(const Candidates& among) const noexcept {
    for (std::size_t i = 0; i < among.size(); ++i)
      if (among.load(i) == 0) return i;
    return static_cast<std::size_t>(among.turn() % among.size());
  }
};

}  // namespace

TEST_CASE("bookings go to a pool of clerks") {
  testing::TestSystem system{{.seed = 42}};
  const auto root = system.start(office()).value();
  const auto clerks = pool_router<Clerk>(system, root.child<Supervisor>("clerks").value(), LeastLoaded{}).value();

  for (int amount = 1; amount <= 100; ++amount) clerks.send(Booking{"bob", amount});
  CHECK(clerks.load(clerks.members()[0]) == 25);
  system.run_until_idle();
  CHECK(clerks.load(clerks.members()[0]) == 0);

  CHECK_FALSE(clerks.ask(Booking{"eve", -1}, 1s).get());  // crashes one of them
  CHECK(clerks.ask(Booking{"bob", 1}, 1s).get());         // another one is there
}

TEST_CASE("a customer has one clerk") {
  testing::TestSystem system{{.seed = 42}};
  const auto root = system.start(office()).value();
  const auto office_clerks = root.child<Supervisor>("clerks").value();
  auto clerks = pool_router<Clerk>(system, office_clerks, ConsistentHash{CustomerOf{}}).value();

  const auto bobs = clerks.pick(Booking{"bob", 0});
  clerks.send(Booking{"bob", 1});
  clerks.send(Booking{"bob", 2});
  CHECK(bobs.ask(Total{}, 1s).get().value() == 3);

  clerks.leave(bobs);
  CHECK(clerks.pick(Booking{"bob", 0}) != bobs);
  clerks.join(bobs);
  CHECK(clerks.pick(Booking{"bob", 0}) == bobs);
}

TEST_CASE("an actor asks whoever of a pool has least to do") {
  testing::TestSystem system{{.seed = 42}};
  const auto root = system.start(office()).value();
  const auto clerks = pool_router<Clerk>(system, root.child<Supervisor>("clerks").value(), LeastLoaded{}).value();
  const auto counter = system.spawn<Counter>(clerks);
  for (int i = 0; i < 3; ++i) counter.send(Booking{"bob", 1});
  system.run_until_idle();
  CHECK(counter.ask(Total{}, 1s).get().value() == 3);
}

TEST_CASE("a strategy of one's own lets the others sleep") {
  testing::TestSystem system{{.seed = 42}};
  const auto root = system.start(office()).value();
  const auto clerks = pool_router<Clerk>(system, root.child<Supervisor>("clerks").value(), FirstIdle{}).value();
  for (int i = 0; i < 10; ++i) {
    clerks.send(Booking{"bob", 1});
    system.run_until_idle();
  }
  CHECK(clerks.members()[0].message_count() == 10);
}
