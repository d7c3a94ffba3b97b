#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/mailbox_actor.hpp"
#include "support/mailbox_model.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

// Random traffic against the model in support/mailbox_model.hpp, which was written from the documented rules.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::MailboxModel;
using testing::ModelItem;
using testing::Reader;
using testing::TestSystem;
using testing::Tick;

/// What varies from seed to seed besides the traffic.
struct Plan {
  const char* name;
  bool bounded;
  OverflowRule overflow;
  Order order;
  bool measured;
};

constexpr Plan kPlans[] = {
    {"unbounded", false, Overflow::Reject, Order::Fifo, true},
    {"reject", true, Overflow::Reject, Order::Fifo, false},
    {"reject, measured", true, Overflow::Reject, Order::Fifo, true},
    {"drop newest", true, Overflow::DropNewest, Order::Fifo, false},
    {"drop newest, measured", true, Overflow::DropNewest, Order::Fifo, true},
    {"drop oldest", true, Overflow::DropOldest, Order::Fifo, true},
    {"block", true, Overflow::Block, Order::Fifo, false},
    {"block, measured", true, Overflow::Block, Order::Fifo, true},
    {"keep latest", true, KeepLatestBy<&Tick::symbol>, Order::Fifo, true},
    {"keep latest, by priority", true, KeepLatestBy<&Tick::symbol>, Order::Priority, true},
    {"unbounded, by priority", false, Overflow::Reject, Order::Priority, true},
    {"reject, by priority", true, Overflow::Reject, Order::Priority, true},
    {"drop newest, by priority", true, Overflow::DropNewest, Order::Priority, true},
    {"drop oldest, by priority", true, Overflow::DropOldest, Order::Priority, true},
    {"block, by priority", true, Overflow::Block, Order::Priority, true},
};

