#include "coppice/message/message.hpp"

#include <memory>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/message/ledger.hpp"

namespace coppice {
namespace {

struct Plain {};
struct MoveOnly {
  MoveOnly(MoveOnly&&) = default;
};
struct Pinned {
  Pinned(Pinned&&) = delete;
};
struct Abstract {
  virtual ~Abstract() = default;
  virtual void f() = 0;
};
struct Undying {
 private:
  ~Undying() = default;
};

TEST_CASE("what can be moved may be sent") {
  STATIC_REQUIRE(Message<int>);
  STATIC_REQUIRE(Message<Plain>);
  STATIC_REQUIRE(Message<std::string>);
  STATIC_REQUIRE(Message<std::unique_ptr<int>>);
  STATIC_REQUIRE(Message<MoveOnly>);
  STATIC_REQUIRE(Message<const char*>);
}

TEST_CASE("what cannot be moved or is no object may not be sent") {
  STATIC_REQUIRE_FALSE(Message<Pinned>);
  STATIC_REQUIRE_FALSE(Message<Abstract>);
  STATIC_REQUIRE_FALSE(Message<Undying>);
  STATIC_REQUIRE_FALSE(Message<void>);
  STATIC_REQUIRE_FALSE(Message<int&>);
  STATIC_REQUIRE_FALSE(Message<const int>);
  STATIC_REQUIRE_FALSE(Message<volatile int>);
  STATIC_REQUIRE_FALSE(Message<int[3]>);
  STATIC_REQUIRE_FALSE(Message<int()>);
}

TEST_CASE("every delivery and every reason has a name of its own") {
  const std::vector<std::string> deliveries{to_string(Delivery::Accepted), to_string(Delivery::Dropped),
                                            to_string(Delivery::Rejected), to_string(Delivery::TimedOut),
                                            to_string(Delivery::Closed)};
  std::vector<std::string> reasons;
  for (int i = 0; i < kDeadReasons; ++i) reasons.emplace_back(to_string(static_cast<DeadReason>(i)));
  for (const auto& names : {deliveries, reasons}) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      CHECK_FALSE(names[i].empty());
      for (std::size_t j = 0; j < i; ++j) CHECK(names[i] != names[j]);
    }
  }
}

TEST_CASE("a ledger balances only when every message is accounted for") {
  Ledger ledger;
  CHECK(ledger.balances());
  ledger.sent = 10;
  CHECK_FALSE(ledger.balances());
  ledger.handled = 4;
  ledger.dead_by_reason[static_cast<std::size_t>(DeadReason::Rejected)] = 3;
  ledger.dead_by_reason[static_cast<std::size_t>(DeadReason::InHand)] = 1;
  ledger.handed_back = 1;
  ledger.queued = 1;
  CHECK(ledger.balances());
  CHECK(ledger.dead() == 4);
  CHECK(ledger.dead(DeadReason::Rejected) == 3);
  ledger.handled = 5;
  CHECK_FALSE(ledger.balances());
}

TEST_CASE("each reason for a dead letter is counted in a place of its own") {
  detail::LedgerShard shard;
  for (int i = 0; i < kDeadReasons; ++i) {
    const auto count = detail::dead_count(static_cast<DeadReason>(i));
    CHECK(static_cast<int>(count) < detail::kCounts);
    shard.add_owned(count, static_cast<std::uint64_t>(i) + 1);
  }
  for (int i = 0; i < kDeadReasons; ++i) {
    CHECK(shard.value(detail::dead_count(static_cast<DeadReason>(i))) == static_cast<std::uint64_t>(i) + 1);
  }
  CHECK(shard.value(detail::Count::Sent) == 0);
}

}  // namespace
}  // namespace coppice
