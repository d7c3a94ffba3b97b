#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/platform.hpp"
#include "catch.hpp"
#include "coppice/asio.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

// What a child finds of a system that was there before the fork(): everything in it answers that it is over, and nothing
// waits. The child says what it has seen by letters on a pipe, since Catch2 has one process in mind.

namespace {
bool is_child = false;
}  // namespace
/// Asked by LeakSanitizer, under this name of its own, when a process ends: what only the threads of the parent held is no
/// leak of the child's.
// NOLINTNEXTLINE(bugprone-reserved-identifier, readability-identifier-naming): LeakSanitizer's
extern "C" int __lsan_is_turned_off() { return is_child ? 1 : 0; }
#if defined(COPPICE_COVERAGE)
// NOLINTNEXTLINE(bugprone-reserved-identifier, readability-identifier-naming): GCC's
extern "C" void __gcov_dump();
#endif

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;

struct Tick {};
struct Hang {
  Gate* gate;
};
struct Fork {
  int fd;
};

struct Echo : Actor<Echo> {
  int handle(int number) { return number; }
  void handle(Tick) { ++ticks; }
  void handle(Hang hang) { hang.gate->pass(); }
  int handle(Fork);
  TimerHandle handle(std::string) { return send_after(1h, Tick{}); }
  static inline std::atomic<int> ticks{0};
};

/// One word for each thing that is as it should be, '!' in front of what is not.
class Words {
 public:
  explicit Words(int fd) : fd_{fd} {}
  void check(bool condition, const char* word) {
    const std::string text = (condition ? std::string{} : std::string{"!"}) + word + ' ';
    static_cast<void>(::write(fd_, text.data(), text.size()));
  }

 private:
  int fd_;
};

