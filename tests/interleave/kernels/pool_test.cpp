#include <deque>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

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
  Body also;  // what it does besides
  Plain<int> runs{0};
};

/// A pool and jobs; whoever cannot go on while a job or a completion waits has lost a wake-up.
struct Bench {
  explicit Bench(unsigned workers, std::optional<unsigned> pin_to = {})
      : table{.run = &run, .run_one = &run}, pool{*reinterpret_cast<Runtime*>(this), clock, options(workers, pin_to)} {
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
  /// Each submits the next one, from the worker that it runs on.
  void submit_chain(std::uint32_t length = 2) {
    Job* job = nullptr;
    for (std::uint32_t i = 0; i < length; ++i) {
      Job& before = make();
      before.wakes = job;
      job = &before;
    }
    submitted += length;
    pool.submit(*job);
  }
  void submit_one_that(Body also) {
    Job& job = make();
    job.also = std::move(also);
    ++submitted;
    pool.submit(job);
  }
  /// As I/O that is done: by whoever looks into the pool's io_context.
  void complete() {
    Job& job = make();
    ++submitted;
    asio::post(pool.reactor().context(), [this, &job] { coppice::detail::submit(pool, job); });
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
    if (job.also) job.also();
    if (job.wakes != nullptr) coppice::detail::submit(bench.pool, *job.wakes);
    bench.done.fetch_add(1, kRelease);
    wake_all(bench.done);
  }
  static WorkPoolOptions options(unsigned workers, std::optional<unsigned> pin_to) {
    WorkPoolOptions options;
    options.workers = workers;
    options.pin_to = pin_to;
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

/// In orders drawn by seed, with each number of workers, sequential and weak.
void check_by_seed(std::uint64_t runs, std::initializer_list<unsigned> numbers_of_workers, void (*scene)(unsigned)) {
  for (const unsigned workers : numbers_of_workers) {
    for (const Memory memory : {Memory::Sequential, Memory::Weak}) {
      const std::string label = (memory == Memory::Weak ? "weak " : "sequential ") + std::to_string(workers);
      CHECK_THAT(explore(label, Sampled{.runs = runs, .memory = memory}, [=] { scene(workers); }), holds());
    }
  }
}

TEST_CASE("one worker finds what is submitted in every order with two preemptions", "[pool]") {  // P19
  const auto one = [] {
    Bench bench{1};
    bench.submit();
    bench.finish();
  };
  CHECK_THAT(explore("sequential", Exhaustive{.preemptions = 2}, one), found(1'332, 21));
}

TEST_CASE("whoever starts a pool knows what its threads have found out when they were pinned", "[pool]") {
  CHECK_THAT(explore("weak", Sampled{.runs = 500, .memory = Memory::Weak},
                     [] {
                       // In the place of the words that say why one could not be, which are written there.
                       Plain<int> found[2];
                       at_pin([&](unsigned cpu) { found[cpu].write() = 1; });
                       Bench bench{2, 0U};
                       for (const Plain<int>& each : found) expect(each.read() == 1, "it is pinned");
                       bench.finish();
                     }),
             holds());
}

TEST_CASE("workers that park find what others submit in orders drawn by seed", "[pool]") {  // P19
  check_by_seed(5'000, {1U, 2U, 3U}, [](unsigned workers) {
    Bench bench{workers};
    together({[&] {
                bench.submit();
                bench.submit_chain();
              },
              [&] { bench.submit_chain(); }});
    bench.submit();
    bench.finish();
  });
}

TEST_CASE("one worker sees what completes in its reactor in every order with two preemptions", "[pool]") {  // P19
  const auto one = [] {
    Bench bench{1};
    bench.complete();
    bench.submit();
    bench.finish();
  };
  CHECK_THAT(explore("sequential", Exhaustive{.preemptions = 2}, one), found(4'616, 47));
}

TEST_CASE("workers that park in a reactor or beside it find what completes and what is submitted", "[pool]") {  // P19
  check_by_seed(5'000, {1U, 2U, 3U}, [](unsigned workers) {
    Bench bench{workers};
    // Both make the reactor, if nobody has.
    together({[&] {
                bench.complete();
                bench.submit_chain();
              },
              [&] {
                bench.submit();
                bench.complete();
              }});
    bench.complete();
    bench.submit();
    bench.finish();
  });
}

TEST_CASE("a worker that is busy for long looks into the reactor and at what was submitted outside", "[pool]") {  // P19
  check_by_seed(500, {1U, 2U}, [](unsigned workers) {
    Bench bench{workers};
    together({[&] { bench.submit_chain(150); },
              [&] {
                for (int i = 0; i < 3; ++i) bench.submit();
                bench.complete();
              }});
    bench.finish();
  });
}

/// A timer of a job's, which waits for it without going away from its worker.
struct Deadline : Timer {
  Deadline() noexcept
      : Timer{[](Timer& timer) noexcept { static_cast<Deadline&>(timer).fired_now(); }, [](Timer&) noexcept {}} {}
  void fired_now() noexcept {
    expect(armed.read() == 1, "who fires it knows what its maker did before");
    fired.store(1, kRelease);
    wake_all(fired);
  }
  Plain<int> armed{0};
  Atomic<std::uint32_t> fired{0};
};

TEST_CASE("another worker fires the timer of one that does not come back from a handler", "[pool]") {
  for (const Memory memory : {Memory::Sequential, Memory::Weak}) {
    for (const bool is_unlikely : {false, true}) {
      const std::string label =
          std::string{memory == Memory::Weak ? "weak " : "sequential "} + (is_unlikely ? "unlikely" : "likely");
      CHECK_THAT(explore(label, Sampled{.runs = 1'000, .memory = memory},
                         [is_unlikely] {
                           Bench bench{2};
                           at_stall(nullptr);  // it waits for time, and for nothing else
                           Deadline deadline;
                           bench.submit_one_that([&] {
                             deadline.armed.write() = 1;
                             const TimePoint due = bench.clock.now() + std::chrono::milliseconds{2};
                             is_unlikely ? bench.pool.arm_unlikely(deadline, due) : bench.pool.arm(deadline, due);
                             while (deadline.fired.load(kAcquire) == 0)
                               static_cast<void>(wait_on(deadline.fired, 0, kForever));
                             expect(bench.clock.now() >= due, "[T1] not before its deadline");
                           });
                           bench.submit();
                           bench.finish();
                         }),
                 holds());
    }
  }
}

}  // namespace
}  // namespace coppice::interleave
