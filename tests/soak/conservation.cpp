#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "coppice/coppice.hpp"
#include "soak.hpp"
#include "support/eventually.hpp"
#include "support/quiet.hpp"

// Threads and actors send numbered messages to places that are crashed, stopped and restarted without a pause. Each
// place keeps what it has seen of each sender over all of its lives: a number that is not above the one before is a
// double or out of order; what is missing must be dead, and the ledger says how many are.

namespace coppice::soak {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;

constexpr std::size_t kThreads = 3;
constexpr std::size_t kSources = 6;
constexpr std::size_t kSenders = kThreads + kSources;
constexpr std::size_t kSupervised = 12;
constexpr std::size_t kPlaces = kSupervised + kThreads;  // each thread has one of its own, without a supervisor
constexpr std::uint64_t kBurst = 100;
constexpr std::uint64_t kQueuedMax = 200'000;  // then the threads wait: mailboxes have no bound here

struct Numbered {
  std::uint32_t sender;
  std::uint64_t number;
};
struct Mark {
  std::uint32_t sender;
  std::uint64_t number;
};
struct Fail {};
struct Go {};

/// Everything that has been seen in a place, whichever life has seen it. The actor's turn orders it.
struct alignas(64) Seen {
  std::array<std::uint64_t, kSenders> last{};
  std::uint64_t handled = 0;
  std::uint64_t wrong = 0;
  std::uint64_t crashes = 0;
  std::uint64_t born = 0;
  std::uint64_t gone = 0;
  bool busy = false;  // two lives, or two handlers, at once
};

struct Sink : Actor<Sink> {
  explicit Sink(Seen* s) : seen{s} { ++seen->born; }
  ~Sink() { ++seen->gone; }
  void handle(Numbered message) { note(message.sender, message.number); }
  bool handle(Mark mark) { return note(mark.sender, mark.number), true; }
  void handle(Fail) {
    ++seen->crashes;
    throw std::runtime_error{"told to"};
  }
  void note(std::uint32_t sender, std::uint64_t number) {
    if (seen->busy) ++seen->wrong;
    seen->busy = true;
    if (number <= seen->last[sender]) ++seen->wrong;
    seen->last[sender] = number;
    ++seen->handled;
    seen->busy = false;
  }
  Seen* seen;
};

[[nodiscard]] std::string id_of(std::size_t place) { return "sink-" + std::to_string(place); }

struct Scene;

/// Sends bursts, each of them closed by an ask: so it is never far ahead of whoever handles them.
struct Source : Actor<Source> {
  Source(Scene* s, std::uint32_t me, std::uint32_t seed) : scene{s}, sender{me}, dice{seed} {}
  void handle(Go);
  Scene* scene;
  std::uint32_t sender;
  std::mt19937 dice;
};

struct Scene {
  std::array<Seen, kPlaces> seen{};
  std::array<std::uint64_t, kSenders> sent{};  // by one sender each
  std::array<std::uint64_t, kSources> answers{};
  std::vector<ActorRef<Sink>> supervised;
  std::array<ActorRef<Sink>, kThreads> free;
  std::atomic<bool> over{false};
};

void Source::handle(Go) {
  if (scene->over.load(std::memory_order_relaxed)) return;
  std::uint64_t& number = scene->sent[sender];
  const ActorRef<Sink>& sink = scene->supervised[dice() % kSupervised];
  for (std::uint64_t i = 0; i < kBurst; ++i) sink.send(Numbered{sender, ++number});
  ask(sink, Mark{sender, ++number}, kForever).then([this](const Result<bool, AskError>&) {
    ++scene->answers[sender - kThreads];
    self().send(Go{});
  });
}

struct Orders {
  std::atomic<std::uint64_t> stops{0};
  std::atomic<std::uint64_t> crashes{0};  // ordered; those that came to a closed place did not happen
  std::atomic<std::uint64_t> calls{0};    // of the supervisor
};

/// A thread: sends, and meanwhile has places crash and stop.
void disturb(Scene& scene, System& system, const ActorRef<Supervisor>& root, std::uint32_t me, std::uint32_t seed,
             Orders& orders) {
  std::mt19937 dice{seed};
  std::uint64_t number = 0;
  ActorRef<Sink>& own = scene.free[me];
  Seen& own_seen = scene.seen[kSupervised + me];
  while (!scene.over.load(std::memory_order_relaxed)) {
    const std::size_t which = dice() % kSupervised;
    const bool to_own = dice() % 4 == 0;
    const ActorRef<Sink>& sink = to_own ? own : scene.supervised[which];
    for (std::uint64_t i = 0; i < kBurst; ++i) sink.send(Numbered{me, ++number});
    switch (dice() % 8) {
      case 0:
      case 1:
      case 2:
      case 3:
        ++orders.crashes;
        sink.send(Fail{});
        break;
      case 4:
      case 5:
        ++orders.stops;
        static_cast<void>(system.stop(sink, {.mailbox = dice() % 2 == 0 ? StopMode::Discard : StopMode::Drain}));
        break;
      case 6:
        if (dice() % 8 != 0) break;
        ++orders.stops;
        orders.calls += 2;
        static_cast<void>(root.terminate_child(id_of(which)));
        static_cast<void>(root.restart_child(id_of(which)));
        break;
      default: break;
    }
    if (own.is_closed()) {
      static_cast<void>(system.stop(own).get());  // for good: both write down what they see in the same list
      own = system.spawn<Sink>(&own_seen);
    }
    if (system.ledger().queued > kQueuedMax) {
      static_cast<void>(testing::eventually([&] { return system.ledger().queued < kQueuedMax / 2; }));
    }
  }
  scene.sent[me] = number;
}

/// What was sent and what was handled, as those who did it have counted, against the ledger.
void judge(const Scene& scene, const Orders& orders, const Ledger& before, const Ledger& ledger, Findings& findings) {
  std::uint64_t numbered = 0;
  std::uint64_t answers = 0;
  std::uint64_t seen_by_all = 0;
  std::uint64_t crashes = 0;
  std::uint64_t wrong = 0;
  std::uint64_t alive = 0;
  for (const std::uint64_t count : scene.sent) numbered += count;
  for (const std::uint64_t count : scene.answers) answers += count;
  for (const Seen& seen : scene.seen) {
    seen_by_all += seen.handled;
    crashes += seen.crashes;
    wrong += seen.wrong;
    alive += seen.born - seen.gone;
  }
  const std::uint64_t gos = kSources + answers;
  findings.equal("sent", numbered + orders.crashes + gos + answers + orders.calls, ledger.sent - before.sent);
  findings.equal("handled", seen_by_all + gos + answers + orders.calls, ledger.handled - before.handled);
  findings.equal("crashes with a message in hand", crashes, ledger.dead(DeadReason::InHand));
  findings.equal("handled twice, or out of their sender's order, or two at once", 0, wrong);
  findings.equal("messages that wait", 0, ledger.queued);
  findings.equal("instances left", 0, alive);
  findings.holds(ledger.balances(), "the ledger does not balance");
  findings.count("messages", ledger.sent - before.sent);
  findings.count("handled", ledger.handled - before.handled);
  findings.count("dead letters", ledger.dead() - before.dead());
  findings.count("crashes", crashes);
  findings.count("stops", orders.stops);
  findings.count("stops crashes and restarts", crashes + orders.stops);
}

}  // namespace

