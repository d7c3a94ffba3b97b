#include "coppice/asio.hpp"

#include <unistd.h>

#include <array>
#include <asio/connect_pipe.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/readable_pipe.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/writable_pipe.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/eventually.hpp"
#include "support/exclusive.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;

struct Add {};
struct Totals {
  int messages;
  int ticks;
  int posted;
  bool exclusive;
};
struct HowFar {};

/// Messages, an Asio timer and posted functions, all on one turn.
struct Busy : Actor<Busy> {
  testing::Exclusive exclusive;
  asio::steady_timer timer{executor()};
  int messages = 0;
  int ticks = 0;
  int posted = 0;

  void on_start() { tick(); }
  void tick() {
    timer.expires_after(200us);
    timer.async_wait([this](const asio::error_code& error) {
      if (error) return;
      const auto turn = exclusive.enter();
      if (++ticks < 20) tick();
    });
  }
  void handle(Add) {
    const auto turn = exclusive.enter();
    ++messages;
    asio::post(executor(), [this] {
      const auto inner = exclusive.enter();
      ++posted;
    });
  }
  Totals handle(HowFar) {
    const auto turn = exclusive.enter();
    return Totals{messages, ticks, posted, exclusive.held()};
  }
};

/// Four threads send while the timer ticks; ends when all of it has arrived.
void drive(const ActorRef<Busy>& busy) {
  constexpr int kThreads = 4;
  const int each = static_cast<int>(testing::scaled(2'000));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) busy.send(Add{});
    });
  }
  for (std::thread& thread : threads) thread.join();
  Totals totals{};
  CHECK(testing::eventually([&] {
    const auto answer = busy.ask(HowFar{}, testing::kPatience).get();
    if (!answer) return false;
    totals = answer.value();
    return totals.ticks == 20 && totals.posted == kThreads * each;
  }));
  CHECK(totals.messages == kThreads * each);
  CHECK(totals.exclusive);
}

TEST_CASE("the same actor keeps its turn on the pool, on a foreign executor and on a literal strand") {  // P1
  asio::thread_pool threads{2};
  asio::io_context io;
  auto work = asio::make_work_guard(io);
  std::thread runner{[&] { io.run(); }};
  {
    ActorSystem system{{.workers = 2}};
    drive(system.spawn<Busy>());
    drive(system.spawn<Busy>({.on = io.get_executor()}));
    drive(system.spawn<Busy>({.on = threads.get_executor()}));
    drive(system.spawn<Busy>({.on = asio::make_strand(threads)}));
    testing::check_end(system);
  }
  work.reset();
  runner.join();
}

struct Promise {
  std::shared_ptr<std::atomic<int>> ran;
};

/// Keeps nothing: what it posts must not reach its next life.
struct Fragile : Actor<Fragile> {
  void handle(Promise promise) {
    asio::post(executor(), [ran = promise.ran] { ran->fetch_add(1); });
    throw std::runtime_error("before the function could run");
  }
  std::uint32_t handle(HowFar) { return incarnation(); }
};

TEST_CASE("a function that was posted by one life is destroyed, not run, in the next") {
  ActorSystem system{{.workers = 2, .reports = false}};
  const auto root = system.start(supervisor({.id = "app"}, child<Fragile>({.id = "fragile"})));
  REQUIRE(root);
  const auto fragile = root->child<Fragile>("fragile").value();
  const auto ran = std::make_shared<std::atomic<int>>(0);
  fragile.send(Promise{ran});
  CHECK(fragile.ask(HowFar{}, testing::kPatience).get().value() == 2);
  CHECK(testing::eventually([&] { return ran.use_count() == 1; }));
  CHECK(ran->load() == 0);
  testing::check_end(system);
}

/// Reads one byte at a time from a pipe.
struct Reader : Actor<Reader> {
  asio::readable_pipe pipe;
  std::array<char, 1> byte{};
  int got = 0;
  explicit Reader(int handle_of_pipe) : pipe{executor(), handle_of_pipe} {}
  void on_start() { read(); }
  void read() {
    pipe.async_read_some(asio::buffer(byte), [this](const asio::error_code& error, std::size_t) {
      if (error) return;
      ++got;
      read();
    });
  }
  int handle(HowFar) { return got; }
};

TEST_CASE("an idle system's workers wait for a pipe, and busy ones look at it too") {
  ActorSystem system{{.workers = 1}};
  asio::io_context outside;
  asio::readable_pipe in{outside};
  asio::writable_pipe out{outside};
  asio::connect_pipe(in, out);
  const auto reader = system.spawn<Reader>(::dup(in.native_handle()));
  const auto spinner = system.spawn<Busy>();
  for (int i = 1; i <= 20; ++i) {
    asio::write(out, asio::buffer("x", 1));
    if (i > 10) {
      for (int n = 0; n < 500; ++n) spinner.send(Add{});
    }
    REQUIRE(testing::eventually([&] { return reader.ask(HowFar{}, testing::kPatience).get().value() == i; }));
  }
  testing::check_end(system);
}

TEST_CASE("what a function of the user's throws in the system's context is that function's end alone") {
  struct Echo : Actor<Echo> {
    int handle(int number) { return number; }
  };
  ActorSystem system{testing::two_workers()};
  const auto echo = system.spawn<Echo>();
  std::atomic<int> thrown{0};
  for (int i = 1; i <= 100; ++i) {
    asio::post(io_context(system), [&] {
      ++thrown;
      throw std::runtime_error{"the user's"};
    });
    if (i % 2 == 0)
      REQUIRE(testing::eventually([&] { return thrown == i; }));  // idle workers wait there, busy ones look
    REQUIRE(echo.ask(i, testing::kPatience).get() == Result<int, AskError>{i});
  }
  CHECK(testing::eventually([&] { return thrown == 100; }));
  testing::check_end(system);
}

TEST_CASE("a strand of an actor's executor works as on any other") {
  ActorSystem system{{.workers = 2}};
  const auto busy = system.spawn<Busy>();
  REQUIRE(busy.ask(HowFar{}, testing::kPatience).get());
  std::atomic<int> ran{0};
  const ActorExecutor executor{detail::RefAccess::cell(busy)};
  const auto strand = asio::make_strand(executor);
  for (int i = 0; i < 100; ++i) asio::post(strand, [&] { ran.fetch_add(1); });
  CHECK(testing::eventually([&] { return ran.load() == 100; }));
  CHECK(executor == ActorExecutor{detail::RefAccess::cell(busy)});
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
