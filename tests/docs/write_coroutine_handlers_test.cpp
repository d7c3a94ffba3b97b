#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/actor/when.hpp"
#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"

// The code of docs/how-to/write_coroutine_handlers.md.

namespace coppice {
namespace {

using namespace std::chrono_literals;

struct Reserve {
  int amount;
  std::string what;
};
struct Charge {
  int amount;
};
struct Buy {
  int amount;
  std::string what;
};
struct Price {
  std::string what;
};

struct Stock : Actor<Stock> {
  int handle(const Reserve& reserve) { return left >= reserve.amount ? left -= reserve.amount : -1; }
  int left = 5;
};
struct Bank : Actor<Bank> {
  bool handle(Charge charge) { return charge.amount < 100; }
};

struct Shop : Actor<Shop> {
  Shop(ActorRef<Stock> s, ActorRef<Bank> b) : stock{std::move(s)}, bank{std::move(b)} {}

  Task<std::string> handle(Buy buy) {
    const Result<int, AskError> left = co_await ask<Reserve>(stock, 1s, buy.amount, buy.what);
    if (!left) co_return std::string{"the stock: "} + to_string(left.error());
    if (*left < 0) co_return "sold out";
    for (int tries = 0; tries < 3; ++tries) {
      const Result<bool, AskError> paid = co_await ask<Charge>(bank, 1s, buy.amount);
      if (paid && *paid) co_return buy.what;
      co_await sleep_for(100ms);
    }
    co_return "not paid";
  }

  ActorRef<Stock> stock;
  ActorRef<Bank> bank;
};

TEST_CASE("a shop that is a coroutine sells what is there") {
  testing::TestSystem system;
  const auto shop = system.spawn<Shop>(system.spawn<Stock>(), system.spawn<Bank>());
  CHECK(shop.ask(Buy{3, "apples"}, 5s).get().value() == "apples");
  CHECK(shop.ask(Buy{3, "apples"}, 5s).get().value() == "sold out");
  testing::check_end(system);
}

struct Seller : Actor<Seller> {
  explicit Seller(int p) : price{p} {}
  int handle(const Price&) const { return price; }
  int price;
};

struct Broker : Actor<Broker> {
  explicit Broker(std::vector<ActorRef<Seller>> all) : sellers{std::move(all)} {}

  ReentrantTask<int> handle(Price price) {
    std::vector<AskAwaitable<int>> asks;
    for (const auto& seller : sellers) asks.push_back(ask<Price>(seller, 50ms, price.what));
    int best = -1;
    for (const Result<int, AskError>& offer : co_await when_all(std::move(asks)))
      if (offer && (best < 0 || *offer < best)) best = *offer;
    co_return best;
  }
  void handle(Charge) {
    when_all(ask(sellers[0], Price{"apples"}, 1s), ask(sellers[1], Price{"pears"}, 1s))
        .then([this](Result<int, AskError> apples, Result<int, AskError> pears) {
          if (apples && pears) sum = *apples + *pears;
        });
  }
  int handle(Reserve) { return sum; }

  int sum = 0;
  std::vector<ActorRef<Seller>> sellers;
};

TEST_CASE("a broker asks all its sellers at once") {
  testing::TestSystem system;
  const auto broker = system.spawn<Broker>(
      std::vector<ActorRef<Seller>>{system.spawn<Seller>(3), system.spawn<Seller>(2), system.spawn<Seller>(7)});
  CHECK(broker.ask(Price{"apples"}, 1s).get().value() == 2);
  broker.send(Charge{1});
  system.run_until_idle();
  CHECK(broker.ask(Reserve{1, "x"}, 1s).get().value() == 5);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
