// CAF: queens, primes, a way through a cube.

#include "../../support/searches.hpp"
#include "../../support/cube.hpp"
#include "stage.hpp"

namespace coppice::bench {
namespace {

// ---- queens: a board is a string, which CAF can send as it is ----

struct QueenWorker : Base {
  QueenWorker(caf::actor_config& c, actor m, std::size_t n) : Base{c}, master{std::move(m)}, size{n} {}
  behavior make_behavior() override {
    return {[this](const Board& board) {
      if (board.size() >= kRowsHandedOut || board.size() == size)
        return send(master, static_cast<Value>(solutions_below(board, size)), Value{0});
      Value handed_back = 0;
      for (char column = 0; column < static_cast<char>(size); ++column) {
        if (attacked(board, column)) continue;
        send(master, board + column);
        ++handed_back;
      }
      send(master, Value{0}, handed_back);
    }};
  }
  void on_exit() override { master = nullptr; }
  actor master;
  std::size_t size;
};
struct QueenHost : Base {
  QueenHost(caf::actor_config& c, Stage* s, std::size_t n) : Base{c}, stage{s}, size{n} {}
  behavior make_behavior() override {
    return {[this](Begin) {
              for (std::size_t i = 0; i < kQueenWorkers; ++i)
                workers.push_back(spawn<QueenWorker>(caf::actor_cast<actor>(this), size));
              send(workers[handed_out++ % kQueenWorkers], Board{});
            },
            [this](const Board& board) { send(workers[handed_out++ % kQueenWorkers], board); },
            [this](Value solutions, Value handed_back) {
              stage->handled += solutions;
              open += handed_back - 1;
              if (open > 0) return;
              stage->finish.reach();
              for (const actor& one : workers) send_exit(one, caf::exit_reason::user_shutdown);
              quit();
            }};
  }
  void on_exit() override { workers.clear(); }
  Stage* stage;
  std::size_t size;
  std::vector<actor> workers;
  std::size_t handed_out = 0;
  Value open = 1;
};
Measurements queens(const Request& request) {
  Stage stage{request.workers};
  const Nanoseconds begun = now_ns();
  caf::anon_send(stage.spawn<QueenHost>(&stage, static_cast<std::size_t>(request.size)), Begin{1});
  const Nanoseconds took = stage.finish.wait() - begun;
  stage.system.await_all_actors_done();
  require(stage.handled == kSolutions[request.size], "the queens' solutions were miscounted");
  return {{"all", static_cast<double>(took) / 1e6, "ms"}};
}

// ---- the sieve ----

struct Filter : Base {
  Filter(caf::actor_config& c, Stage* s, Value prime) : Base{c}, stage{s}, primes{prime} {}
  behavior make_behavior() override {
    return {[this](Value number) {
      if (number == 0) return end();
      for (const Value prime : primes) {
        if (number % prime == 0) return;
      }
      if (primes.size() < kPrimesOfOne) return primes.push_back(number);
      if (next != nullptr) return send(next, number);
      next = spawn<Filter>(stage, number);
    }};
  }
  void end() {
    stage->handled += static_cast<Value>(primes.size());
    next != nullptr ? send(next, Value{0}) : stage->finish.reach();
    quit();
  }
  void on_exit() override { next = nullptr; }
  Stage* stage;
  std::vector<Value> primes;
  actor next;
};
struct Numbers : Base {
  Numbers(caf::actor_config& c, Stage* s) : Base{c}, stage{s} {}
  behavior make_behavior() override {
    return {[this](Value limit) {
      const actor first = spawn<Filter>(stage, Value{2});
      for (Value n = 3; n < limit; n += 2) send(first, n);
      send(first, Value{0});
      quit();
    }};
  }
  Stage* stage;
};
Measurements sieve(const Request& request) {
  const Value limit = request.size < 3 ? 3 : request.size;
  Stage stage{request.workers};
  const Nanoseconds begun = now_ns();
  caf::anon_send(stage.spawn<Numbers>(&stage), limit);
  const Nanoseconds took = stage.finish.wait() - begun;
  stage.system.await_all_actors_done();
  require(stage.handled == primes_below(limit), "the primes were miscounted");
  return {{"all", static_cast<double>(took) / 1e6, "ms"}};
}

// ---- a way through a cube of nodes, from one corner to a target before the other ----

enum SearchWord : Begin { kSearch, kReceived, kFound, kStop, kStopped };
struct alignas(64) Searched {
  Value handled = 0;
  Value told = 0;
};
struct Searcher : Base {
  Searcher(caf::actor_config& c, actor h, Cube* s, Searched* n) : Base{c}, host{std::move(h)}, cube{s}, searched{n} {}
  behavior make_behavior() override {
    return {[this](Value from, Value target, Value) {
              ++searched->handled;
              const auto hand_back = [&](Value rest) { tell(rest, target, Value{cube->weight(rest)}); };
              if (cube->search(from, target, hand_back)) tell(Begin{kFound});
              tell(Begin{kReceived});
            },
            [this](Begin) {
              ++searched->handled;
              tell(Begin{kStopped});
              quit();
            }};
  }
  template <class... M>
  void tell(M... message) {
    ++searched->told;
    send(host, message...);
  }
  void on_exit() override { host = nullptr; }
  actor host;
  Cube* cube;
  Searched* searched;
};
struct SearchHost : Base {
  SearchHost(caf::actor_config& c, Stage* st, Cube* s, std::vector<Searched>* n)
      : Base{c}, stage{st}, cube{s}, searched{n} {}
  behavior make_behavior() override {
    return {[this](Value from, Value target, Value weight) {
              ++searched->back().handled;
              hand_out(from, target, weight);
            },
            [this](Begin word) {
              ++searched->back().handled;
              if (word == kSearch) begin();
              if (word == kFound || (word == kReceived && ++done == handed_out)) end();
              if (word == kStopped && ++stopped == kSearchers) stage->finish.reach();
            }};
  }
  void begin() {
    const auto me = caf::actor_cast<actor>(this);
    for (std::size_t i = 0; i < kSearchers; ++i) searchers.push_back(spawn<Searcher>(me, cube, &(*searched)[i]));
    hand_out(0, cube->target(), cube->weight(0));
  }
  void hand_out(Value from, Value target, Value weight) {
    if (over) return;
    ++searched->back().told;
    send(searchers[handed_out++ % kSearchers], from, target, weight);
  }
  void end() {
    if (over) return;
    over = true;
    searched->back().told += static_cast<Value>(kSearchers);
    for (const actor& searcher : searchers) send(searcher, Begin{kStop});
  }
  void on_exit() override { searchers.clear(); }
  Stage* stage;
  Cube* cube;
  std::vector<Searched>* searched;
  std::vector<actor> searchers;
  std::size_t handed_out = 0;
  std::size_t done = 0;
  std::size_t stopped = 0;
  bool over = false;
};
Measurements a_star(const Request& request) {
  Stage stage{request.workers};
  Cube cube{request.size};
  std::vector<Searched> searched(kSearchers + 1);  // the last is the host's
  const actor host = stage.spawn<SearchHost>(&stage, &cube, &searched);
  const Nanoseconds begun = now_ns();
  caf::anon_send(host, Begin{kSearch});
  const Nanoseconds took = stage.finish.wait() - begun;
  stage.end({host});
  const Value reached = cube.expect_searched();
  Value told = 1;
  Value handled = 0;
  for (const Searched& one : searched) {
    told += one.told;
    handled += one.handled;
  }
  require(handled == told, "a message of the search is missing");
  return {{"all", static_cast<double>(took) / 1e6, "ms"}, {"nodes", static_cast<double>(reached), "a search"}};
}

}  // namespace

void add_searches(Workloads& all) {
  for (const Workload& one : {Workload{"queens", &queens}, {"sieve", &sieve}, {"a_star", &a_star}}) all.push_back(one);
}

}  // namespace coppice::bench