/// One mailbox and its model, driven by the same dice.
class Pair {
 public:
  Pair(const Plan& plan, std::uint32_t seed)
      : plan_{plan}, dice_{seed}, options_{draw_options()}, model_{options_}, system_{{.seed = seed}} {
    root_ = system_
                .start(supervisor({.id = "app",
                                   .intensity = {.restarts = 1'000'000, .within = 1s},
                                   .backoff = Exponential{.first = kHold, .cap = kHold, .factor = 1.0}},
                                  child<Reader>({.id = "reader", .mailbox = options_}, &seen_)))
                .value();
    reader_ = root_.child<Reader>("reader").value();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      switch (roll(8)) {
        case 0: hold(); break;
        case 1:
        case 2: take(); break;
        case 3: try_send(); break;
        default: send();
      }
      check();
    }
    while (model_.depth() > 0) take();
    system_.run_until_idle();
    check_contents();
    testing::check_end(system_);
  }

 private:
  [[nodiscard]] unsigned roll(unsigned sides) { return static_cast<unsigned>(dice_() % sides); }
  [[nodiscard]] MailboxOptions draw_options() {
    const unsigned most = 1 + roll(5);
    if (!plan_.bounded) return Unbounded{.order = plan_.order, .passed_over_max = most, .measured = plan_.measured};
    Bounded bound{.capacity = 1 + roll(5),
                  .overflow = plan_.overflow,
                  .block_within = 0ns,
                  .order = plan_.order,
                  .passed_over_max = most,
                  .measured = plan_.measured};
    if (plan_.order == Order::Priority && roll(2) == 0) {
      const auto any_rule = [&] { return static_cast<Overflow>(roll(4)); };
      bound.for_priority = {{Priority::Critical, any_rule()}, {static_cast<Priority>(roll(4)), any_rule()}};
    }
    return bound;
  }

  /// The reader's life ends and the next one begins a while later: meanwhile messages wait, and time passes.
  void hold() {
    while (model_.depth() > 0) take();
    system_.run_until_idle();
    const TimePoint until = system_.now() + kHold;
    system_.crash(reader_);
    while (roll(16) != 0) {
      const Duration step{std::int64_t{roll(3)}};
      if (system_.now() + step < until) system_.advance(step);
      roll(4) == 0 ? try_send() : send();
      check();
    }
    while (const auto item = model_.take(until)) handled_.push_back(item->id);
    system_.advance(until - system_.now());
    REQUIRE(reader_.message_count() == handled_.size());
  }

  void check() {
    const Ledger ledger = system_.ledger();
    if (!ledger.balances() || ledger.queued != model_.depth()) {
      CAPTURE(ledger.queued, model_.depth());
      FAIL("the mailbox does not hold what the model holds");
    }
    if (plan_.measured) check_stats();
  }

  void send() {
    ModelItem item{.id = ++last_id_, .sent = system_.now()};
    const bool with_options = roll(2) == 0;
    SendOptions options;
    if (with_options && roll(2) == 0) {
      options.expires_after = Duration{std::int64_t{roll(6)} - 1};
      item.expires = system_.now() + options.expires_after;
    }
    if (with_options && (plan_.order == Order::Priority || roll(8) == 0))
      item.priority = options.priority = static_cast<Priority>(roll(kPriorities));
    Delivery delivery{};
    if (roll(3) == 0) {
      delivery = with_options ? reader_.send(item.id, options) : reader_.send(item.id);
    } else {
      const Tick tick{.symbol = static_cast<int>(roll(4)), .value = item.id};
      item.key = tick.symbol;
      delivery = with_options ? reader_.send(tick, options) : reader_.send(tick);
    }
    const Delivery expected = model_.put(item);
    if (delivery != expected) REQUIRE(delivery == expected);
  }

  void try_send() {
    const ModelItem item{.id = ++last_id_, .sent = system_.now()};
    auto number = std::make_unique<int>(item.id);
    const Delivery delivery = reader_.try_send(number);
    REQUIRE(delivery == model_.put(item, true));
    REQUIRE((number == nullptr) == (delivery == Delivery::Accepted));
    if (number != nullptr) ++handed_back_;
    REQUIRE(system_.ledger().handed_back == handed_back_);
  }

  /// One message, and those that are too late on the way to it.
  void take() {
    const auto item = model_.take(system_.now());
    if (!item) {
      system_.run_until_idle();
      return;
    }
    handled_.push_back(item->id);
    while (reader_.message_count() < handled_.size()) {
      if (!system_.step()) FAIL("the mailbox holds less than the model");
    }
  }

  /// One assertion for all: this runs a million times.
  void check_stats() {
    const MailboxStats stats = reader_.mailbox_stats().value();
    bool right = stats.balances() && stats.enqueued == model_.enqueued && stats.handled == model_.handled &&
                 stats.taken == model_.taken && stats.depth == model_.depth() &&
                 stats.high_water == model_.high_water && stats.waited_most == model_.waited_most &&
                 stats.waited_in_all == model_.waited_in_all;
    for (int reason = 0; reason < kDeadReasons; ++reason)
      right = right && stats.dead_by_reason[reason] == model_.dead_of(static_cast<DeadReason>(reason));
    if (right) return;
    CAPTURE(stats.enqueued, model_.enqueued, stats.handled, model_.handled, stats.taken, model_.taken, stats.depth,
            model_.depth(), stats.high_water, model_.high_water, stats.waited_most.count(), model_.waited_most.count(),
            stats.waited_in_all.count(), model_.waited_in_all.count(), stats.dead(), model_.dead.size());
    FAIL("the mailbox's counters are not the model's");
  }

  void check_contents() {
    const Ledger ledger = system_.ledger();
    for (int reason = 0; reason < kDeadReasons; ++reason) {
      CAPTURE(reason);
      CHECK(ledger.dead_by_reason[reason] == model_.dead_of(static_cast<DeadReason>(reason)));
    }
    CHECK(seen_ == handled_);
  }

  static constexpr Duration kHold{20};

  const Plan& plan_;
  std::mt19937 dice_;
  MailboxOptions options_;
  MailboxModel model_;
  std::vector<int> seen_;  // outlives the system
  TestSystem system_;
  ActorRef<Supervisor> root_;
  ActorRef<Reader> reader_;
  std::vector<int> handled_;
  int last_id_ = 0;
  std::uint64_t handed_back_ = 0;
};

TEST_CASE("random traffic of every kind of mailbox is what the documented rules say") {  // F24, F26, F27, F28, F31, F33
  const auto seeds = static_cast<std::uint32_t>(testing::scaled(150));
  for (const Plan& plan : kPlans) {
    for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
      CAPTURE(plan.name, seed);
      Pair{plan, seed}.run(60);
    }
  }
}

}  // namespace
}  // namespace coppice
