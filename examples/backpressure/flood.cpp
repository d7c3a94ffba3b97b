#include "flood.hpp"

#include <algorithm>
#include <array>
#include <utility>

using namespace std::chrono_literals;

namespace {

void spin_until(std::chrono::steady_clock::time_point moment) {
  while (std::chrono::steady_clock::now() < moment) {
  }
}

/// Takes its time over each tick.
struct Consumer : coppice::Actor<Consumer> {
  Consumer(std::chrono::microseconds w, Consumed* c) : work{w}, consumed{c} {}
  void handle(Tick tick) {
    ++consumed->handled;
    consumed->newest = std::max(consumed->newest, tick.number);
    consumed->in_order = consumed->in_order && std::exchange(newest[tick.symbol], tick.number) < tick.number;
    spin_until(std::chrono::steady_clock::now() + work);
  }

  std::chrono::microseconds work;
  Consumed* consumed;
  std::array<std::uint64_t, kSymbols> newest{};
};

/// Looks at the consumer's mailbox again and again.
struct Observer : coppice::Actor<Observer> {
  struct Look {};

  Observer(coppice::ActorRef<Consumer> c, std::vector<Sample>* s) : consumer{std::move(c)}, samples{s} {}
  void on_start() {
    begun = now();
    timer = send_every(500us, Look{});
  }
  void handle(Look) {
    if (const auto stats = consumer.mailbox_stats()) samples->push_back({now() - begun, stats->depth});
  }

  coppice::ActorRef<Consumer> consumer;
  std::vector<Sample>* samples;
  coppice::TimePoint begun{};
  coppice::TimerHandle timer;
};

}  // namespace

Flood flood(const Policy& policy, const Numbers& numbers) {
  Flood result{.policy = policy, .sent = 0, .refused = 0, .consumed = {}, .mailbox = {}, .ledger = {}, .depth = {}};
  coppice::ActorSystem system{{.workers = 2}};  // one for each of the actors; the producer has a thread of its own
  const auto consumer = system.spawn<Consumer>({.name = "consumer",
                                                .mailbox = coppice::Bounded{.capacity = numbers.capacity,
                                                                            .overflow = policy.overflow,
                                                                            .block_within = coppice::kForever,
                                                                            .measured = true}},
                                               numbers.work, &result.consumed);
  const auto observer = system.spawn<Observer>({.name = "observer"}, consumer, &result.depth);
  const std::chrono::nanoseconds each =
      std::chrono::nanoseconds{numbers.work} / static_cast<std::int64_t>(numbers.faster);
  while (result.sent < numbers.messages) {
    ++result.sent;
    const Tick tick{.symbol = static_cast<std::uint32_t>(result.sent % kSymbols), .number = result.sent};
    if (consumer.send(tick) != coppice::Delivery::Accepted) ++result.refused;
    spin_until(std::chrono::steady_clock::now() + each);
  }
  const bool drained =
      system.stop(consumer, {.mailbox = coppice::StopMode::Drain, .within = coppice::kForever}).get().has_value();
  result.stopped = system.shutdown({.within = 10s}).complete && drained;
  result.mailbox = consumer.mailbox_stats().value_or(coppice::MailboxStats{});
  result.ledger = system.ledger();
  return result;
}

std::optional<std::string_view> problem(const Flood& flood, const Numbers& numbers) {
  using coppice::DeadReason;
  const coppice::MailboxStats& mailbox = flood.mailbox;
  const coppice::OverflowRule& rule = flood.policy.overflow;
  const std::uint64_t told = mailbox.dead(DeadReason::Rejected) + mailbox.dead(DeadReason::Dropped);
  const std::uint64_t made_room = mailbox.dead(DeadReason::DroppedOldest) + mailbox.dead(DeadReason::Replaced);
  const bool evicts = rule.overflow() == coppice::Overflow::DropOldest;
  const std::uint64_t room = rule.key() == nullptr ? numbers.capacity : std::min(numbers.capacity, kSymbols);
  if (!flood.stopped) return "the system did not shut down in order";
  if (!flood.ledger.balances() || flood.ledger.queued != 0) return "the system's ledger does not balance";
  if (!mailbox.balances() || mailbox.depth != 0) return "the mailbox's counters do not balance";
  if (mailbox.enqueued != flood.sent) return "the mailbox has not counted what was sent";
  if (mailbox.handled != flood.consumed.handled) return "the mailbox has not counted what was handled";
  if (flood.sent != flood.consumed.handled + told + made_room) return "messages were lost or doubled";
  if (flood.refused != told) return "the sender was not told of each refusal";
  if (rule.overflow() == coppice::Overflow::Block && mailbox.dead() != 0) return "a policy that blocks has lost some";
  if (evicts ? told != 0 : made_room != 0) return "messages are dead for another policy's reason";
  if (evicts && flood.consumed.newest != flood.sent) return "the newest message did not survive";
  if (mailbox.high_water > room) return "more messages waited than may";
  if (!flood.consumed.in_order) return "messages came out of order";
  return std::nullopt;
}
