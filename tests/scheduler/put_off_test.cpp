#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "catch.hpp"
#include "coppice/base/intrusive_ptr.hpp"
#include "scheduler/work_pool.hpp"
#include "support/eventually.hpp"

// When a worker does what its thread has put off.

namespace coppice::detail {
namespace {

using namespace std::chrono_literals;

constexpr int kSeldom = 1000;  // so many activations, in which it looks around some sixteen times

struct Counted : PutOff {
  explicit Counted(std::atomic<int>& n) : caught_up{n} {}
  void catch_up() noexcept override { caught_up.fetch_add(1); }
  std::atomic<int>& caught_up;
};

/// Puts something off at its first run, and wants to run this often.
struct Job : Runnable {
  Job(RunTable& t, WorkPool& p, int r) : Runnable{t}, pool{p}, runs_left{r} {}
  static void run_job(Runnable& runnable) noexcept {
    Job& job = static_cast<Job&>(runnable);
    if (this_thread.worker->put_off == nullptr) this_thread.worker->put_off = std::make_unique<Counted>(job.caught_up);
    job.caught_up_before = job.caught_up.load();
    if (--job.runs_left > 0) return job.pool.yield(job);
    job.has_ended.store(true);
  }
  WorkPool& pool;
  int runs_left;
  std::atomic<int> caught_up{0};
  int caught_up_before = 0;  // its last run
  std::atomic<bool> has_ended{false};
};

struct OneWorker {
  OneWorker() {
    std::string error;
    REQUIRE(pool.start(error));
  }
  ~OneWorker() { static_cast<void>(pool.stop(TimePoint::max())); }
  OneWorker(const OneWorker&) = delete;
  OneWorker& operator=(const OneWorker&) = delete;
  static WorkPoolOptions options() {
    WorkPoolOptions options;
    options.workers = 1;
    options.hold = [](Runtime*) noexcept {};
    options.let_go = [](Runtime*) noexcept {};
    return options;
  }
  RunTable table{.run = &Job::run_job, .run_one = &Job::run_job};
  SteadyClock clock;
  WorkPool pool{*reinterpret_cast<Runtime*>(this), clock, options()};
};

TEST_CASE("a worker that has nothing else to do does what was put off") {
  OneWorker one;
  Job job{one.table, one.pool, 1};
  one.pool.submit(job);
  CHECK(testing::eventually([&] { return job.caught_up.load() > 0; }));
  CHECK(job.has_ended.load());
  CHECK(job.caught_up_before == 0);
  CHECK(one.pool.stop(TimePoint::max()));
}

TEST_CASE("a worker that is never idle does what was put off now and then") {
  OneWorker one;
  Job job{one.table, one.pool, kSeldom};
  one.pool.submit(job);
  CHECK(testing::eventually([&] { return job.has_ended.load(); }));
  CHECK(one.pool.stop(TimePoint::max()));  // from here the job is ours
  CHECK(job.caught_up_before >= kSeldom / 100);
  CHECK(job.caught_up_before <= kSeldom / 10);
}

/// Puts something off when it goes.
struct Alarm : Timer {
  explicit Alarm(std::atomic<int>& n)
      : Timer{[](Timer&) noexcept {},
              [](Timer& timer) noexcept {
                auto& self = static_cast<Alarm&>(timer);
                if (this_thread.worker != nullptr)
                  this_thread.worker->put_off = std::make_unique<Counted>(self.caught_up);
                delete &self;
              }},
        caught_up{n} {}
  std::atomic<int>& caught_up;
};

TEST_CASE("what goes with a worker's timers at its end is done as well") {
  std::atomic<int> caught_up{0};
  OneWorker one;
  one.pool.arm(*IntrusivePtr<Alarm>::adopt(new Alarm{caught_up}), one.clock.now() + 1h);
  CHECK(one.pool.stop(TimePoint::max()));
  CHECK(caught_up.load() == 1);
}

}  // namespace
}  // namespace coppice::detail
