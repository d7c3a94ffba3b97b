// Sagas that go on after a crash. docs/how-to/run_durable_sagas.md quotes this file.

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include <coppice/coppice.hpp>
#include <coppice/patterns/saga.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

/// Stands for a database: what is in it is committed.
struct Accounts {
  int cents = 100;
  std::map<std::string, SagaAnswer> answers;  // by key
};

/// Takes what an order costs, once, however often it is asked.
struct Bank : Actor<Bank> {
  explicit Bank(std::shared_ptr<Accounts> a) : accounts_{std::move(a)} {}

  SagaAnswer handle(const SagaCall& call) {
    if (const auto known = accounts_->answers.find(call.key()); known != accounts_->answers.end()) return known->second;
    // One transaction: the effect, and the key with its answer.
    return accounts_->answers[call.key()] = call.action == SagaAction::Do ? charge(call) : refund(call);
  }

 private:
  SagaAnswer charge(const SagaCall& call) {
    const int price = std::stoi(call.payload);
    if (accounts_->answers.contains(call.saga + "/charge/undo")) return SagaAnswer::refused("it is refunded");
    if (accounts_->cents < price) return SagaAnswer::refused("card declined");
    accounts_->cents -= price;
    return SagaAnswer::done();
  }
  SagaAnswer refund(const SagaCall& call) {
    const auto charged = accounts_->answers.find(call.saga + "/charge/do");
    if (charged != accounts_->answers.end() && charged->second.is_done) accounts_->cents += std::stoi(call.payload);
    return SagaAnswer::done();
  }
  std::shared_ptr<Accounts> accounts_;
};

/// Ships nothing above 50 cents.
struct Carrier : Actor<Carrier> {
  SagaAnswer handle(const SagaCall& call) {
    return std::stoi(call.payload) > 50 ? SagaAnswer::refused("too heavy") : SagaAnswer::done();
  }
};

struct Order {
  std::string id;
  int cents;
};
struct Shop : Actor<Shop> {
  explicit Shop(ActorRef<SagaCoordinator> s) : sagas{std::move(s)} {}
  void handle(const Order& order) {
    retry(*this, {.attempts = 1'000}, [this, order] {
      return ask(sagas, BeginSaga{order.id, std::to_string(order.cents)}, kForever);
    }).then([this, order](const Result<SagaEnd, AskError>& end) {
      outcomes[order.id] = !end ? to_string(end.error()) : end->completed ? "shipped" : end->reason;
    });
  }
  std::map<std::string, std::string> handle(bool) const { return outcomes; }
  ActorRef<SagaCoordinator> sagas;
  std::map<std::string, std::string> outcomes;
};

std::shared_ptr<const SagaRules> make_rules(const ActorRef<Bank>& bank, const ActorRef<Carrier>& carrier) {
  const RetryOptions patient{.attempts = 4, .first = 50ms, .cap = 1s, .within = 30s};
  return std::make_shared<const SagaRules>(
      SagaPlan{.stages = {
                   {{.name = "charge", .participant = bank, .retry = patient}},
                   {{.name = "ship", .participant = carrier, .pivot = true, .retry = patient}},
               }});
}

TEST_CASE("a saga is done or undone although its coordinator crashes") {
  testing::TestSystem system{{.seed = 42}};
  const auto accounts = std::make_shared<Accounts>();
  const auto journal = std::make_shared<InMemorySagaJournal>();  // or SqliteJournal::open({.path = "sagas.db"})

  const auto bank = system.spawn<Bank>(accounts);
  const auto carrier = system.spawn<Carrier>();
  const auto writer = system.spawn<SagaJournalWriter>(std::shared_ptr<SagaJournal>{journal});
  const auto root = system.start(
      supervisor({.id = "sagas"}, child<SagaCoordinator>({.id = "coordinator"}, make_rules(bank, carrier), writer)));
  const auto coordinator = root->child<SagaCoordinator>("coordinator").value();
  const auto shop = system.spawn<Shop>(coordinator);
  shop.send(Order{"1", 40});
  shop.send(Order{"2", 55});
  shop.send(Order{"3", 90});
  for (int i = 0; i < 10; ++i) system.step();
  system.crash(coordinator);
  system.advance(1s);

  auto outcomes = shop.ask(true, 1s);
  system.run_until_idle();
  const std::map<std::string, std::string> expected{{"1", "shipped"}, {"2", "too heavy"}, {"3", "card declined"}};
  CHECK(outcomes.get().value() == expected);
  CHECK(accounts->cents == 60);
  CHECK(journal->records().back().event != SagaEvent::Begun);
  CHECK(system.ledger().balances());
}

}  // namespace
