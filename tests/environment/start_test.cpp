#include <atomic>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "catch.hpp"
#include "coppice/asio.hpp"
#include "coppice/coppice.hpp"
#include "coppice/system/pinned_thread.hpp"
#include "environment/faults.hpp"
#include "soak/process.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"

// A machine that has nothing left: each call to it that a start makes fails once, the first, the second and so on until
// there is none of that number. What was built until then is taken down again.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using soak::Process;
using testing::Call;
using testing::FailNth;
using testing::FailNthInNewThreads;
using testing::kPatience;

struct Echo : Actor<Echo> {
  int handle(int number) { return number; }
};

/// What outlives a first use: the block pool's blocks, Asio's and the thread library's own.
void warm_up() {
  ActorSystem system{testing::two_workers()};
  CHECK(system.spawn<Echo>().ask(1, kPatience).get());
}

/// A thread that has been joined leaves the list of threads a moment later.
[[nodiscard]] bool is_as_before(const Process& before) {
  return testing::eventually([&] {
    const Process now = Process::now();
    return now.threads == before.threads && now.files == before.files;
  });
}

/// Starts a system under each n-th failure. How many starts were refused.
std::uint64_t start_under(Call call, bool for_good) {
  std::uint64_t refused = 0;
  for (std::uint64_t n = 1;; ++n) {
    CAPTURE(static_cast<int>(call), n, for_good);
    REQUIRE(n < 1'000);
    const Process before = Process::now();
    std::optional<ActorSystem> system;
    bool happened = false;
    bool threw = false;
    {
      SystemOptions options = testing::two_workers();
      options.workers = 4;
      const FailNth fail{call, n, for_good};
      try {
        system.emplace(std::move(options));
      } catch (const std::bad_alloc&) {
        threw = true;
      }
      happened = fail.happened();
    }
    if (threw) {
      CHECK(happened);
      ++refused;
    } else if (!system->status()) {
      CHECK(happened);
      CHECK_FALSE(system->status().error().text.empty());
      CHECK(system->try_spawn<Echo>({}).error() == SpawnError::Closing);
      CHECK(system->shutdown().complete);
      ++refused;
    } else {
      CHECK(system->spawn<Echo>().ask(static_cast<int>(n), kPatience).get() ==
            Result<int, AskError>{static_cast<int>(n)});
      testing::check_end(*system);
    }
    system.reset();
    REQUIRE(is_as_before(before));
    if (!happened) return refused;
  }
}

TEST_CASE("whichever thread of a system cannot be started the others end and the system says so") {  // P23
  warm_up();
  CHECK(start_under(Call::Thread, false) == 4);
  CHECK(start_under(Call::Thread, true) == 4);
}

TEST_CASE("a thread that cannot be started is said also where there is no memory for more words") {  // P23
  warm_up();
  std::uint64_t brief = 0;
  for (std::uint64_t n = 1;; ++n) {
    CAPTURE(n);
    REQUIRE(n < 1'000);
    std::optional<ActorSystem> system;
    const FailNth no_thread{Call::Thread, 1};
    std::optional<FailNth> no_memory{std::in_place, Call::Allocation, n};
    try {
      system.emplace(testing::two_workers());
    } catch (const std::bad_alloc&) {
    }
    const bool happened = no_memory->happened();
    no_memory.reset();
    CHECK((system.has_value() || happened));
    if (system) {
      REQUIRE_FALSE(system->status());
      if (system->status().error().text == "no thread") ++brief;
      CHECK(system->try_spawn<Echo>({}).error() == SpawnError::Closing);
    }
    if (!happened) break;
  }
  CHECK(brief > 0);
}

TEST_CASE("whatever a start has no memory for it throws or says so and leaves nothing") {  // P23
  warm_up();
  CHECK(start_under(Call::Allocation, false) > 10);
  CHECK(start_under(Call::Allocation, true) > 10);
}

#if !defined(__SANITIZE_ADDRESS__)  // there each block is the allocator's, and the first of an actor's may not fail
TEST_CASE("a thread that finds no memory when it starts does its work or says so") {  // P23
  int brief = 0;
  int long_enough = 0;
  for (std::uint64_t n = 1; n <= 10; ++n) {
    CAPTURE(n);
    std::optional<ActorSystem> system;
    std::string why_not;
    {
      const FailNthInNewThreads fail{n};
      system.emplace(testing::two_workers());
      const auto nowhere = PinnedThread::make(*system, {.cpu = 100'000});
      REQUIRE_FALSE(nowhere);
      why_not = nowhere.error();
    }
    REQUIRE(system->status());
    CHECK(system->spawn<Echo>().ask(1, kPatience).get() == Result<int, AskError>{1});
    ++(why_not == "no memory" ? brief : long_enough);
    if (why_not != "no memory") CHECK(why_not.find("processor 100000") != std::string::npos);
    testing::check_end(*system);
  }
  CHECK(brief > 0);
  CHECK(long_enough > 0);
}
#endif

TEST_CASE("no start needs more of the machine than threads and memory") {
  warm_up();
  for (const Call call : {Call::Epoll, Call::EpollAdd, Call::EventFd, Call::Pipe, Call::TimerFd, Call::Socket})
    CHECK(start_under(call, true) == 0);
}

TEST_CASE("a pinned thread that cannot be started is reported and the system goes on") {  // P23
  warm_up();
  ActorSystem system{testing::two_workers()};
  for (const Call call : {Call::Thread, Call::Allocation}) {
    for (std::uint64_t n = 1;; ++n) {
      CAPTURE(static_cast<int>(call), n);
      REQUIRE(n < 100);
      bool happened = false;
      bool made = false;
      const Process before = Process::now();
      {
        const FailNth fail{call, n};
        try {
          made = PinnedThread::make(system, {}).has_value();
        } catch (const std::bad_alloc&) {
        }
        happened = fail.happened();
      }
      if (!made) REQUIRE(is_as_before(before));
      CHECK(system.spawn<Echo>().ask(1, kPatience).get() == Result<int, AskError>{1});
      if (!happened) break;
    }
  }
  testing::check_end(system);
}

/// Asks for the system's io_context, which is made then, on its own turn under an injected failure.
struct Io : Actor<Io> {
  struct Fail {
    Call call;
    std::uint64_t n;
  };
  /// Whether it failed, and whether there was an n-th call.
  std::pair<bool, bool> handle(Fail what) {
    const FailNth fail{what.call, what.n, true};
    try {
      static_cast<void>(executor());
      static_cast<void>(asio::query(executor(), asio::execution::context));
    } catch (const std::system_error&) {
      return {true, fail.happened()};
    } catch (const std::bad_alloc&) {
      return {true, fail.happened()};
    }
    return {false, fail.happened()};
  }
};

TEST_CASE("input and output that the machine has no room for is an exception in the handler that wanted it") {  // P23
  warm_up();
  for (const Call call : {Call::Epoll, Call::EpollAdd, Call::EventFd, Call::Pipe, Call::TimerFd, Call::Allocation}) {
    for (std::uint64_t n = 1;; ++n) {
      CAPTURE(static_cast<int>(call), n);
      REQUIRE(n < 100);
      const Process before = Process::now();
      bool happened = false;
      {
        ActorSystem system{testing::two_workers()};
        const auto io = system.spawn<Io>();
        const auto answer = io.ask(Io::Fail{call, n}, kPatience).get();
        REQUIRE(answer);
        happened = answer->second;
        // Once more, with nothing in its way.
        CHECK(io.ask(Io::Fail{Call::Socket, 100}, kPatience).get().value().first == false);
        testing::check_end(system);
      }
      REQUIRE(is_as_before(before));
      if (!happened) break;
    }
  }
}

/// What is sent from outside wakes the one worker, which sleeps in its reactor; that takes memory of Asio's.
TEST_CASE("a worker that sleeps in its reactor is woken though there is no memory just then") {  // P4 P23
  ActorSystem system{{.workers = 1}};
  const auto io = system.spawn<Io>();
  REQUIRE_FALSE(io.ask(Io::Fail{Call::Socket, 100}, kPatience).get().value().first);
  const auto echo = system.spawn<Echo>();
  int failed = 0;
  CHECK(testing::eventually([&] {
    bool happened = false;
    {
      const FailNth fail{Call::Aligned, 1};
      echo.send(1);
      happened = fail.happened();
    }
    CHECK(testing::at_rest(system));
    return (failed += happened ? 1 : 0) == 3;
  }));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