/// Forks, has the child run `in_child`, and answers what it wrote; "hangs" where it does not come to its end.
template <class F>
std::string in_a_child(F in_child) {
  int files[2];
  REQUIRE(::pipe(files) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    is_child = true;
    ::close(files[0]);
    Words words{files[1]};
    in_child(words);
#if defined(COPPICE_COVERAGE)
    __gcov_dump();  // what has run here has run
#endif
    ::_exit(0);
  }
  ::close(files[1]);
  std::string said;
  char buffer[256];
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    pollfd waited{files[0], POLLIN, 0};
    if (::poll(&waited, 1, 1'000) == 0 && std::chrono::steady_clock::now() > deadline) {
      said += "hangs";
      ::kill(child, SIGKILL);
      break;
    }
    if (waited.revents == 0) continue;
    const ssize_t count = ::read(files[0], buffer, sizeof buffer);
    if (count <= 0) break;
    said.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(files[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) said += "signal " + std::to_string(WTERMSIG(status));
  return said;
}

/// All that a thread can do with what it has of the system.
void try_everything(System& system, InMemoryBroker& broker, const ActorRef<Echo>& echo, Words& words) {
  words.check(echo.send(Tick{}) == Delivery::Closed, "send");
  words.check(echo.send(Tick{}, {.reply_to = echo}) == Delivery::Closed, "send_with");
  Tick mine;
  words.check(echo.try_send(mine) == Delivery::Closed, "try_send");
  words.check(echo.ask(1, kForever).get().error() == AskError::Closed, "ask");
  words.check(echo.call(1, kForever).error() == AskError::Closed, "call");
  words.check(system.try_spawn<Echo>({}).error() == SpawnError::Closing, "try_spawn");
  words.check(system.spawn<Echo>().send(Tick{}) == Delivery::Closed, "spawn");
  words.check(
      system.start(supervisor({.id = "app"}, child<Echo>({.id = "a"}))).error().kind == StartError::Kind::Closing,
      "start");
  words.check(system.stop(echo).get().error() == StopError::AlreadyStopped, "stop");
  words.check(system.find<Echo>("echo").has_value(), "find");
  words.check(system.named<Echo>("echo").send(Tick{}) == Delivery::Closed, "named");
  words.check(!system.register_name("other", echo), "register");
  words.check(broker.publish("a.b", Tick{}).status.error() == BrokerError::Closed, "publish");
  words.check(!broker.subscribe<Tick>("a.>", echo).status(), "subscribe");
  static_cast<void>(system.stats());
  static_cast<void>(system.dead_letters());
  words.check(system.is_shutting_down(), "closing");
  words.check(!system.shutdown().complete, "shutdown");
}
constexpr const char* kEverything =
    "send send_with try_send ask call try_spawn spawn start stop find named register publish subscribe closing "
    "shutdown ";

TEST_CASE("in the child of a fork everything of a system answers that it is over and nothing waits") {  // P23
  ActorSystem system{testing::quiet(testing::two_workers())};
  InMemoryBroker broker{system};
  const auto echo = system.spawn<Echo>({.name = "echo"});
  const Subscription subscription = broker.subscribe<Tick>("a.>", echo);
  REQUIRE(echo.ask(1, kPatience).get());
  CHECK(in_a_child([&](Words& words) { try_everything(system, broker, echo, words); }) == kEverything);
  // And here all goes on.
  CHECK(echo.ask(2, kPatience).get() == Result<int, AskError>{2});
  testing::check_end(system);
}

TEST_CASE("what was posted in a context of the user's before a fork is the parent's to run") {  // P2 P23
  asio::io_context io;
  ActorSystem system{testing::quiet({.run_in = users_context(io)})};
  const auto echo = system.spawn<Echo>();
  REQUIRE(echo.ask(1, kPatience).get().has_value());
  const int before = Echo::ticks;
  echo.send(Tick{});
  const std::string said = in_a_child([&](Words& words) {
    while (io.poll() != 0) {
    }
    words.check(Echo::ticks == before, "ticks");
    words.check(echo.send(Tick{}) == Delivery::Closed, "send");
    words.check(echo.ask(1, kForever).get().error() == AskError::Closed, "ask");
  });
  CHECK(said == "ticks send ask ");
  CHECK(echo.ask(2, kPatience).get().has_value());
  CHECK(Echo::ticks == before + 1);
  testing::check_end(system);
}

TEST_CASE("a system in a context of the user's is destroyed in the child of a fork and the context as well") {  // P23
  for (const bool has_actor : {true, false}) {  // without one nothing of the system is left in the child
    CAPTURE(has_actor);
    std::optional<asio::io_context> io{std::in_place};
    std::optional<ActorSystem> system{std::in_place, testing::quiet({.run_in = users_context(*io)})};
    auto echo = system->spawn<Echo>();
    TimerHandle timer = echo.ask(std::string{}, kPatience).get().value();
    if (!has_actor) {
      timer = {};
      REQUIRE(system->stop(echo).get().has_value());
      echo = {};
    }
    const std::string said = in_a_child([&](Words& words) {
      system.reset();
      words.check(echo.send(Tick{}) == Delivery::Closed, "send");
      timer.cancel();
      words.check(!timer.is_active(), "timer");
      echo = {};
      timer = {};
      io.reset();
      words.check(true, "destroyed");
    });
    CHECK(said == "send timer destroyed ");
    timer = {};
    testing::check_end(*system);
  }
}

TEST_CASE("a fork in the middle of a storm leaves a child that hangs nowhere") {  // P23
  ActorSystem system{testing::quiet(testing::two_workers())};
  InMemoryBroker broker{system};
  const auto echo = system.spawn<Echo>({.name = "echo"});
  std::vector<Subscription> kept;
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!over) {
        const auto other = system.spawn<Echo>();
        for (int i = 0; i < 50; ++i) echo.send(Tick{});
        const Subscription passing = broker.subscribe<Tick>("a.*", other);
        broker.publish("a.b", Tick{});
        static_cast<void>(system.register_name("other", other));
        static_cast<void>(echo.ask(1, kPatience).get());
        static_cast<void>(system.stop(other));
        echo.send(Tick{});
      }
    });
  }
  for (std::size_t i = 0; i < testing::scaled(20); ++i) {
    CAPTURE(i);
    REQUIRE(in_a_child([&](Words& words) { try_everything(system, broker, echo, words); }) == kEverything);
  }
  over = true;
  for (auto& thread : threads) thread.join();
  CHECK(echo.ask(2, kPatience).get() == Result<int, AskError>{2});
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

TEST_CASE("what was under way at a fork is over in the child") {  // P12 P23
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto echo = system.spawn<Echo>();
  Gate gate;
  TimerHandle timer = echo.ask(std::string{}, kPatience).get().value();
  echo.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  AskFuture<int> pending = echo.ask(3, kForever);
  StopFuture stopped = system.stop(echo, {.mailbox = StopMode::Drain, .within = 1h});
  CHECK(in_a_child([&](Words& words) {
          words.check(pending.get().error() == AskError::Closed, "ask");
          words.check(stopped.get().error() == StopError::AlreadyStopped, "stop");
          timer.cancel();
          words.check(!timer.is_active(), "timer");
        }) == "ask stop timer ");
  gate.open();
  CHECK(pending.get() == Result<int, AskError>{3});
  CHECK(stopped.get().has_value());
  testing::check_end(system);
}

TEST_CASE("a system is destroyed in the child of a fork and the child exits") {  // P23
  std::optional<ActorSystem> system{std::in_place, testing::quiet(testing::two_workers())};
  std::optional<InMemoryBroker> broker{std::in_place, *system};
  auto echo = system->spawn<Echo>();
  Subscription subscription = broker->subscribe<Tick>("a", echo);
  REQUIRE(echo.ask(1, kPatience).get());
  CHECK(in_a_child([&](Words& words) {
          subscription.cancel();
          broker.reset();
          system.reset();
          words.check(echo.send(Tick{}) == Delivery::Closed, "send");
          echo = {};
          words.check(true, "destroyed");
        }) == "send destroyed ");
  CHECK(in_a_child([&](Words& words) {
          words.check(true, "exits");
          std::exit(0);  // with all that is still there
        }) == "exits ");
  CHECK(echo.ask(1, kPatience).get());
  testing::check_end(*system);
}

