// Savina's programs of actors that share out a search: queens on a board, primes in a chain, a way through a cube.

#include <cstdint>
#include <utility>
#include <vector>

#include "../../support/cube.hpp"
#include "../../support/harness.hpp"
#include "../../support/searches.hpp"
#include "suite.hpp"

namespace coppice::bench {
namespace {

// ---- queens: the first rows are handed out, each worker counts the rest ----

struct Task {
  Board board;
};
struct Counted {
  std::int64_t solutions;
  std::int64_t handed_back;  // boards of one row more that the master got
};
using QueenMaster = ActorRef<Protocol<void(Task), void(Counted)>>;
struct QueenWorker : Actor<QueenWorker> {
  QueenWorker(QueenMaster m, std::size_t n) : master{std::move(m)}, size{n} {}
  void handle(const Task& task) {
    if (task.board.size() >= kRowsHandedOut || task.board.size() == size)
      return static_cast<void>(master.send(Counted{solutions_below(task.board, size), 0}));
    std::int64_t handed_back = 0;
    for (char column = 0; column < static_cast<char>(size); ++column) {
      if (attacked(task.board, column)) continue;
      Task next{task.board};
      next.board.push_back(column);
      master.send(std::move(next));
      ++handed_back;
    }
    master.send(Counted{0, handed_back});
  }
  QueenMaster master;
  std::size_t size;
};
struct Queens {
  std::int64_t solutions = 0;
  std::uint64_t tasks = 0;
};
struct Solve {};
struct QueenHost : Actor<QueenHost> {
  QueenHost(Finish* f, Queens* q, std::size_t n) : finish{f}, queens{q}, size{n} {}
  void handle(Solve) {
    for (std::size_t i = 0; i < kQueenWorkers; ++i) workers.push_back(spawn<QueenWorker>(QueenMaster{self()}, size));
    hand_out({});
  }
  void handle(Task&& task) { hand_out(std::move(task)); }
  void handle(Counted counted) {
    queens->solutions += counted.solutions;
    open += counted.handed_back - 1;  // what was handed back came before
    if (open == 0) finish->reach();
  }
  void hand_out(Task task) { workers[queens->tasks++ % kQueenWorkers].send(std::move(task)); }
  Finish* finish;
  Queens* queens;
  std::size_t size;
  std::vector<ActorRef<QueenWorker>> workers;
  std::int64_t open = 1;
};

Measurements queens(const Request& request) {
  Finish finish;
  Queens seen;
  ActorSystem system{default_options(request.workers)};
  const ActorRef<QueenHost> host = system.spawn<QueenHost>(&finish, &seen, static_cast<std::size_t>(request.size));
  const Nanoseconds begun = now_ns();
  host.send(Solve{});
  const Nanoseconds took = finish.wait() - begun;
  come_to_rest(system);
  require(seen.solutions == kSolutions[request.size], "the queens' solutions were miscounted");
  // The start; each task to its worker and, but the first, to the host before; and a count of each.
  expect_all_handled(system, 3 * seen.tasks);
  return {{"all", static_cast<double>(took) / 1e6, "ms"}};
}

// ---- the sieve: a chain of actors, each with a thousand primes ----

struct Number {
  std::int64_t value;  // zero: that was the last one
};
struct Sieved {
  std::int64_t primes = 0;
  std::uint64_t passed_on = 0;
};
struct Filter : Actor<Filter> {
  Filter(Finish* f, Sieved* s, std::int64_t prime) : finish{f}, sieved{s}, primes{prime} {}
  void handle(Number number) {
    if (number.value == 0) return end();
    for (const std::int64_t prime : primes) {
      if (number.value % prime == 0) return;
    }
    if (primes.size() < kPrimesOfOne) return primes.push_back(number.value);
    if (has_next) return pass_on(number);
    next = spawn<Filter>(finish, sieved, number.value);
    has_next = true;
  }
  /// Nobody else works when the end of the numbers comes by: what came before it has been handled.
  void end() {
    sieved->primes += static_cast<std::int64_t>(primes.size());
    sieved->passed_on += passed_on;
    if (!has_next) return finish->reach();
    ++sieved->passed_on;
    next.send(Number{0});
  }
  void pass_on(Number number) {
    ++passed_on;
    next.send(number);
  }
  Finish* finish;
  Sieved* sieved;
  std::vector<std::int64_t> primes;
  ActorRef<Filter> next;
  bool has_next = false;
  std::uint64_t passed_on = 0;
};
struct Below {
  std::int64_t limit;
};
struct Numbers : Actor<Numbers> {
  Numbers(Finish* f, Sieved* s) : finish{f}, sieved{s} {}
  void handle(Below below) {
    const ActorRef<Filter> first = spawn<Filter>(finish, sieved, 2);
    for (std::int64_t n = 3; n < below.limit; n += 2) {
      first.send(Number{n});
      ++sieved->passed_on;
    }
    ++sieved->passed_on;
    first.send(Number{0});
  }
  Finish* finish;
  Sieved* sieved;
};

Measurements sieve(const Request& request) {
  const std::int64_t limit = request.size < 3 ? 3 : request.size;  // two is the first prime
  Finish finish;
  Sieved seen;
  ActorSystem system{default_options(request.workers)};
  const ActorRef<Numbers> numbers = system.spawn<Numbers>(&finish, &seen);
  const Nanoseconds begun = now_ns();
  numbers.send(Below{limit});
  const Nanoseconds took = finish.wait() - begun;
  come_to_rest(system);
  require(seen.primes == primes_below(limit), "the primes were miscounted");
  expect_all_handled(system, seen.passed_on + 1);
  return {{"all", static_cast<double>(took) / 1e6, "ms"}};
}

// ---- a way through a cube of nodes, from one corner to a target before the other ----

struct Work {
  std::int64_t from;
  std::int64_t target;
  std::int64_t weight;
};
struct Received {};
struct Found {};
struct Stop {};
struct Stopped {};
using SearchHost = ActorRef<Protocol<void(Work), void(Received), void(Found), void(Stopped)>>;
struct Searcher : Actor<Searcher> {
  Searcher(SearchHost h, Cube* c, std::uint64_t* t) : host{std::move(h)}, cube{c}, told{t} {}
  void handle(Work work) {
    const auto hand_back = [&](std::int64_t rest) { tell(Work{rest, work.target, cube->weight(rest)}); };
    if (cube->search(work.from, work.target, hand_back)) tell(Found{});
    tell(Received{});
  }
  void handle(Stop) {
    tell(Stopped{});
    stop();
  }
  template <class M>
  void tell(M message) {
    ++*told;
    host.send(message);
  }
  SearchHost host;
  Cube* cube;
  std::uint64_t* told;
};
struct Search {};
struct SearchMaster : Actor<SearchMaster> {
  SearchMaster(Finish* f, Cube* c, std::vector<std::uint64_t>* t) : finish{f}, cube{c}, told{t} {}
  void handle(Search) {
    for (std::size_t i = 0; i < kSearchers; ++i)
      searchers.push_back(spawn<Searcher>(SearchHost{self()}, cube, &(*told)[i * 8]));
    handle(Work{0, cube->target(), cube->weight(0)});
  }
  void handle(Work work) {
    if (over) return;
    ++told->back();
    searchers[handed_out++ % kSearchers].send(work);
  }
  void handle(Received) {
    if (++done == handed_out) end();
  }
  void handle(Found) { end(); }
  void handle(Stopped) {
    if (++stopped == kSearchers) finish->reach();
  }
  void end() {
    if (over) return;
    over = true;
    told->back() += kSearchers;
    for (const auto& searcher : searchers) searcher.send(Stop{});
  }
  Finish* finish;
  Cube* cube;
  std::vector<std::uint64_t>* told;
  std::vector<ActorRef<Searcher>> searchers;
  std::uint64_t handed_out = 0;
  std::uint64_t done = 0;
  std::size_t stopped = 0;
  bool over = false;
};

Measurements a_star(const Request& request) {
  Finish finish;
  Cube cube{request.size};
  // Each searcher's on a line of its own; the last is the master's.
  std::vector<std::uint64_t> told(8 * kSearchers + 1);
  ActorSystem system{default_options(request.workers)};
  const ActorRef<SearchMaster> master = system.spawn<SearchMaster>(&finish, &cube, &told);
  const Nanoseconds begun = now_ns();
  master.send(Search{});
  const Nanoseconds took = finish.wait() - begun;
  come_to_rest(system);
  const std::int64_t reached = cube.expect_searched();
  std::uint64_t sent = 1;
  for (const std::uint64_t count : told) sent += count;
  expect_all_handled(system, sent);
  return {{"all", static_cast<double>(took) / 1e6, "ms"}, {"nodes", static_cast<double>(reached), "a search"}};
}

}  // namespace

void add_searches(Workloads& all) {
  for (const Workload& one : {Workload{"queens", &queens}, {"sieve", &sieve}, {"a_star", &a_star}}) all.push_back(one);
}

}  // namespace coppice::bench
