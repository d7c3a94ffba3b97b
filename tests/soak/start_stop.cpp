#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "coppice/coppice.hpp"
#include "process.hpp"
#include "soak.hpp"
#include "support/eventually.hpp"
#include "support/quiet.hpp"

// Systems that come and go, stopped in the middle of everything there is. Between two of them the process has what it
// had before the first one.

namespace coppice::soak {
namespace {

using namespace std::chrono_literals;

constexpr Duration kDeadline = 5s;  // SystemOptions' and ShutdownOptions' own
constexpr std::size_t kCrew = 2;
constexpr std::uint64_t kAhead = 1'000;  // messages that the crew sends before they are handled
constexpr std::uint64_t kWarmUp = 100;   // cycles until the allocator and the thread library keep what they want

struct Tick {};
struct Stand {};
struct Fail {};
struct End {};

struct Seen {
  std::atomic<std::int64_t> alive{0};
  std::atomic<std::uint64_t> handled{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> closed{0};
  std::atomic<std::uint64_t> other{0};
};

struct Some : Actor<Some> {
  explicit Some(Seen* s) : seen{s} { ++seen->alive; }
  ~Some() { --seen->alive; }
  void handle(Tick) { seen->handled.fetch_add(1, std::memory_order_relaxed); }
  void handle(Fail) { throw std::runtime_error{"told to"}; }
  /// Until the shutdown has begun: whoever sends to a full mailbox behind it waits.
  void handle(Stand) {
    standing = true;
    while (!system().is_shutting_down()) std::this_thread::yield();
  }
  void handle(End) { static_cast<void>(system().shutdown()); }
  Seen* seen;
  static inline std::atomic<bool> standing{false};
};

/// Threads that stay, and send for one system after the other until it refuses.
class Crew {
 public:
  Crew() {
    for (auto& thread : threads_) thread = std::thread{[this] { run(); }};
  }
  ~Crew() {
    {
      const std::lock_guard lock{mutex_};
      over_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Each sends to the actor until it is closed.
  void flood(const ActorRef<Some>& target, Seen& seen) {
    const std::lock_guard lock{mutex_};
    target_ = target;
    seen_ = &seen;
    seen.handled = seen.accepted.load();  // what went with the system before is not waited for
    ++round_;
    busy_ = kCrew;
    sending_ = 0;
    changed_.notify_all();
  }
  /// Until all of them have sent something, or are about to.
  void wait_until_sending() {
    while (sending_ < kCrew) std::this_thread::yield();
  }
  /// False: somebody is still blocked.
  [[nodiscard]] bool wait() {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, testing::kPatience, [this] { return busy_ == 0; });
  }

 private:
  void run() {
    std::uint64_t done = 0;
    for (;;) {
      ActorRef<Some> target;
      Seen* seen = nullptr;
      {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return over_ || round_ != done; });
        if (over_) return;
        done = round_;
        target = target_;
        seen = seen_;
      }
      ++sending_;
      send_until_closed(target, *seen);
      target = {};
      const std::lock_guard lock{mutex_};
      --busy_;
      changed_.notify_all();
    }
  }

