#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/mailbox_actor.hpp"
#include "support/mailbox_model.hpp"

namespace coppice::testing {

/// What varies from seed to seed besides the traffic.
struct MailboxPlan {
  const char* name;
  bool bounded;
  OverflowRule overflow;
  Order order;
  bool measured;
};

inline constexpr MailboxPlan kMailboxPlans[] = {
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

/// What throws when the two differ.
struct MailboxFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One mailbox and its model, driven by the same dice: `dice(sides)` answers from 0 to sides - 1. In a TestSystem, so
/// that the mailbox is the one that ships.
template <class Dice>
class MailboxPair {
 public:
  MailboxPair(const MailboxPlan& plan, Dice dice, std::uint64_t seed)
      : plan_{plan}, roll_{std::move(dice)}, options_{draw_options()}, model_{options_}, system_{{.seed = seed}} {
    root_ = system_
                .start(supervisor({.id = "app",
                                   .intensity = {.restarts = 1'000'000, .within = std::chrono::seconds{1}},
                                   .backoff = Exponential{.first = kHold, .cap = kHold, .factor = 1.0}},
                                  child<Reader>({.id = "reader", .mailbox = options_}, &seen_)))
                .value();
    reader_ = root_.child<Reader>("reader").value();
  }

  /// As long as goes_on() answers true, and then until the mailbox is empty.
  template <class GoesOn>
  void run(GoesOn&& goes_on) {
    while (goes_on()) {
      switch (roll_(8)) {
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
  }
  [[nodiscard]] TestSystem& system() { return system_; }

 private:
  [[nodiscard]] MailboxOptions draw_options() {
    const unsigned most = 1 + roll_(5);
    if (!plan_.bounded) return Unbounded{.order = plan_.order, .passed_over_max = most, .measured = plan_.measured};
    Bounded bound{.capacity = 1 + roll_(5),
                  .overflow = plan_.overflow,
                  .block_within = Duration::zero(),
                  .order = plan_.order,
                  .passed_over_max = most,
                  .measured = plan_.measured};
    if (plan_.order == Order::Priority && roll_(2) == 0) {
      const auto any_rule = [&] { return static_cast<Overflow>(roll_(4)); };
      bound.for_priority = {{Priority::Critical, any_rule()}, {static_cast<Priority>(roll_(4)), any_rule()}};
    }
    return bound;
  }

  /// The reader's life ends and the next one begins a while later: meanwhile messages wait, and time passes.
  void hold() {
    while (model_.depth() > 0) take();
    system_.run_until_idle();
    const TimePoint until = system_.now() + kHold;
    system_.crash(reader_);
    while (roll_(16) != 0) {
      const Duration step{std::int64_t{roll_(3)}};
      if (system_.now() + step < until) system_.advance(step);
      roll_(4) == 0 ? try_send() : send();
      check();
    }
    while (const auto item = model_.take(until)) handled_.push_back(item->id);
    system_.advance(until - system_.now());
    expect(reader_.message_count() == handled_.size(), "another number of messages was handled");
  }

  void check() {
    const Ledger ledger = system_.ledger();
    expect(ledger.balances() && ledger.queued == model_.depth(), "the mailbox does not hold what the model holds");
    if (plan_.measured) check_stats();
  }

  void send() {
    ModelItem item{.id = ++last_id_, .sent = system_.now()};
    const bool with_options = roll_(2) == 0;
    SendOptions options;
    if (with_options && roll_(2) == 0) {
      options.expires_after = Duration{std::int64_t{roll_(6)} - 1};
      item.expires = system_.now() + options.expires_after;
    }
    if (with_options && (plan_.order == Order::Priority || roll_(8) == 0))
      item.priority = options.priority = static_cast<Priority>(roll_(kPriorities));
    Delivery delivery{};
    if (roll_(3) == 0) {
      delivery = with_options ? reader_.send(item.id, options) : reader_.send(item.id);
    } else {
      const Tick tick{.symbol = static_cast<int>(roll_(4)), .value = item.id};
      item.key = tick.symbol;
      delivery = with_options ? reader_.send(tick, options) : reader_.send(tick);
    }
    expect(delivery == model_.put(item), "the send comes to something else");
  }

  void try_send() {
    const ModelItem item{.id = ++last_id_, .sent = system_.now()};
    auto number = std::make_unique<int>(item.id);
    const Delivery delivery = reader_.try_send(number);
    expect(delivery == model_.put(item, true), "try_send() comes to something else");
    expect((number == nullptr) == (delivery == Delivery::Accepted), "what was refused is not handed back");
    if (number != nullptr) ++handed_back_;
    expect(system_.ledger().handed_back == handed_back_, "another number of messages was handed back");
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
      expect(system_.step(), "the mailbox holds less than the model");
    }
  }

  void check_stats() {
    const MailboxStats stats = reader_.mailbox_stats().value();
    bool right = stats.balances() && stats.enqueued == model_.enqueued && stats.handled == model_.handled &&
                 stats.taken == model_.taken && stats.depth == model_.depth() &&
                 stats.high_water == model_.high_water && stats.waited_most == model_.waited_most &&
                 stats.waited_in_all == model_.waited_in_all;
    for (int reason = 0; reason < kDeadReasons; ++reason)
      right = right && stats.dead_by_reason[reason] == model_.dead_of(static_cast<DeadReason>(reason));
    if (right) return;
    const auto both = [](const char* what, auto got, auto expected) {
      return std::string{", "} + what + ' ' + std::to_string(got) + " and " + std::to_string(expected);
    };
    throw MailboxFault{"the mailbox's counters are not the model's" +
                       both("enqueued", stats.enqueued, model_.enqueued) +
                       both("handled", stats.handled, model_.handled) + both("taken", stats.taken, model_.taken) +
                       both("depth", stats.depth, model_.depth()) + both("dead", stats.dead(), model_.dead.size()) +
                       both("high water", stats.high_water, model_.high_water) +
                       both("waited at most", stats.waited_most.count(), model_.waited_most.count()) +
                       both("waited in all", stats.waited_in_all.count(), model_.waited_in_all.count())};
  }

  void check_contents() {
    const Ledger ledger = system_.ledger();
    for (int reason = 0; reason < kDeadReasons; ++reason)
      expect(ledger.dead_by_reason[reason] == model_.dead_of(static_cast<DeadReason>(reason)),
             "another number of messages is dead");
    expect(seen_ == handled_, "other messages were handled, or in another order");
  }
  static void expect(bool holds, const char* what) {
    if (!holds) throw MailboxFault{what};
  }

  static constexpr Duration kHold{20};

  const MailboxPlan& plan_;
  Dice roll_;
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

}  // namespace coppice::testing
