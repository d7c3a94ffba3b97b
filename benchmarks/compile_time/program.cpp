#include <coppice/coppice.hpp>

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

struct Account : coppice::Actor<Account> {
  explicit Account(int opening) : balance{opening} {}
  int handle(Deposit deposit) { return balance += deposit.amount; }
  bool handle(Withdraw withdraw) {
    if (withdraw.amount > balance) return false;
    balance -= withdraw.amount;
    return true;
  }
  void handle(const Audit& audit) { std::printf("%s: %d\n", audit.reason.c_str(), balance); }
  int balance;
};

struct Tick {};

struct Customer : coppice::Actor<Customer> {
  explicit Customer(coppice::ActorRef<Account> a) : account{std::move(a)} {}
  void handle(Tick) {
    ask(account, Withdraw{10}, 1s).then([this](coppice::Result<bool, coppice::AskError> paid) {
      if (!paid || !*paid) stop();
    });
  }
  coppice::ActorRef<Account> account;
};

int main() {
  coppice::ActorSystem system;
  const auto account = system.spawn<Account>(100);
  system.spawn<Customer>(account).send(Tick{});
  account.send(Audit{"at noon"});
  return account.ask(Deposit{5}, 1s).get() ? 0 : 1;
}
