// Overload: producers that are ten times as fast as the consumer, and how much memory that takes. The program is its own
// process, so that the memory is its own: it gives itself a limit of the address space and looks at its resident size.
//
//     overload POLICY PRODUCERS SECONDS       unbounded reject drop_newest drop_oldest block keep_latest; threads actors
//
// It exits with 0 where the memory has stayed within the documented bound, all messages are accounted for and the
// producers were fast enough; with 1, and says what was wrong, otherwise.

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <coppice/coppice.hpp>

using namespace coppice;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

namespace {

constexpr std::uint64_t kCapacity = 10'000;
constexpr std::uint64_t kProducers = 2;
constexpr std::uint64_t kBurst = 64;  // what one handler of an actor that produces sends
constexpr std::uint64_t kRatio = 10;
constexpr std::uint64_t kMiB = std::uint64_t{1024} * 1024;

struct Load {
  std::uint32_t key = 0;
  std::array<std::byte, 1'000> payload{};
};
/// A message, its envelope and its node, rounded up to the allocator's classes.
constexpr std::uint64_t kPerMessage = 1'280;
/// Dead letters that are kept, threads, what the allocator keeps at hand.
constexpr std::uint64_t kConstant = 2 * kMiB;
/// See docs/reference/guarantees.md, P10.
constexpr std::uint64_t kBound = (kCapacity + kProducers * kBurst) * kPerMessage + kConstant;

struct Policy {
  std::string_view name;
  MailboxOptions mailbox;
  bool sheds;  // so that producers need not wait
};
const Policy kPolicies[] = {
    {"unbounded", Unbounded{}, true},
    {"reject", Bounded{kCapacity, Overflow::Reject}, true},
    {"drop_newest", Bounded{kCapacity, Overflow::DropNewest}, true},
    {"drop_oldest", Bounded{kCapacity, Overflow::DropOldest}, true},
    {"block", Bounded{kCapacity, Overflow::Block}, false},
    {"keep_latest", Bounded{kCapacity, KeepLatestBy<&Load::key>}, true},
};

std::atomic<std::uint64_t> sent{0};
std::atomic<bool> over{false};
/// Handled while the producers sent. What still waited at the end is handled at full speed and tells nothing of a load.
std::atomic<std::uint64_t> handled_under_load{0};

struct Consumer : Actor<Consumer> {
  explicit Consumer(bool s) : sheds{s} {}
  bool sheds;
  /// Slow: ten are sent for each that is handled, or, where the producers are made to wait, a fixed time.
  void handle(const Load&) {
    if (over) return;
    const std::uint64_t handled = ++handled_under_load;
    const auto until = Steady::now() + 2us;
    while (!over && (Steady::now() < until || (sheds && sent < kRatio * handled))) {
    }
  }
};

Load next_load(std::uint32_t& number) { return Load{.key = ++number % std::uint32_t{2 * kCapacity}}; }

struct Produce {};
struct Producer : Actor<Producer> {
  explicit Producer(ActorRef<Consumer> c) : consumer{std::move(c)} {}
  ActorRef<Consumer> consumer;
  std::uint32_t number = 0;
  void handle(Produce) {
    if (over) return;
    for (std::uint64_t i = 0; i < kBurst; ++i) consumer.send(next_load(number));
    sent += kBurst;
    self().send(Produce{});
  }
};

void produce(const ActorRef<Consumer>& consumer) {
  std::uint32_t number = 0;
  while (!over) {
    consumer.send(next_load(number), {.within = 10ms});
    ++sent;
  }
}

std::uint64_t resident() {
  std::uint64_t pages = 0;
  std::ifstream{"/proc/self/statm"} >> pages >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}
std::uint64_t address_space() {
  std::uint64_t pages = 0;
  std::ifstream{"/proc/self/statm"} >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// What cannot be had is a std::bad_alloc, which nobody catches: the program ends there.
void limit_address_space(std::uint64_t more) {
  const rlim_t most = address_space() + more;
  const rlimit limit{most, most};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) std::perror("overload: setrlimit");
}

/// The most that was resident at any look.
std::uint64_t watch_memory(Steady::time_point until) {
  std::uint64_t most = 0;
  while (Steady::now() < until) {
    most = std::max(most, resident());
    std::this_thread::sleep_for(2ms);  // between two looks
  }
  return most;
}

int judge(const Policy& policy, const Ledger& ledger, bool in_order, std::uint64_t grown) {
  const double ratio =
      static_cast<double>(ledger.sent) / static_cast<double>(std::max<std::uint64_t>(1, handled_under_load));
  fmt::print("{:<12} {:>10} sent {:>9} handled {:>10} dead: {:6.1f} KiB more resident, {:.1f} KiB allowed\n",
             policy.name, ledger.sent, ledger.handled, ledger.dead(), static_cast<double>(grown) / 1024,
             static_cast<double>(kBound) * 1.2 / 1024);
  int code = 0;
  const auto complain = [&](std::string_view what) {
    fmt::print(stderr, "overload: {}: {}\n", policy.name, what);
    code = 1;
  };
  if (!in_order || !ledger.balances() || ledger.queued != 0) complain("not every message is accounted for");
  if (handled_under_load < 100) complain("the consumer has handled next to nothing");
  if (policy.sheds && ratio < static_cast<double>(kRatio) * 0.8) complain("the producers were too slow to tell");
  if (grown > kBound + kBound / 5) complain("more memory than the bound and a fifth of it");
  return code;
}

int run(const Policy& policy, bool by_threads, Steady::duration length) {
  ::mallopt(M_ARENA_MAX, 1);  // an arena for each thread would be address space that nobody uses
  ActorSystem system{{.workers = 2, .shutdown_within = 10s}};
  const auto consumer = system.spawn<Consumer>({.mailbox = policy.mailbox}, policy.sheds);
  const std::uint64_t before = resident();
  std::vector<std::thread> threads;
  if (by_threads) {
    for (std::uint64_t i = 0; i < kProducers; ++i) threads.emplace_back([&] { produce(consumer); });
  }
  limit_address_space(256 * kMiB);
  if (!by_threads) {
    for (std::uint64_t i = 0; i < kProducers; ++i) system.spawn<Producer>(consumer).send(Produce{});
  }
  const std::uint64_t most = watch_memory(Steady::now() + length);
  over = true;
  for (auto& thread : threads) thread.join();
  const bool in_order = system.shutdown({.within = 10s}).complete;
  return judge(policy, system.ledger(), in_order, most > before ? most - before : 0);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  const std::string_view producers = argc > 2 ? argv[2] : "";
  const double seconds = argc > 3 ? std::atof(argv[3]) : 0;
  for (const Policy& policy : kPolicies) {
    if (policy.name != name || (producers != "threads" && producers != "actors") || !(seconds > 0)) continue;
    return run(policy, producers == "threads",
               std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>{seconds}));
  }
  fmt::print(stderr, "usage: overload POLICY threads|actors SECONDS\n");
  return 2;
}
