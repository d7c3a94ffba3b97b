// Savina's programs of actors that must agree: who meets whom, whose turn it is, whose fork. In these the number
// of messages depends on the order of events, so that each actor counts what it sends.

#include <atomic>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "../../support/harness.hpp"
#include "suite.hpp"

namespace coppice::bench {
namespace {

/// What one actor sent; a line of memory for each, read when all is at rest.
struct alignas(64) Count {
  std::uint64_t sent = 0;
};
using Counts = std::vector<Count>;

std::uint64_t total(const Counts& counts) {
  std::uint64_t sum = 0;
  for (const Count& count : counts) sum += count.sent;
  return sum;
}

template <class A, class M>
void tell(Count& count, const ActorRef<A>& to, M&& message) {
  ++count.sent;
  to.send(std::forward<M>(message));
}

// ---- chameneos ----

enum class Colour : unsigned char { Blue, Red, Yellow };
Colour complement(Colour a, Colour b) {
  return a == b ? a : static_cast<Colour>(3 - static_cast<int>(a) - static_cast<int>(b));
}

struct Creature;
struct Meet {
  ActorRef<Creature> from;
  Colour colour;
};
struct Change {
  Colour colour;
};
struct Close {};
struct Met {
  std::int64_t meetings;
};
struct Mall : Actor<Mall> {
  Mall(Finish* f, Count* c, std::int64_t* s, std::int64_t m) : finish{f}, count{c}, sum{s}, left{m} {}
  void handle(Meet meet);
  void handle(Met met) {
    *sum += met.meetings;
    if (++closed == kChameneos) finish->reach();
  }
  Finish* finish;
  Count* count;
  std::int64_t* sum;
  std::int64_t left;
  int closed = 0;
  ActorRef<Creature> waiting;
  bool waits = false;
};
struct Creature : Actor<Creature> {
  Creature(Count* c, ActorRef<Mall> m, Colour own) : count{c}, mall{std::move(m)}, colour{own} {}
  void handle(const Meet& meet) {
    colour = complement(colour, meet.colour);
    tell(*count, meet.from, Change{colour});
    again();
  }
  void handle(Change change) {
    colour = change.colour;
    again();
  }
  void handle(Close) { tell(*count, mall, Met{met}); }
  void again() {
    ++met;
    tell(*count, mall, Meet{self(), colour});
  }
  Count* count;
  ActorRef<Mall> mall;
  Colour colour;
  std::int64_t met = 0;
};
void Mall::handle(Meet meet) {
  if (left == 0) return tell(*count, meet.from, Close{});
  if (!waits) {
    waiting = std::move(meet.from);
    waits = true;
    return;
  }
  --left;
  waits = false;
  tell(*count, waiting, std::move(meet));
}

Measurements chameneos(const Request& request) {
  Finish finish;
  Counts counts(kChameneos + 1);
  std::int64_t sum = 0;
  ActorSystem system{default_options(request.workers)};
  const ActorRef<Mall> mall = system.spawn<Mall>(&finish, &counts.back(), &sum, request.size);
  std::vector<ActorRef<Creature>> all;
  all.reserve(kChameneos);
  const auto colour = [](std::size_t i) { return static_cast<Colour>(i % 3); };
  for (std::size_t i = 0; i < kChameneos; ++i) all.push_back(system.spawn<Creature>(&counts[i], mall, colour(i)));
  const Nanoseconds begun = now_ns();
  for (std::size_t i = 0; i < kChameneos; ++i) mall.send(Meet{all[i], colour(i)});
  const Nanoseconds took = finish.wait() - begun;
  come_to_rest(system);
  require(sum == 2 * request.size, "a meeting is missing");
  expect_all_handled(system, total(counts) + kChameneos);
  return time_of("meeting", took, request.size);
}

// ---- the sleeping barber: each customer is an actor, and who finds the waiting room full comes again at once ----

struct Customer;
struct Room;
struct Enter {
  ActorRef<Customer> customer;
  ActorRef<Room> room;
};
struct Full {};
struct Wait {};
struct Start {};
struct Done {};
struct Next {};
struct Returned {
  ActorRef<Customer> customer;
};
struct Shorn {};
using Street = ActorRef<Protocol<void(Returned), void(Shorn)>>;
struct Customer : Actor<Customer> {
  explicit Customer(Street s) : street{std::move(s)} {}
  void handle(Full) { street.send(Returned{self()}); }
  void handle(Wait) {}
  void handle(Start) {}
  void handle(Done) {
    street.send(Shorn{});
    stop();
  }
  Street street;
};
struct Barber : Actor<Barber> {
  Barber(Count* c, std::int64_t* s) : count{c}, shorn{s} {}
  void handle(const Enter& enter);
  void handle(Wait) {}
  Count* count;
  std::int64_t* shorn;
  std::uint64_t seed = kSeed + 1;
};
struct Room : Actor<Room> {
  Room(Count* c, ActorRef<Barber> b) : count{c}, barber{std::move(b)} {}
  void handle(Enter enter) {
    if (waiting.size() == kChairs) return tell(*count, enter.customer, Full{});
    waiting.push_back(std::move(enter.customer));
    if (!asleep) return tell(*count, waiting.back(), Wait{});
    asleep = false;
    tell(*count, self(), Next{});
  }
  void handle(Next) {
    asleep = waiting.empty();
    if (asleep) return tell(*count, barber, Wait{});
    tell(*count, barber, Enter{std::move(waiting.front()), self()});
    waiting.pop_front();
  }
  Count* count;
  ActorRef<Barber> barber;
  std::deque<ActorRef<Customer>> waiting;
  bool asleep = true;
};
void Barber::handle(const Enter& enter) {
  tell(*count, enter.customer, Start{});
  work(seed);
  ++*shorn;
  tell(*count, enter.customer, Done{});
  tell(*count, enter.room, Next{});
}
struct Open {
  std::int64_t haircuts;
};
struct Factory : Actor<Factory> {
  Factory(Finish* f, Count* c, Count* all, ActorRef<Room> r)
      : finish{f}, count{c}, customers{all}, room{std::move(r)} {}
  void handle(Open open) {
    left = open.haircuts;
    const Street street{self()};
    for (std::int64_t i = 0; i < open.haircuts; ++i) {
      tell(*count, room, Enter{spawn<Customer>(street), room});
      work(seed);
    }
  }
  void handle(Returned returned) {
    ++customers->sent;
    tell(*count, room, Enter{std::move(returned.customer), room});
  }
  void handle(Shorn) {
    ++customers->sent;
    if (--left == 0) finish->reach();
  }
  Finish* finish;
  Count* count;
  Count* customers;  // what they sent is what comes here; what they got is in the ledger
  ActorRef<Room> room;
  std::int64_t left = 0;
  std::uint64_t seed = kSeed;
};

Measurements barber(const Request& request) {
  Finish finish;
  Counts counts(3);
  Count customers;
  std::int64_t shorn = 0;
  ActorSystem system{default_options(request.workers)};
  const ActorRef<Barber> scissors = system.spawn<Barber>(&counts[0], &shorn);
  const ActorRef<Room> room = system.spawn<Room>(&counts[1], scissors);
  const ActorRef<Factory> factory = system.spawn<Factory>(&finish, &counts[2], &customers, room);
  const Nanoseconds begun = now_ns();
  factory.send(Open{request.size});
  const Nanoseconds took = finish.wait() - begun;
  come_to_rest(system);
  require(shorn == request.size, "a haircut is missing");
  const std::uint64_t sent = total(counts) + customers.sent;
  expect_all_handled(system, sent + 1);
  return {{"haircut", each(took, request.size), "ns"},
          {"messages", each(static_cast<std::int64_t>(sent), request.size), "a haircut"}};
}

// ---- dining philosophers: one arbiter, who says no to whoever asks too early ----

struct Philosopher;
struct Hungry {
  std::size_t seat;
};
struct Sated {
  std::size_t seat;
};
struct Eat {};
struct Denied {};
struct Think {};
struct Arbiter : Actor<Arbiter> {
  Arbiter(Count* c, const std::vector<ActorRef<Philosopher>>* p) : count{c}, philosophers{p} {}
  void handle(Hungry hungry);
  void handle(Sated sated) { left_fork(sated.seat) = right_fork(sated.seat) = false; }
  unsigned char& left_fork(std::size_t seat) { return taken[seat]; }
  unsigned char& right_fork(std::size_t seat) { return taken[(seat + 1) % kPhilosophers]; }
  Count* count;
  const std::vector<ActorRef<Philosopher>>* philosophers;
  unsigned char taken[kPhilosophers] = {};
};
struct Philosopher : Actor<Philosopher> {
  Philosopher(Finish* f, std::atomic<std::int64_t>* e, Count* c, ActorRef<Arbiter> a, std::size_t s, std::int64_t m)
      : finish{f}, eating{e}, count{c}, arbiter{std::move(a)}, seat{s}, meals{m} {}
  void handle(Think) { tell(*count, arbiter, Hungry{seat}); }
  void handle(Denied) { tell(*count, arbiter, Hungry{seat}); }
  void handle(Eat) {
    tell(*count, arbiter, Sated{seat});
    if (--meals > 0) return tell(*count, arbiter, Hungry{seat});
    if (eating->fetch_sub(1, std::memory_order_acq_rel) == 1) finish->reach();
  }
  Finish* finish;
  std::atomic<std::int64_t>* eating;
  Count* count;
  ActorRef<Arbiter> arbiter;
  std::size_t seat;
  std::int64_t meals;
};
void Arbiter::handle(Hungry hungry) {
  const auto& asker = (*philosophers)[hungry.seat];
  if (left_fork(hungry.seat) != 0 || right_fork(hungry.seat) != 0) return tell(*count, asker, Denied{});
  left_fork(hungry.seat) = right_fork(hungry.seat) = true;
  tell(*count, asker, Eat{});
}

Measurements philosophers(const Request& request) {
  Finish finish;
  Counts counts(kPhilosophers + 1);
  std::atomic<std::int64_t> eating{kPhilosophers};
  std::vector<ActorRef<Philosopher>> all;
  ActorSystem system{default_options(request.workers)};
  const ActorRef<Arbiter> arbiter = system.spawn<Arbiter>(&counts.back(), &all);
  for (std::size_t i = 0; i < kPhilosophers; ++i)
    all.push_back(system.spawn<Philosopher>(&finish, &eating, &counts[i], arbiter, i, request.size));
  const Nanoseconds begun = now_ns();
  for (const auto& philosopher : all) philosopher.send(Think{});
  const Nanoseconds took = finish.wait() - begun;
  come_to_rest(system);
  expect_all_handled(system, total(counts) + kPhilosophers);
  return time_of("meal", took, request.size * static_cast<std::int64_t>(kPhilosophers));
}

}  // namespace

void add_meetings(Workloads& all) {
  for (const Workload& one :
       {Workload{"chameneos", &chameneos}, {"barber", &barber}, {"philosophers", &philosophers}}) {
    all.push_back(one);
  }
}

}  // namespace coppice::bench