using Word = detail::Atomic<std::uint32_t>;

void wait_while(const Word& word, std::uint32_t value) {
  while (word.load(detail::kAcquire) == value) static_cast<void>(detail::wait_on(word, value, kForever));
}
void say(Word& word, std::uint32_t value) {
  word.store(value, detail::kRelease);
  detail::wake_all(word);
}

TEST_CASE("threads of a child wait where threads of the parent were waiting at the fork") {  // P23
#if defined(__SANITIZE_THREAD__)
  SUCCEED("ThreadSanitizer starts no threads there");
#else
  const ActorSystem system{testing::two_workers()};  // a fork is none of the runtime's business before there is one
  // Side by side, and more than there are places where a platform keeps those who wait.
  std::vector<Word> words_of_parent(64);
  std::atomic<std::size_t> arrived{0};
  std::vector<std::thread> threads;
  for (Word& word : words_of_parent) {
    threads.emplace_back([&] {
      ++arrived;
      wait_while(word, 0);
    });
  }
  REQUIRE(testing::eventually([&] { return arrived == threads.size(); }));
  CHECK(in_a_child([&](Words& words) {
          // To and fro, so that each of the two really waits for the other.
          constexpr std::uint32_t kRounds = 20;
          Word answer{0};
          for (Word& word : words_of_parent) {
            answer.store(0, detail::kRelaxed);
            std::thread other{[&] {
              for (std::uint32_t round = 0; round < kRounds; ++round) {
                wait_while(word, round);
                say(answer, round + 1);
              }
            }};
            for (std::uint32_t round = 0; round < kRounds; ++round) {
              say(word, round + 1);
              wait_while(answer, round);
            }
            other.join();
          }
          words.check(true, "woken");
        }) == "woken ");
  for (Word& word : words_of_parent) say(word, 1);
  for (auto& thread : threads) thread.join();
#endif
}

TEST_CASE("a child may have a system of its own") {  // P23
#if defined(__SANITIZE_THREAD__)
  SUCCEED("ThreadSanitizer starts no threads there");
#else
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto echo = system.spawn<Echo>();
  REQUIRE(echo.ask(1, kPatience).get());
  CHECK(in_a_child([&](Words& words) {
          ActorSystem own{testing::two_workers()};
          const auto mine = own.spawn<Echo>();
          words.check(mine.ask(7, kPatience).get() == Result<int, AskError>{7}, "ask");
          // As much as makes a thread count on its own. NOLINTNEXTLINE(bugprone-inc-dec-in-conditions): in CHECK's
          for (int i = 0; i < 1'000; ++i) mine.send(Tick{});
          words.check(testing::at_rest(own), "rest");
          words.check(echo.send(Tick{}) == Delivery::Closed, "closed");
          words.check(own.shutdown().complete, "complete");
        }) == "ask rest closed complete ");
  testing::check_end(system);
#endif
}

int Echo::handle(Fork fork) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  is_child = true;
  Words words{fork.fd};
  words.check(self().send(Tick{}) == Delivery::Closed, "send");
  words.check(system().try_spawn<Echo>({}).error() == SpawnError::Closing, "spawn");
  stop();
  return 0;
}

TEST_CASE("a handler that forks comes to its end in the child and nothing after it runs there") {  // P2 P23
#if defined(__SANITIZE_THREAD__)
  SUCCEED("ThreadSanitizer does not survive the end of a thread there");
#else
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto echo = system.spawn<Echo>();
  int files[2];
  REQUIRE(::pipe(files) == 0);
  Gate gate;
  Echo::ticks = 0;
  echo.send(Hang{&gate});
  AskFuture<int> child = echo.ask(Fork{files[1]}, kPatience);
  for (int i = 0; i < 10; ++i) echo.send(Tick{});
  gate.open();
  const auto pid = child.get();
  REQUIRE(pid);
  ::close(files[1]);
  int status = 0;
  REQUIRE(testing::eventually([&] { return ::waitpid(pid.value(), &status, WNOHANG) == pid.value(); }));
  CAPTURE(status);
  CHECK(WIFEXITED(status));
  char said[64] = {};
  CHECK(::read(files[0], said, sizeof said - 1) > 0);
  CHECK(std::string{said} == "send spawn ");
  ::close(files[0]);
  REQUIRE(testing::at_rest(system));
  CHECK(Echo::ticks == 10);
  testing::check_end(system);
#endif
}

}  // namespace
}  // namespace coppice
