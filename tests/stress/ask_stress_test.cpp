#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;

struct Double {
  int number;
};
struct Oracle : Actor<Oracle> {
  int handle(Double d) { return 2 * d.number; }
};

TEST_CASE("a million asks of an actor that answers at once never time out") {  // F35
  ActorSystem system{testing::two_workers()};
  const auto oracle = system.spawn<Oracle>();
  const int each = static_cast<int>(testing::scaled(250'000));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        if (!(oracle.ask(Double{i}, kPatience).get() == Result<int, AskError>{2 * i})) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(system.stats().late_replies == 0);
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

TEST_CASE("asks from threads with deadlines near the latency have one outcome each") {  // P12
  ActorSystem system{testing::two_workers()};
  const auto oracle = system.spawn<Oracle>();
  const std::size_t each = testing::scaled(100'000);
  std::atomic<std::uint64_t> replies{0};
  std::atomic<std::uint64_t> timeouts{0};
  std::atomic<std::uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < each; ++i) {
        const auto answer = oracle.ask(Double{21}, Duration{static_cast<std::int64_t>((i + t) % 40) * 1'000}).get();
        if (answer) {
          ++(answer.value() == 42 ? replies : wrong);
        } else {
          ++(answer.error() == AskError::Timeout ? timeouts : wrong);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(testing::at_rest(system));
  CHECK(wrong == 0);
  CHECK(replies + timeouts == 4 * each);
  CHECK(oracle.message_count() == 4 * each);
  CHECK(system.stats().late_replies == timeouts);
  testing::check_end(system);
}

TEST_CASE("asks of actors that end under them have one outcome each") {  // P12
  ActorSystem system{testing::quiet(testing::two_workers())};
  struct Frail : Actor<Frail> {
    int handle(Double d) {
      if (d.number % 50 == 0) throw d.number;
      if (d.number % 70 == 0) stop();
      return d.number;
    }
  };
  std::array<std::atomic<std::uint64_t>, 6> errors{};
  std::atomic<std::uint64_t> replies{0};
  const int rounds = static_cast<int>(testing::scaled(2'000));
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < rounds; ++round) {
        const auto frail = system.spawn<Frail>();
        std::vector<AskFuture<int>> futures;
        for (int i = 1; i <= 10; ++i) futures.push_back(frail.ask(Double{round * 10 + i + t}, kForever));
        if (round % 3 == 0) static_cast<void>(system.stop(frail));
        for (auto& future : futures) {
          const auto answer = future.get();
          if (answer) {
            ++replies;
          } else {
            ++errors[static_cast<std::size_t>(answer.error())];
          }
        }
        static_cast<void>(system.stop(frail).get());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(testing::at_rest(system));
  const auto of = [&](AskError error) { return errors[static_cast<std::size_t>(error)].load(); };
  CHECK(replies + of(AskError::Closed) + of(AskError::Crashed) == 30 * static_cast<std::uint64_t>(rounds));
  CHECK(of(AskError::Timeout) == 0);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