void conserve(const Length& length, Findings& findings) {
  auto scene = std::make_unique<Scene>();
  SystemOptions options = testing::quiet(testing::two_workers());
  options.shutdown_within = kPatience;
  ActorSystem system{std::move(options)};
  std::vector<ChildSpec> places;
  for (std::size_t i = 0; i < kSupervised; ++i) places.push_back(child<Sink>({.id = id_of(i)}, &scene->seen[i]));
  const auto root = system.start(
      SupervisorSpec{{.id = "app", .intensity = {.restarts = 1'000'000'000, .within = 1s}}, std::move(places)});
  if (!root) return findings.holds(false, "the tree did not start");
  for (std::size_t i = 0; i < kSupervised; ++i) scene->supervised.push_back(root->child<Sink>(id_of(i)).value());
  for (std::size_t i = 0; i < kThreads; ++i) scene->free[i] = system.spawn<Sink>(&scene->seen[kSupervised + i]);
  const Ledger before = system.ledger();
  Orders orders;
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] { disturb(*scene, system, *root, t, length.seed * 31 + t, orders); });
  for (std::uint32_t s = 0; s < kSources; ++s) {
    const auto me = static_cast<std::uint32_t>(kThreads) + s;
    system.spawn<Source>(scene.get(), me, length.seed * 57 + s).send(Go{});
  }
  while (!length.is_over(system.ledger().sent - before.sent)) std::this_thread::sleep_for(1ms);  // between two looks
  scene->over = true;
  for (auto& thread : threads) thread.join();
  findings.holds(testing::eventually([&] { return system.ledger().queued == 0; }), "it does not come to rest");
  findings.holds(system.shutdown({.within = kPatience}).complete, "the shutdown was late");
  findings.count("restarts", system.stats().restarts);
  findings.count("stops crashes and restarts", system.stats().restarts);
  judge(*scene, orders, before, system.ledger(), findings);
}

}  // namespace coppice::soak