  static void send_until_closed(const ActorRef<Some>& target, Seen& seen) {
    for (Delivery delivery = Delivery::Accepted; delivery != Delivery::Closed;) {
      delivery = target.send(Tick{});
      ++(delivery == Delivery::Accepted ? seen.accepted : delivery == Delivery::Closed ? seen.closed : seen.other);
      // Blocks of messages are kept for the life of the process: what one flood needs must not grow with its luck.
      while (seen.accepted > seen.handled + kAhead && !target.is_closed()) std::this_thread::yield();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  ActorRef<Some> target_;
  Seen* seen_ = nullptr;
  std::uint64_t round_ = 0;
  std::size_t busy_ = 0;
  bool over_ = false;
  std::atomic<std::size_t> sending_{0};
  std::array<std::thread, kCrew> threads_;
};

enum class Way : unsigned char { Unused, Idle, MidFlood, BlockedSenders, FromHandler, CrashLoop, OutOfScope };
constexpr std::size_t kWays = static_cast<std::size_t>(Way::OutOfScope) + 1;
constexpr const char* kWayNames[kWays] = {"never used",           "idle",           "mid-flood",
                                          "with blocked senders", "from a handler", "in a crash loop",
                                          "by going out of scope"};

struct Cycle {
  Crew& crew;
  Seen& seen;
  Findings& findings;
  std::mt19937& dice;

  void prepare(Way way, System& system) {
    switch (way) {
      case Way::Unused: break;
      case Way::Idle:
      case Way::OutOfScope:
        for (int i = 0; i < 4; ++i) system.spawn<Some>(&seen).send(Tick{});
        break;
      case Way::MidFlood: {
        crew.flood(system.spawn<Some>(&seen), seen);
        crew.wait_until_sending();
        break;
      }
      case Way::BlockedSenders: {
        Some::standing = false;
        const auto full = system.spawn<Some>({.mailbox = Bounded{.capacity = 1, .overflow = Overflow::Block}}, &seen);
        full.send(Stand{});
        while (!Some::standing) std::this_thread::yield();
        crew.flood(full, seen);
        crew.wait_until_sending();
        break;
      }
      case Way::FromHandler:
        for (int i = 0; i < 3; ++i) system.spawn<Some>(&seen).send(Tick{});
        system.spawn<Some>(&seen).send(End{});
        break;
      case Way::CrashLoop: {
        const auto root = system.start(supervisor({.id = "app", .intensity = {.restarts = 1'000'000, .within = 1ms}},
                                                  child<Some>({.id = "a"}, &seen), child<Some>({.id = "b"}, &seen)));
        if (!root) return findings.holds(false, "the tree did not start");
        for (int i = 0; i < 20; ++i) root->child<Some>(i % 2 == 0 ? "a" : "b").value().send(Fail{});
        break;
      }
    }
    for (std::uint64_t spin = dice() % 2'000; spin > 0; --spin) std::atomic_signal_fence(std::memory_order_seq_cst);
  }

  void run(Way way) {
    const auto floods = way == Way::MidFlood || way == Way::BlockedSenders;
    std::optional<ActorSystem> system{std::in_place, testing::quiet(testing::two_workers())};
    prepare(way, *system);
    const auto begun = Steady::now();
    if (way != Way::OutOfScope) {
      const ShutdownReport report = system->shutdown();
      findings.holds(report.complete && report.late.empty(), "a shutdown was not complete");
      if (floods) findings.holds(crew.wait(), "a sender has not come back");
      const Ledger ledger = system->ledger();
      findings.holds(ledger.balances() && ledger.queued == 0,
                     std::string{"the ledger does not balance: "} + kWayNames[int(way)]);
    }
    system.reset();
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - begun);
    findings.most("longest stop in us", static_cast<std::uint64_t>(took.count()));
    findings.holds(took <= kDeadline, std::string{"a stop was past its deadline: "} + kWayNames[int(way)]);
    findings.equal("instances left", 0, static_cast<std::uint64_t>(seen.alive));
  }
};

}  // namespace

void start_and_stop(const Length& length, Findings& findings) {
  Crew crew;
  Seen seen;
  std::mt19937 dice{length.seed};
  Cycle cycle{crew, seen, findings, dice};
  std::uint64_t cycles = 0;
  Process before;
  do {
    if (cycles == kWarmUp) before = Process::now();
    cycle.run(static_cast<Way>(cycles % kWays));
    ++cycles;
  } while (cycles < kWarmUp + kWays || !length.is_over(cycles));
  const Process after = Process::now();
  findings.count("cycles", cycles);
  findings.count("messages of blocked and flooding senders", seen.accepted + seen.closed + seen.other);
  findings.equal("threads", before.threads, after.threads);
  findings.equal("file descriptors", before.files, after.files);
  findings.equal("sends that were refused with another word than closed", 0, seen.other);
  const std::uint64_t grown = after.resident > before.resident ? after.resident - before.resident : 0;
  findings.most("KiB more resident", grown / 1024);
  if (kMeasuresMemory) findings.holds(grown < kMemoryNoise, "the memory grows with the systems");
}

}  // namespace coppice::soak
