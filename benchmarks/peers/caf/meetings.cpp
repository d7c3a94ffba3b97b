// CAF: Savina's programs of actors that must agree.

#include <chrono>
#include <deque>
#include <thread>
#include <unordered_map>

#include "stage.hpp"

namespace coppice::bench {
namespace {

// ---- chameneos ----

struct Mall : Base {
  Mall(caf::actor_config& c, Stage* s, Value n) : Base{c}, stage{s}, left{n} {}
  behavior make_behavior() override {
    return {[this](const actor& from, Reply colour) {
              if (left == 0) return send(from, Begin{0});
              if (waiting == nullptr) {
                waiting = from;
                return;
              }
              --left;
              send(waiting, from, colour);
              waiting = nullptr;
            },
            [this](Value met) {
              sum += met;
              if (++counts < kChameneos) return;
              stage->handled = sum;
              stage->finish.reach();
            }};
  }
  void on_exit() override { waiting = nullptr; }
  Stage* stage;
  Value left;
  actor waiting;
  Value sum = 0;
  int counts = 0;
};
struct Creature : Base {
  Creature(caf::actor_config& c, actor m, Reply i) : Base{c}, mall{std::move(m)}, colour{i} {}
  void meet() {
    ++met;
    send(mall, caf::actor_cast<actor>(this), colour);
  }
  behavior make_behavior() override {
    return {[this](const actor& from, Reply other) {
              if (other != colour) colour = 3 - other - colour;
              send(from, colour);
              meet();
            },
            [this](Reply other) {
              colour = other;
              meet();
            },
            [this](Begin) { send(mall, met); }};
  }
  void on_exit() override { mall = nullptr; }
  actor mall;
  Reply colour;
  Value met = 0;
};
Measurements chameneos(const Request& request) {
  Stage stage{request.workers};
  const actor mall = stage.spawn<Mall>(&stage, request.size);
  std::vector<actor> all;
  for (int i = 0; i < kChameneos; ++i) all.push_back(stage.spawn<Creature>(mall, Reply{i % 3}));
  const Nanoseconds begun = now_ns();
  for (int i = 0; i < kChameneos; ++i) caf::anon_send(mall, all[static_cast<std::size_t>(i)], Reply{i % 3});
  const Nanoseconds took = stage.finish.wait() - begun;
  require(stage.handled == 2 * request.size, "a meeting is missing");
  all.push_back(mall);
  stage.end(all);
  return time_of("meeting", took, request.size);
}

// ---- bank transactions: who pays waits until the other one has been paid, and handles nothing meanwhile ----

struct Account : Base {
  Account(caf::actor_config& c, Stage* s, actor t) : Base{c}, stage{s}, teller{std::move(t)} {}
  behavior make_behavior() override {
    return {[this](Reply debit) {
              balance += debit;
              return true;
            },
            [this](Value amount, const actor& to) {
              balance -= amount;
              request(to, caf::infinite, static_cast<Reply>(amount)).await([this](bool) { send(teller, Begin{1}); });
            }};
  }
  void on_exit() override {
    stage->handled += balance;
    teller = nullptr;
  }
  Stage* stage;
  actor teller;
  Value balance = kBalance;
};
struct Teller : Base {
  Teller(caf::actor_config& c, Stage* s, const std::vector<actor>* a) : Base{c}, stage{s}, accounts{a} {}
  behavior make_behavior() override {
    return {[this](Value transactions) {
              left = transactions;
              for (Value i = 0; i < transactions; ++i) {
                const auto from = draw(seed) % (kAccounts / 10 * 8);
                const auto to = from + 1 + draw(seed) % (kAccounts - from - 1);
                send((*accounts)[from], static_cast<Value>(draw(seed) % 1'000), (*accounts)[to]);
              }
            },
            [this](Begin) {
              if (--left == 0) stage->finish.reach();
            }};
  }
  Stage* stage;
  const std::vector<actor>* accounts;
  Value left = 0;
  std::uint64_t seed = kSeed;
};
Measurements bank(const Request& request) {
  Stage stage{request.workers};
  std::vector<actor> accounts;
  const actor teller = stage.spawn<Teller>(&stage, &accounts);
  for (std::uint64_t i = 0; i < kAccounts; ++i) accounts.push_back(stage.spawn<Account>(&stage, teller));
  const auto run = [&](Value transactions) {
    const Nanoseconds begun = now_ns();
    caf::anon_send(teller, transactions);
    return stage.finish.wait() - begun;
  };
  run(warm(request.size));
  const Nanoseconds took = run(request.size);
  accounts.push_back(teller);
  stage.end(accounts);
  require(stage.handled == static_cast<Value>(kAccounts) * kBalance, "money was made or lost");
  return time_of("transaction", took, request.size);
}

// ---- the sleeping barber: each customer is an actor, and who finds the waiting room full comes again at once ----

/// What one actor sent and what it handled, on a line of memory of its own; only that actor writes.
struct alignas(64) Tally {
  std::atomic<Value> sent{0};
  std::atomic<Value> handled{0};
};
void add(std::atomic<Value>& count, Value more) {
  count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_release);
}
struct Counting : Base {
  Counting(caf::actor_config& c, Tally* t) : Base{c}, tally{t} {}
  void heard() { add(tally->handled, 1); }
  template <class... M>
  void tell(const actor& to, const M&... message) {
    add(tally->sent, 1);
    send(to, message...);
  }
  Tally* tally;
};

enum Word : Begin { kFull, kWait, kStart, kDone };
struct Customer : Base {
  Customer(caf::actor_config& c, actor f) : Base{c}, factory{std::move(f)} {}
  behavior make_behavior() override {
    return {[this](Begin word) {
      ++heard;
      if (word == kFull) return send(factory, caf::actor_cast<actor>(this));
      if (word != kDone) return;
      send(factory, heard);
      quit();
    }};
  }
  void on_exit() override { factory = nullptr; }
  actor factory;
  Value heard = 0;
};
struct Barber : Counting {
  using Counting::Counting;
  behavior make_behavior() override {
    return {[this](const actor& customer, const actor& room) {
              heard();
              tell(customer, Begin{kStart});
              work(seed);
              ++shorn;
              tell(customer, Begin{kDone});
              tell(room, Begin{1});
            },
            [this](Begin) { heard(); }};
  }
  std::atomic<Value> shorn{0};
  std::uint64_t seed = kSeed + 1;
};
struct Room : Counting {
  Room(caf::actor_config& c, Tally* t, actor b) : Counting{c, t}, barber{std::move(b)} {}
  behavior make_behavior() override {
    return {[this](const actor& customer, const actor&) {
              heard();
              if (waiting.size() == kChairs) return tell(customer, Begin{kFull});
              waiting.push_back(customer);
              if (!asleep) return tell(customer, Begin{kWait});
              asleep = false;
              tell(caf::actor_cast<actor>(this), Begin{1});
            },
            [this](Begin) {
              heard();
              asleep = waiting.empty();
              if (asleep) return tell(barber, Begin{kWait});
              tell(barber, waiting.front(), caf::actor_cast<actor>(this));
              waiting.pop_front();
            }};
  }
  void on_exit() override { barber = nullptr; }
  actor barber;
  std::deque<actor> waiting;
  bool asleep = true;
};
struct Factory : Counting {
  Factory(caf::actor_config& c, Stage* s, Tally* t, Tally* all, actor r)
      : Counting{c, t}, stage{s}, customers{all}, room{std::move(r)} {}
  behavior make_behavior() override {
    return {[this](Begin, Value haircuts) {
              heard();
              left = haircuts;
              const auto me = caf::actor_cast<actor>(this);
              for (Value i = 0; i < haircuts; ++i) {
                tell(room, spawn<Customer>(me), room);
                work(seed);
              }
            },
            [this](const actor& returned) {
              heard();
              add(customers->sent, 1);
              tell(room, returned, room);
            },
            [this](Value heard_by_customer) {
              heard();
              add(customers->sent, 1);
              add(customers->handled, heard_by_customer);
              if (--left == 0) stage->finish.reach();
            }};
  }
  void on_exit() override { room = nullptr; }
  Stage* stage;
  Tally* customers;
  actor room;
  Value left = 0;
  std::uint64_t seed = kSeed;
};
/// The barber's last word to the room may be under way when the last haircut is known of.
Value sent_and_handled(const std::vector<Tally>& tallies, Value from_outside) {
  const Nanoseconds begun = now_ns();
  for (;;) {
    Value sent = 0;
    Value handled = -from_outside;
    for (const Tally& one : tallies) handled += one.handled.load(std::memory_order_acquire);
    for (const Tally& one : tallies) sent += one.sent.load(std::memory_order_acquire);
    if (sent == handled) return sent;
    require(now_ns() - begun < Nanoseconds{60'000'000'000}, "a message is missing in the barber's shop");
    std::this_thread::sleep_for(std::chrono::microseconds{50});
  }
}

Measurements barber(const Request& request) {
  Stage stage{request.workers};
  std::vector<Tally> tallies(4);  // the last is the customers', kept by the factory
  const actor scissors = stage.spawn<Barber>(&tallies[0]);
  const actor room = stage.spawn<Room>(&tallies[1], scissors);
  const actor factory = stage.spawn<Factory>(&stage, &tallies[2], &tallies[3], room);
  const Nanoseconds begun = now_ns();
  caf::anon_send(factory, Begin{1}, request.size);
  const Nanoseconds took = stage.finish.wait() - begun;
  const Value sent = sent_and_handled(tallies, 1);
  require(caf::actor_cast<Barber*>(scissors)->shorn == request.size, "a haircut is missing");
  stage.end({factory, scissors, room});
  return {{"haircut", each(took, request.size), "ns"}, {"messages", each(sent, request.size), "a haircut"}};
}

// ---- dining philosophers ----

struct Arbiter : Base {
  Arbiter(caf::actor_config& c, const std::vector<actor>* p) : Base{c}, philosophers{p} {}
  behavior make_behavior() override {
    return {[this](Value seat) {
              const auto left = static_cast<std::size_t>(seat);
              const auto right = (left + 1) % kPhilosophers;
              const bool free = !taken[left] && !taken[right];
              if (free) taken[left] = taken[right] = true;
              send((*philosophers)[left], Reply{free});
            },
            [this](Begin seat) { taken[seat] = taken[(seat + 1) % kPhilosophers] = false; }};
  }
  const std::vector<actor>* philosophers;
  bool taken[kPhilosophers] = {};
};
struct Philosopher : Base {
  Philosopher(caf::actor_config& c, Stage* s, actor a, Value i, Value m)
      : Base{c}, stage{s}, arbiter{std::move(a)}, seat{i}, meals{m} {}
  behavior make_behavior() override {
    return {[this](Begin) { send(arbiter, seat); },
            [this](Reply eats) {
              if (eats == 0) return send(arbiter, seat);
              send(arbiter, static_cast<Begin>(seat));
              if (--meals > 0) return send(arbiter, seat);
              if (stage->handled.fetch_sub(1) == 1) stage->finish.reach();
            }};
  }
  void on_exit() override { arbiter = nullptr; }
  Stage* stage;
  actor arbiter;
  Value seat;
  Value meals;
};
Measurements philosophers(const Request& request) {
  Stage stage{request.workers};
  stage.handled = kPhilosophers;
  std::vector<actor> all;
  const actor arbiter = stage.spawn<Arbiter>(&all);
  for (Value i = 0; i < static_cast<Value>(kPhilosophers); ++i)
    all.push_back(stage.spawn<Philosopher>(&stage, arbiter, i, request.size));
  const Nanoseconds begun = now_ns();
  for (const actor& one : all) caf::anon_send(one, Begin{1});
  const Nanoseconds took = stage.finish.wait() - begun;
  all.push_back(arbiter);
  stage.end(all);
  return time_of("meal", took, request.size * static_cast<Value>(kPhilosophers));
}

// ---- a dictionary that is full from the start, which many workers read and some write ----

struct Dictionary : Base {
  Dictionary(caf::actor_config& c, std::size_t* l) : Base{c}, left{l} {
    entries.reserve(kKeys);
    for (Value key = 0; key < static_cast<Value>(kKeys); ++key) entries.emplace(key, static_cast<Reply>(key));
  }
  behavior make_behavior() override {
    return {[this](Value key) {
              const auto entry = entries.find(key);
              return entry == entries.end() ? Reply{-1} : entry->second;
            },
            [this](Value key, Reply value) {
              entries[key] = value;
              return value;
            }};
  }
  void on_exit() override { *left = entries.size(); }
  std::size_t* left;
  std::unordered_map<Value, Reply> entries;
};
struct Reader : Base {
  Reader(caf::actor_config& c, Stage* s, actor d, std::uint64_t i)
      : Base{c}, stage{s}, dictionary{std::move(d)}, seed{kSeed + i} {}
  behavior make_behavior() override {
    return {[this](Value requests) {
              left = requests;
              next();
            },
            [this](Reply found) {
              require(found >= 0, "a key is missing in the dictionary");
              if (--left > 0) return next();
              if (stage->handled.fetch_sub(1) == 1) stage->finish.reach();
            }};
  }
  void next() {
    const auto key = static_cast<Value>(draw(seed) % kKeys);
    if (draw(seed) % 100 < kWritesOfHundred) return send(dictionary, key, static_cast<Reply>(left));
    send(dictionary, key);
  }
  void on_exit() override { dictionary = nullptr; }
  Stage* stage;
  actor dictionary;
  std::uint64_t seed;
  Value left = 0;
};
Measurements dictionary(const Request& request) {
  Stage stage{request.workers};
  std::size_t entries = 0;
  std::vector<actor> all{stage.spawn<Dictionary>(&entries)};
  for (std::uint64_t i = 0; i < kDictionaryWorkers; ++i) all.push_back(stage.spawn<Reader>(&stage, all.front(), i));
  const auto run = [&](Value requests) {
    stage.handled = kDictionaryWorkers;
    const Nanoseconds begun = now_ns();
    for (std::size_t i = 1; i < all.size(); ++i) caf::anon_send(all[i], requests);
    return stage.finish.wait() - begun;
  };
  run(warm(request.size));
  const Nanoseconds took = run(request.size);
  stage.end(all);
  require(entries == kKeys, "the dictionary has lost or gained a key");
  return time_of("request", took, request.size * kDictionaryWorkers);
}

}  // namespace

void add_meetings(Workloads& all) {
  for (const Workload& one : {Workload{"chameneos", &chameneos},
                              {"bank", &bank},
                              {"barber", &barber},
                              {"philosophers", &philosophers},
                              {"dictionary", &dictionary}})
    all.push_back(one);
}

}  // namespace coppice::bench
