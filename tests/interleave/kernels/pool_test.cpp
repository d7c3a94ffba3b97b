#include <deque>

#include "base/platform.hpp"
#include "catch.hpp"
#include "interleave/kernels/found.hpp"
#include "scheduler/work_pool.hpp"

// The work pool's promise that no wake-up is lost [S3], with its real threads as fibers.

namespace coppice::interleave {
namespace {

using namespace coppice::detail;

struct Bench;

/// A runnable; running it may submit another one.
struct Job : Runnable {
  Job(RunTable& t, Bench& b) : Runnable{t}, bench{b} {}
  Bench& bench;
  Job* wakes = nullptr;
  Plain<int> runs{0};
};

/// A pool and jobs; whoever cannot go on while a job waits has lost a wake-up.
struct Bench {
  explicit Bench(unsigned workers)
      : table{.run = &run, .run_one = &run}, pool{*reinterpret_cast<Runtime*>(this), clock, options(workers)} {
    std::string error;
    expect(pool.start(error), "the pool starts");
    at_stall(
        [this] { expect(done.peek() == submitted, "[S3] a job waits, and nobody comes to it unless time passes"); });
  }
  Job& make() { return jobs.emplace_back(table, *this); }
  void submit() {
    Job& job = make();
    ++submitted;
    pool.submit(job);
  }
  void submit_chain() {
    Job& first = make();
    first.wakes = &make();
    submitted += 2;
    pool.submit(first);
  }
  void finish() {
    for (std::uint32_t seen = done.load(kAcquire); seen != submitted; seen = done.load(kAcquire))
      static_cast<void>(wait_on(done, seen, kForever));
    at_stall(nullptr);
    expect(pool.stop(TimePoint::max()), "all workers come back");
    for (const Job& job : jobs) expect(job.runs.read() == 1, "each job is run once");
    expect(held == 0, "each worker lets the runtime go");
  }
  static void run(Runnable& runnable) noexcept {
    Job& job = static_cast<Job&>(runnable);
    Bench& bench = job.bench;
    ++job.runs.write();
    if (job.wakes != nullptr) coppice::detail::submit(bench.pool, *job.wakes);
    bench.done.fetch_add(1, kRelease);
    wake_all(bench.done);
  }
  static WorkPoolOptions options(unsigned workers) {
    WorkPoolOptions options;
    options.workers = workers;
    options.hold = &hold;
    options.let_go = &let_go;
    return options;
  }
  static void hold(Runtime* self) noexcept { ++reinterpret_cast<Bench*>(self)->held; }
  static void let_go(Runtime* self) noexcept { --reinterpret_cast<Bench*>(self)->held; }

  int held = 0;
  RunTable table;
  SteadyClock clock;
  Atomic<std::uint32_t> done{0};
  std::uint32_t submitted = 0;  // in truth: fibers share one thread
  std::deque<Job> jobs;
  WorkPool pool;
};

TEST_CASE("one worker finds what is submitted in every order with two preemptions", "[pool]") {  // P19
  const auto one = [] {
    Bench bench{1};
    bench.submit();
    bench.finish();
  };
  CHECK_THAT(explore("sequential", Exhaustive{.preemptions = 2}, one), found(1'998, 0));
}

TEST_CASE("workers that park find what others submit in orders drawn by seed", "[pool]") {  // P19
  for (const unsigned workers : {1U, 2U, 3U}) {
    for (const Memory memory : {Memory::Sequential, Memory::Weak}) {
      const std::string label = (memory == Memory::Weak ? "weak " : "sequential ") + std::to_string(workers);
      CHECK_THAT(explore(label, Sampled{.runs = 5'000, .memory = memory},
                         [workers] {
                           Bench bench{workers};
                           together({[&] {
                                       bench.submit();
                                       bench.submit_chain();
                                     },
                                     [&] { bench.submit_chain(); }});
                           bench.submit();
                           bench.finish();
                         }),
                 holds());
    }
  }
}

}  // namespace
}  // namespace coppice::interleave
