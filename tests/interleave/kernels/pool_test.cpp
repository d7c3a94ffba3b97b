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
  explicit Bench(unsigned workers, Duration spin = {}, std::optional<unsigned> pin_to = {},
                 unsigned processors = Seats::kUnlimited)
      : table{.run = &run, .run_one = &run},
        pool{*reinterpret_cast<Runtime*>(this), clock, options(workers, spin, pin_to, processors)} {
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
  void complete() { complete_one_that({}); }
  void complete_one_that(Body also) {
    Job& job = make();
    job.also = std::move(also);
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
  static WorkPoolOptions options(unsigned workers, Duration spin, std::optional<unsigned> pin_to, unsigned processors) {
    WorkPoolOptions options;
    options.workers = workers;
    options.processors = processors;
    options.spin = spin;
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

/// Set once.
struct Flag {
  void set() noexcept {
    word.store(1, kRelease);
    wake_all(word);
  }
  void wait() const noexcept {
    while (word.load(kAcquire) == 0) static_cast<void>(wait_on(word, 0, kForever));
  }
  Atomic<std::uint32_t> word{0};
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
                       Bench bench{2, {}, 0U};
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

// Each look at the clock takes 100 ns.
constexpr Duration kSpin{500};

TEST_CASE("workers that look for a while before they park find what others submit", "[pool]") {  // P19
  check_by_seed(1'500, {1U, 2U, 3U}, [](unsigned workers) {
    Bench bench{workers, kSpin};
    together({[&] {
                bench.submit();
                bench.submit_chain();
              },
              [&] { bench.submit_chain(); }});
    bench.submit();
    bench.finish();
  });
}

TEST_CASE("what comes while a worker has just found something is not left to that one", "[pool]") {  // P19
  check_by_seed(2'000, {2U, 3U}, [](unsigned workers) {
    Bench bench{workers};
    Flag second;
    bench.submit_one_that([&] { second.wait(); });
    bench.submit_one_that([&] { second.set(); });
    bench.finish();
  });
}

TEST_CASE("what comes while a worker has just found a completion is not left to that one", "[pool]") {  // P19
  check_by_seed(2'000, {2U, 3U}, [](unsigned workers) {
    Bench bench{workers};
    static_cast<void>(bench.pool.reactor());
    Flag second;
    bench.complete_one_that([&] { second.wait(); });
    bench.submit_one_that([&] { second.set(); });
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
  CHECK_THAT(explore("sequential", Exhaustive{.preemptions = 2}, one), found(4'621, 47));
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

/// Asked by whoever has the reactor's role, and by nobody else. As the io part's, it wakes who sleeps in the context.
struct Guest final : ReactorGuest {
  explicit Guest(Bench& b) : bench{b} {}
  void poll() noexcept override {
    look();
    for (std::uint32_t count = ready.exchange(0, kAcqRel); count != 0; --count) {
      submit(bench.pool, *waiting.front());
      waiting.pop_front();
    }
  }
  bool wake_through_context() noexcept override {
    look();
    is_watched.store(true, kSeqCst);
    if (ready.load(kSeqCst) != 0) bench.pool.reactor().wake();
    return true;
  }
  void look() noexcept {
    expect(made.read() == 1, "who asks a guest knows what it did before it joined");
    ++looks.write();
  }
  void complete() {
    waiting.push_back(&bench.make());
    ++bench.submitted;
    ready.fetch_add(1, kSeqCst);
    if (is_watched.load(kSeqCst)) bench.pool.reactor().wake();
  }
  Bench& bench;
  std::deque<Job*> waiting;  // in truth, as in Bench
  Plain<int> made{0};
  Plain<int> looks{0};
  Atomic<std::uint32_t> ready{0};
  Atomic<bool> is_watched{false};
};

TEST_CASE("a guest of the reactor is asked by one worker at a time and by one that was there before it", "[pool]") {
  check_by_seed(1'500, {1U, 2U, 3U}, [](unsigned workers) {
    Bench bench{workers};
    Guest early{bench};
    early.complete();
    together({[&] {
                early.made.write() = 1;
                bench.pool.reactor().join(early);
              },
              [&] {
                bench.complete();
                bench.submit();
              }});
    early.complete();
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

/// A handler that comes back when its timer has fired. Who fires it lets go of it after that.
void wait_for(Deadline& deadline, Bench& bench, bool is_unlikely) {
  deadline.armed.write() = 1;
  const TimePoint due = bench.clock.now() + std::chrono::milliseconds{2};
  is_unlikely ? bench.pool.arm_unlikely(deadline, due) : bench.pool.arm(deadline, due);
  while (deadline.fired.load(kAcquire) == 0) static_cast<void>(wait_on(deadline.fired, 0, kForever));
  expect(bench.clock.now() >= due, "[T1] not before its deadline");
}

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
                           bench.submit_one_that([&] { wait_for(deadline, bench, is_unlikely); });
                           bench.submit();
                           bench.finish();
                         }),
                 holds());
    }
  }
}

/// A handler that comes back when what it has submitted has been run.
void wait_for_another(Bench& bench, Flag& other) {
  for (int i = 0; i < 2; ++i) {  // the first makes room for the second, in a ring where others may have it
    Job& job = bench.make();
    if (i == 0) job.also = [&other] { other.set(); };
    ++bench.submitted;
    submit(bench.pool, job);
  }
  other.wait();
}

/// Uses up time, without a step.
void take(Duration time) {
  const Atomic<std::uint32_t> nothing{0};
  static_cast<void>(wait_on(nothing, 0, time));
}

/// The one that sleeps looks every 5 ms whether the other is still busy. So it may be up by itself just as it is woken,
/// and it may go to sleep for good just as the other is woken again.
void check_that_somebody_looks(const char* what, unsigned workers, void (*scene)(Bench&)) {
  for (const Memory memory : {Memory::Sequential, Memory::Weak}) {
    const std::string label = std::string{memory == Memory::Weak ? "weak " : "sequential "} + what;
    CHECK_THAT(explore(label, Sampled{.runs = 1'500, .memory = memory, .early_timers = true},
                       [=] {
                         Bench bench{workers};
                         at_stall(nullptr);  // it waits for time, and for nothing else
                         scene(bench);
                       }),
               holds());
  }
}

TEST_CASE("who gets busy with a completion while another falls asleep is looked after", "[pool]") {
  check_that_somebody_looks("a timer", 2, [](Bench& bench) {
    static_cast<void>(bench.pool.reactor());
    bench.submit_one_that([] { take(std::chrono::milliseconds{4}); });
    take(std::chrono::milliseconds{5});
    Deadline deadline;
    bench.complete_one_that([&] { wait_for(deadline, bench, false); });
    bench.finish();
  });
  check_that_somebody_looks("a timer beside another handler", 3, [](Bench& bench) {
    static_cast<void>(bench.pool.reactor());
    bench.submit_one_that([] { take(std::chrono::milliseconds{4}); });
    take(std::chrono::milliseconds{5});
    Deadline deadline;
    Flag is_through;
    bench.submit_one_that([&] { is_through.wait(); });
    bench.complete_one_that([&] {
      wait_for(deadline, bench, false);
      is_through.set();
    });
    bench.finish();
  });
}

TEST_CASE("who gets busy while others get up by themselves or fall asleep is looked after", "[pool]") {
  check_that_somebody_looks("what is submitted", 2, [](Bench& bench) {
    bench.submit_one_that([] { take(std::chrono::milliseconds{4}); });
    take(std::chrono::milliseconds{5});
    Flag other;
    bench.submit_one_that([&] { wait_for_another(bench, other); });
    bench.finish();
  });
  check_that_somebody_looks("a timer", 2, [](Bench& bench) {
    bench.submit_one_that([] { take(std::chrono::milliseconds{4}); });
    take(std::chrono::milliseconds{5});
    Deadline deadline;
    bench.submit_one_that([&] { wait_for(deadline, bench, false); });
    bench.finish();
  });
}

/// Messages of a few nanoseconds, for so long.
void work_finely(const Bench& bench, Duration time) {
  this_thread.ledger->add_owned(Count::Handled, StealGain::kFine * 10);
  for (const TimePoint end = bench.clock.now() + time; bench.clock.now() < end;) {
  }
}

/// A handler that waits for what it submits: the first is taken by another worker, for which that is so fine that it
/// tries out whether it pays to leave the second where it is. `waited`: how long that one has.
struct Hanging {
  void handle(Bench& bench) {
    Job* jobs[3];
    for (Job*& job : jobs) {
      job = &bench.make();
      ++bench.submitted;
    }
    jobs[0]->also = [&] {
      work_finely(bench, StealGain::kWindow + StealGain::kStandsStill);
      is_fine.set();
    };
    jobs[1]->also = [&] {
      waited = bench.clock.now() - began;
      is_through.set();
    };
    submit(bench.pool, *jobs[0]);
    submit(bench.pool, *jobs[1]);  // and the one before goes to the ring
    this_thread.ledger->add_owned(Count::Sent, 2);
    is_fine.wait();
    began = bench.clock.now();
    submit(bench.pool, *jobs[2]);
    is_through.wait();
  }
  Flag is_fine;
  Flag is_through;
  TimePoint began;
  Duration waited{};
};

/// `play` answers how long it took until somebody came who naps: within the window, and in most runs after a nap.
void check_that_somebody_naps(Duration (*play)()) {
  int runs = 0;
  int naps = 0;
  for (const Memory memory : {Memory::Sequential, Memory::Weak}) {
    CHECK_THAT(explore(memory == Memory::Weak ? "weak" : "sequential", Sampled{.runs = 500, .memory = memory},
                       [&] {
                         const Duration waited = play();
                         expect(waited < StealGain::kWindow, "[W2] it is not left for longer");
                         // Not always: it may come just between the look whether there is any and the taking.
                         if (waited >= StealGain::kStandsStill) ++naps;
                         ++runs;
                       }),
               holds());
  }
  if (runs > 1) CHECK(2 * naps > runs);
}

TEST_CASE("a worker that naps comes to what its owner does not come to when the nap is over", "[pool]") {
  check_that_somebody_naps([] {
    Bench bench{2, kSpin};
    at_stall(nullptr);  // it waits for time, and for nothing else
    Hanging hanging;
    bench.submit_one_that([&] { hanging.handle(bench); });
    hanging.is_fine.wait();
    bench.submit();  // from outside, where nobody sleeps who could be woken
    bench.finish();
    return hanging.waited;
  });
}

TEST_CASE("a worker that is about to nap leaves nothing to time where another sleeps", "[pool]") {  // P19
  check_by_seed(1'000, {3U}, [](unsigned workers) {
    Bench bench{workers, kSpin};
    Hanging hanging;
    bench.submit_one_that([&] { hanging.handle(bench); });
    hanging.is_fine.wait();
    bench.submit();
    bench.finish();
  });
}

/// A handler that lasts, on one of three workers that share a processor. A second worker gets on until what waits behind
/// that handler is done, so that the third has no seat. `waited`: how long it has.
struct Seatless {
  static void get_on() { this_thread.ledger->add_owned(Count::Handled, 1); }
  void handle(Bench& bench) {
    Job* jobs[3];
    for (Job*& job : jobs) {
      job = &bench.make();
      ++bench.submitted;
    }
    jobs[0]->also = [&] {
      sits.set();
      if (hangs_as_well) return through.wait();
      while (through.word.load(kAcquire) == 0 && bench.clock.now() - began < StealGain::kWindow) {
        get_on();
        take(std::chrono::microseconds{5});
      }
    };
    jobs[1]->also = [&] {
      waited = bench.clock.now() - began;
      through.set();
    };
    began = bench.clock.now();
    get_on();
    submit(bench.pool, *jobs[0]);
    submit(bench.pool, *jobs[1]);  // and the one before goes to the ring
    sits.wait();
    get_on();
    began = bench.clock.now();
    submit(bench.pool, *jobs[2]);
    through.wait();
  }
  bool hangs_as_well = false;  // the second
  Flag sits;
  Flag through;
  TimePoint began;
  Duration waited{};
};

TEST_CASE("a worker that has no seat comes to what its owner does not come to when the nap is over", "[pool]") {
  static_assert(Seats::kStandsStill == StealGain::kStandsStill);
  check_that_somebody_naps([] {
    Bench bench{3, {}, {}, 1};
    at_stall(nullptr);  // it waits for time
    Seatless seatless;
    bench.submit_one_that([&] { seatless.handle(bench); });
    seatless.through.wait();
    bench.submit();
    bench.finish();
    return seatless.waited;
  });
}

TEST_CASE("what a lookout comes to by another way than by search leaves somebody who looks", "[pool]") {  // P19
  for (const Memory memory : {Memory::Sequential, Memory::Weak}) {
    CHECK_THAT(explore(memory == Memory::Weak ? "weak" : "sequential", Sampled{.runs = 1'500, .memory = memory},
                       [] {
                         Bench bench{4, {}, {}, 1};
                         at_stall(nullptr);  // naps end by time, and sleeps of those who look soon
                         Seatless seatless;
                         seatless.hangs_as_well = true;
                         bench.submit_one_that([&] { seatless.handle(bench); });
                         seatless.sits.wait();
                         // Perhaps the lookout's, which does not come back before the ring of the one that hangs is empty.
                         bench.submit_one_that([&] { seatless.through.wait(); });
                         bench.finish();
                       }),
               holds());
  }
}

}  // namespace
}  // namespace coppice::interleave
