// Savina's programs of actors that work on what others have: accounts that pay each other, a dictionary.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../../support/harness.hpp"
#include "coppice/coroutine.hpp"
#include "suite.hpp"

namespace coppice::bench {
namespace {

// ---- bank transactions: who pays waits until the other one has been paid, and handles nothing meanwhile ----

struct Debit {
  std::int64_t amount;
};
struct Account;
struct Credit {
  std::int64_t amount;
  ActorRef<Account> to;
};
struct Done {};
struct Report {};
struct Account : Actor<Account> {
  using Teller = ActorRef<Protocol<void(Done)>>;
  Account(Teller t, std::int64_t* b) : teller{std::move(t)}, at_last{b} {}
  bool handle(Debit debit) {
    balance += debit.amount;
    return true;
  }
  Task<void> handle(Credit credit) {
    balance -= credit.amount;
    const Result<bool, AskError> done = co_await ask<Debit>(credit.to, std::chrono::seconds{30}, credit.amount);
    require(done && *done, "a debit got no answer");
    teller.send(Done{});
  }
  void handle(Report) { *at_last = balance; }
  Teller teller;
  std::int64_t* at_last;
  std::int64_t balance = kBalance;
};
struct Transfer {
  std::int64_t transactions;
};
struct Teller : Actor<Teller> {
  Teller(Finish* f, const std::vector<ActorRef<Account>>* a) : finish{f}, accounts{a} {}
  void handle(Transfer transfer) {
    left = transfer.transactions;
    for (std::int64_t i = 0; i < transfer.transactions; ++i) {
      // From the lower four fifths to one above: nobody waits for himself, and no circle of accounts for each other.
      const auto from = draw(seed) % (kAccounts / 10 * 8);
      const auto to = from + 1 + draw(seed) % (kAccounts - from - 1);
      (*accounts)[from].send(Credit{static_cast<std::int64_t>(draw(seed) % 1'000), (*accounts)[to]});
    }
  }
  void handle(Done) {
    if (--left == 0) finish->reach();
  }
  Finish* finish;
  const std::vector<ActorRef<Account>>* accounts;
  std::int64_t left = 0;
  std::uint64_t seed = kSeed;
};

Measurements bank(const Request& request) {
  Finish finish;
  std::vector<ActorRef<Account>> accounts;
  std::vector<std::int64_t> balances(kAccounts);
  ActorSystem system{default_options(request.workers)};
  const ActorRef<Teller> teller = system.spawn<Teller>(&finish, &accounts);
  for (auto& balance : balances) accounts.push_back(system.spawn<Account>(Account::Teller{teller}, &balance));
  const auto run = [&](std::int64_t transactions) {
    const Nanoseconds begun = now_ns();
    teller.send(Transfer{transactions});
    return finish.wait() - begun;
  };
  static_cast<void>(run(warm(request.size)));
  const Nanoseconds took = run(request.size);
  for (const auto& account : accounts) account.send(Report{});
  come_to_rest(system);
  std::int64_t money = 0;
  for (const std::int64_t balance : balances) money += balance;
  require(money == static_cast<std::int64_t>(kAccounts) * kBalance, "money was made or lost");
  const std::int64_t all = request.size + warm(request.size);
  // A transaction is a credit, a question and the word that it is done; the answer goes to the coroutine, past the mailbox.
  expect_all_handled(system, static_cast<std::uint64_t>(3 * all + 2) + kAccounts);
  return time_of("transaction", took, request.size);
}

// ---- a dictionary that is full from the start, which many workers read and some write ----

struct Found {
  std::int64_t value;
};
using Client = ActorRef<Protocol<void(Found)>>;
struct Write {
  Client from;
  std::uint64_t key;
  std::int64_t value;
};
struct Read {
  Client from;
  std::uint64_t key;
};
struct Dictionary : Actor<Dictionary> {
  explicit Dictionary(std::size_t* l) : left{l} {
    entries.reserve(kKeys);
    for (std::uint64_t key = 0; key < kKeys; ++key) entries.emplace(key, static_cast<std::int64_t>(key));
  }
  ~Dictionary() { *left = entries.size(); }
  void handle(const Write& write) {
    entries[write.key] = write.value;
    write.from.send(Found{write.value});
  }
  void handle(const Read& read) {
    const auto entry = entries.find(read.key);
    read.from.send(Found{entry == entries.end() ? -1 : entry->second});
  }
  std::size_t* left;
  std::unordered_map<std::uint64_t, std::int64_t> entries;
};
struct Begin {
  std::int64_t requests;
};
struct Reader : Actor<Reader> {
  Reader(Finish* f, std::atomic<std::int64_t>* w, ActorRef<Dictionary> d, std::uint64_t i)
      : finish{f}, working{w}, dictionary{std::move(d)}, seed{kSeed + i} {}
  void handle(Begin begin) {
    left = begin.requests;
    next();
  }
  void handle(Found found) {
    require(found.value >= 0, "a key is missing in the dictionary");
    if (--left > 0) return next();
    if (working->fetch_sub(1, std::memory_order_acq_rel) == 1) finish->reach();
  }
  void next() {
    const std::uint64_t key = draw(seed) % kKeys;
    if (draw(seed) % 100 < kWritesOfHundred) {
      dictionary.send(Write{self(), key, left});
    } else {
      dictionary.send(Read{self(), key});
    }
  }
  Finish* finish;
  std::atomic<std::int64_t>* working;
  ActorRef<Dictionary> dictionary;
  std::uint64_t seed;
  std::int64_t left = 0;
};

Measurements dictionary(const Request& request) {
  Finish finish;
  std::atomic<std::int64_t> working{0};
  std::size_t entries = 0;
  ActorSystem system{default_options(request.workers)};
  const ActorRef<Dictionary> words = system.spawn<Dictionary>(&entries);
  std::vector<ActorRef<Reader>> readers;
  readers.reserve(kDictionaryWorkers);
  for (std::uint64_t i = 0; i < kDictionaryWorkers; ++i)
    readers.push_back(system.spawn<Reader>(&finish, &working, words, i));
  const auto run = [&](std::int64_t requests) {
    working.store(kDictionaryWorkers);
    const Nanoseconds begun = now_ns();
    for (const auto& reader : readers) reader.send(Begin{requests});
    return finish.wait() - begun;
  };
  static_cast<void>(run(warm(request.size)));
  const Nanoseconds took = run(request.size);
  const std::int64_t sent = kDictionaryWorkers * (2 * (request.size + warm(request.size)) + 2);
  expect_all_handled(system, static_cast<std::uint64_t>(sent));
  require(entries == kKeys, "the dictionary has lost or gained a key");
  return time_of("request", took, request.size * kDictionaryWorkers);
}

}  // namespace

void add_sharing(Workloads& all) {
  all.push_back({"bank", &bank});
  all.push_back({"dictionary", &dictionary});
}

}  // namespace coppice::bench
