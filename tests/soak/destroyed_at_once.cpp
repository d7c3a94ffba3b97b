#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "coppice/coppice.hpp"
#include "soak.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"

// Queues of millions that go at once, in each of the ways there are: nothing recurses, and each message is destroyed.

namespace coppice::soak {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;

std::atomic<std::int64_t> alive{0};

struct Load {
  Load() noexcept { alive.fetch_add(1, std::memory_order_relaxed); }
  Load(const Load&) noexcept { alive.fetch_add(1, std::memory_order_relaxed); }
  Load(Load&&) noexcept { alive.fetch_add(1, std::memory_order_relaxed); }
  ~Load() { alive.fetch_sub(1, std::memory_order_relaxed); }
};
struct Hang {
  testing::Gate* gate;
};
struct Fail {};

struct Full : Actor<Full> {
  void handle(const Load& load) {
    if (keeps) static_cast<void>(stash(Load{load}));
  }
  void handle(Hang hang) { hang.gate->pass(); }
  void handle(Fail) { throw 42; }
  bool keeps = false;
  bool handle(bool keep) { return keeps = keep; }
};

enum class Way : unsigned char { Stop, Crash, Kill, Shutdown, Asks, Stash, Priorities };
constexpr Way kWays[] = {Way::Stop, Way::Crash, Way::Kill, Way::Shutdown, Way::Asks, Way::Stash, Way::Priorities};

SpawnOptions options_for(Way way) {
  if (way != Way::Priorities) return {};
  return {.mailbox =
              Bounded{.capacity = ~std::size_t{0} >> 1, .overflow = Overflow::DropNewest, .order = Order::Priority}};
}

void fill(const ActorRef<Full>& full, Way way, std::uint64_t count) {
  std::vector<AskFuture<void>> asks;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (way == Way::Asks) {
      asks.push_back(full.ask(Load{}, kForever));
    } else if (way == Way::Priorities) {
      full.send(Load{}, {.priority = static_cast<Priority>(i % kPriorities)});
    } else {
      full.send(Load{});
    }
  }
}

void end(System& system, const ActorRef<Full>& full, testing::Gate& gate, Way way, Findings& findings) {
  switch (way) {
    case Way::Shutdown: {
      std::thread opens{[&] {
        while (!system.is_shutting_down()) std::this_thread::yield();
        gate.open();
      }};
      findings.holds(system.shutdown({.within = kPatience}).complete, "the shutdown was late");
      opens.join();
      break;
    }
    case Way::Kill:
      findings.holds(system.stop(full, {.within = Duration::zero()}).get().has_value(), "the kill has no answer");
      gate.open();
      break;
    case Way::Stash:
      gate.open();
      findings.holds(full.ask(true, kPatience).get().has_value(), "the stash is not filled");
      [[fallthrough]];
    default: {
      StopFuture stopped = system.stop(full, {.within = kPatience});
      gate.open();
      findings.holds(stopped.get().has_value() || way == Way::Crash, "the stop has no answer");
    }
  }
}

void destroy(Way way, std::uint64_t count, Findings& findings) {
  {
    SystemOptions options = testing::quiet(testing::two_workers());
    options.stash_max = ~std::size_t{0} >> 1;
    options.shutdown_within = kPatience;
    ActorSystem system{std::move(options)};
    testing::Gate gate;
    const auto full = system.spawn<Full>(options_for(way));
    if (way == Way::Stash) static_cast<void>(full.ask(true, kPatience).get());
    full.send(Hang{&gate});
    findings.holds(gate.wait_for_arrivals(), "the actor does not run");
    if (way == Way::Crash) full.send(Fail{});
    fill(full, way, count);
    if (way == Way::Crash) {
      gate.open();
      findings.holds(testing::eventually([&] { return full.is_closed(); }), "it does not end");
    }
    end(system, full, gate, way, findings);
    findings.holds(system.shutdown({.within = kPatience}).complete, "the shutdown was late");
    const Ledger ledger = system.ledger();
    findings.holds(ledger.balances() && ledger.queued == 0, "the ledger does not balance");
  }
  findings.equal("messages that were not destroyed", 0, static_cast<std::uint64_t>(alive));
}

}  // namespace

void destroy_at_once(const Length& length, Findings& findings) {
  const std::uint64_t count = std::clamp<std::uint64_t>(length.goal / std::size(kWays), 1, 2'000'000);
  std::uint64_t reached = 0;
  do {
    for (const Way way : kWays) {
      destroy(way, count, findings);
      reached += count;
    }
  } while (!length.is_over(reached));
  findings.count("queued messages", reached);
  findings.most("at once", count);
}

}  // namespace coppice::soak
