// program.cpp for CAF 0.17.
#include <caf/all.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

using namespace std::chrono_literals;

struct Deposit {
  int amount;
};
struct Withdraw {
  int amount;
};
struct Audit {
  std::string reason;
};
struct Tick {};
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Deposit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Withdraw)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Audit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Tick)

class Account : public caf::event_based_actor {
 public:
  Account(caf::actor_config& config, int opening) : caf::event_based_actor{config}, balance{opening} {}
  caf::behavior make_behavior() override {
    return {[this](Deposit deposit) { return balance += deposit.amount; },
            [this](Withdraw withdraw) {
              if (withdraw.amount > balance) return false;
              balance -= withdraw.amount;
              return true;
            },
            [this](const Audit& audit) { std::printf("%s: %d\n", audit.reason.c_str(), balance); }};
  }
  int balance;
};

class Customer : public caf::event_based_actor {
 public:
  Customer(caf::actor_config& config, caf::actor a) : caf::event_based_actor{config}, account{std::move(a)} {}
  caf::behavior make_behavior() override {
    return {[this](Tick) {
      request(account, 1s, Withdraw{10})
          .then(
              [this](bool paid) {
                if (!paid) quit();
              },
              [this](const caf::error&) { quit(); });
    }};
  }
  caf::actor account;
};

int main() {
  caf::actor_system_config config;
  caf::actor_system system{config};
  const auto account = system.spawn<Account>(100);
  caf::anon_send(system.spawn<Customer>(account), Tick{});
  caf::anon_send(account, Audit{"at noon"});
  int result = 1;
  caf::scoped_actor self{system};
  self->request(account, 1s, Deposit{5}).receive([&](int) { result = 0; }, [](const caf::error&) {});
  return result;
}
