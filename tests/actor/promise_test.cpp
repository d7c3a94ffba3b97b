#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/test_end.hpp"

// F20: what becomes of a promise of a later reply that is not simply kept.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

struct Question {};
struct AnswerBadly {};
struct Count {};
struct SetAside {};
struct Moody {  // a reply whose construction throws
  explicit Moody(int n) : number{n} {
    if (n < 0) throw std::runtime_error{"no such mood"};
  }
  int number;
};

struct Keeper : Actor<Keeper> {
  Later<Moody> handle(Question) {
    auto [promise, later] = reply_later<Moody>();
    if (!kept) {
      kept.emplace(std::move(promise));
    } else {
      *kept = std::move(promise);  // the one before is dropped
    }
    return std::move(later);
  }
  bool handle(AnswerBadly) {
    try {
      return kept->set(-1);
    } catch (const std::runtime_error&) {
      return false;
    }
  }
  void handle(SetAside message) { stash(std::move(message)); }
  std::size_t handle(Count) { return stashed(); }
  std::optional<ReplyPromise<Moody>> kept;
};

TEST_CASE("a promise that another one takes the place of is dropped") {
  TestSystem system;
  const auto keeper = system.spawn<Keeper>();
  auto first = keeper.ask(Question{}, 1h);
  auto second = keeper.ask(Question{}, 1h);
  system.run_until_idle();
  CHECK(first.get().error() == AskError::NoReply);
  CHECK_FALSE(second.is_ready());
  static_cast<void>(system.stop(keeper).get());
  CHECK(second.get().error() == AskError::NoReply);
  testing::check_end(system);
}

TEST_CASE("a reply that throws while it is made is told to both sides") {
  TestSystem system;
  const auto keeper = system.spawn<Keeper>();
  auto asked = keeper.ask(Question{}, 1h);
  CHECK(keeper.ask(AnswerBadly{}, 1h).get() == false);
  CHECK(asked.get().error() == AskError::Crashed);
  testing::check_end(system);
}

struct Clerk : Actor<Clerk> {
  explicit Clerk(ActorRef<Keeper> k) : keeper{std::move(k)} {}
  Later<int> handle(Question) {
    static_cast<void>(delegate(keeper, Count{}));  // whose reply is a std::size_t
    return already_answered<int>();
  }
  ActorRef<Keeper> keeper;
};

TEST_CASE("a question that is delegated to where the reply has another type has none and is handled there") {  // F20
  TestSystem system;
  const auto keeper = system.spawn<Keeper>();
  auto asked = system.spawn<Clerk>(keeper).ask(Question{}, 1h);
  system.run_until_idle();
  REQUIRE(asked.is_ready());  // at once, not at its deadline
  CHECK(asked.get().error() == AskError::NoReply);
  CHECK(system.ledger().handled == 2);
  CHECK(system.stats().late_replies == 0);
  testing::check_end(system);
}

TEST_CASE("an actor knows how many messages it has put aside") {
  TestSystem system;
  const auto keeper = system.spawn<Keeper>();
  CHECK(keeper.ask(Count{}, 1h).get() == 0U);
  keeper.send(SetAside{});
  keeper.send(SetAside{}, {.correlation_id = 7});
  CHECK(keeper.ask(Count{}, 1h).get() == 2U);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
