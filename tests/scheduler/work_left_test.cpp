#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "scheduler/seats.hpp"
#include "scheduler/steal_gain.hpp"
#include "scheduler/work_pool.hpp"
#include "support/eventually.hpp"

// A pool whose work is done faster when one of its workers has all of it.

namespace coppice::detail {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kPieces = 32;
constexpr std::uint64_t kEach =
    StealGain::kFine;  // what a piece counts: fine also where it takes a hundred microseconds

void take_time(Clock::duration time) {
  const auto until = Clock::now() + time;
  while (Clock::now() < until) {
  }
}

struct Bench {
  struct Piece : Runnable {
    explicit Piece(Bench& b) : Runnable{b.table}, bench{b} {}
    Bench& bench;
    std::atomic<bool> waits{false};
  };
  struct Source : Runnable {
    explicit Source(Bench& b) : Runnable{b.source_table}, bench{b} {}
    Bench& bench;
  };

  Bench(unsigned workers, unsigned processors)
      : pool{*reinterpret_cast<Runtime*>(this), clock, options(workers, processors)} {
    for (int i = 0; i < kPieces; ++i) pieces.push_back(std::make_unique<Piece>(*this));
    std::string error;
    REQUIRE(pool.start(error));
  }
  static void count(std::uint64_t n) { this_thread.ledger->add_owned(Count::Handled, n); }

  /// Where the source is the pieces are done fast, unless some of them are elsewhere.
  static void run_piece(Runnable& runnable) noexcept {
    Piece& piece = static_cast<Piece&>(runnable);
    Bench& bench = piece.bench;
    const bool is_at_home = this_thread.worker == bench.home.load();
    ++(is_at_home ? bench.done_at_home : bench.done_away);
    if (!is_at_home) bench.last_away.store(bench.rounds.load());
    take_time(1us);
    count(bench.last_away.load() + 10 < bench.rounds.load() ? kEach : kEach / 4);
    piece.waits.store(false);
  }
  static void run_source(Runnable& runnable) noexcept {
    Bench& bench = static_cast<Source&>(runnable).bench;
    bench.home.store(this_thread.worker);
    ++bench.rounds;
    for (const auto& piece : bench.pieces) {
      if (!piece->waits.exchange(true)) bench.pool.submit_back(*piece);
    }
    if (bench.held.load() < bench.holds_wanted.load() && Clock::now() - bench.went_on > 5ms) bench.hold();
    if (!bench.is_over.load()) return bench.pool.yield(bench.source);
    bench.has_ended.store(true);
  }
  /// Does not return before all that waits here has been done, which somebody else has to do.
  void hold() {
    const auto begun = Clock::now();
    const auto is_waiting = [](const auto& piece) { return piece->waits.load(); };
    while (std::any_of(pieces.begin(), pieces.end(), is_waiting) && Clock::now() - begun < testing::kPatience) {
    }
    went_on = Clock::now();
    ++held;
  }

  static WorkPoolOptions options(unsigned workers, unsigned processors) {
    WorkPoolOptions options;
    options.workers = workers;
    options.processors = processors;
    options.spin = 10us;
    options.hold = [](Runtime*) noexcept {};
    options.let_go = [](Runtime*) noexcept {};
    return options;
  }
  RunTable table{.run = &run_piece, .run_one = &run_piece};
  RunTable source_table{.run = &run_source, .run_one = &run_source};
  SteadyClock clock;
  std::atomic<const WorkerSlot*> home{nullptr};
  std::atomic<std::uint64_t> rounds{0};
  std::atomic<std::uint64_t> last_away{0};  // in this round
  std::atomic<std::uint64_t> done_at_home{0};
  std::atomic<std::uint64_t> done_away{0};
  std::atomic<std::size_t> holds_wanted{0};
  std::atomic<std::size_t> held{0};
  std::atomic<bool> is_over{false};
  std::atomic<bool> has_ended{false};
  Clock::time_point went_on{};  // the source's
  std::vector<std::unique_ptr<Piece>> pieces;
  Source source{*this};
  WorkPool pool;
};

TEST_CASE("work that is done faster by one worker is left to it but for what waits behind a handler that lasts") {
  const auto [workers, processors] =
      GENERATE(std::pair{2U, Seats::kUnlimited}, std::pair{3U, 2U}, std::pair{4U, 2U}, std::pair{64U, 2U});
  CAPTURE(workers, processors);
  Bench bench{workers, processors};
  bench.pool.submit(bench.source);
  const auto rounds_more = [&](std::uint64_t more) {
    const std::uint64_t now = bench.rounds.load();
    return testing::eventually([&bench, now, more] { return bench.rounds.load() >= now + more; });
  };
  // Where others want these processors, a trial may tell nothing; one of the next does. With many more workers than
  // processors each look at them is as long as many pieces, and how much is left is not told.
  CHECK(testing::eventually([&] {
    if (workers > 4) return rounds_more(2'000);
    const std::uint64_t away = bench.done_away.load();
    const std::uint64_t at_home = bench.done_at_home.load();
    return rounds_more(2'000) && (bench.done_away.load() - away) * 5 < bench.done_at_home.load() - at_home;
  }));

  constexpr std::size_t kHolds = 20;
  bench.holds_wanted.store(kHolds);
  CHECK(testing::eventually([&] { return bench.held.load() == kHolds; }));
  bench.is_over.store(true);
  REQUIRE(testing::eventually([&] { return bench.has_ended.load(); }));
  REQUIRE(bench.pool.stop(TimePoint::max()));
  const auto is_waiting = [](const auto& piece) { return piece->waits.load(); };
  CHECK(std::none_of(bench.pieces.begin(), bench.pieces.end(), is_waiting));
}

/// As many handlers as workers, each of which returns when all of them are in it.
struct Meeting {
  struct Guest : Runnable {
    explicit Guest(Meeting& m) : Runnable{m.table}, meeting{m} {}
    Meeting& meeting;
  };
  struct Host : Runnable {
    explicit Host(Meeting& m) : Runnable{m.host_table}, meeting{m} {}
    Meeting& meeting;
  };
  Meeting(unsigned workers, unsigned processors)
      : pool{*reinterpret_cast<Runtime*>(this), clock, Bench::options(workers, processors)} {
    for (unsigned i = 0; i < workers; ++i) guests.push_back(std::make_unique<Guest>(*this));
    std::string error;
    REQUIRE(pool.start(error));
  }
  static void run_guest(Runnable& runnable) noexcept {
    Meeting& meeting = static_cast<Guest&>(runnable).meeting;
    this_thread.ledger->add_owned(Count::Handled, 1);  // it gets on, until now
    ++meeting.there;
    static_cast<void>(testing::eventually([&] { return meeting.there.load() >= meeting.guests.size(); }));
    ++meeting.gone;
  }
  /// All come from one worker, which has a guest of its own next.
  static void run_host(Runnable& runnable) noexcept {
    Meeting& meeting = static_cast<Host&>(runnable).meeting;
    for (const auto& guest : meeting.guests) meeting.pool.submit_back(*guest);
    this_thread.ledger->add_owned(Count::Sent, meeting.guests.size());
  }
  RunTable table{.run = &run_guest, .run_one = &run_guest};
  RunTable host_table{.run = &run_host, .run_one = &run_host};
  SteadyClock clock;
  std::atomic<std::size_t> there{0};
  std::atomic<std::size_t> gone{0};
  std::vector<std::unique_ptr<Guest>> guests;
  Host host{*this};
  WorkPool pool;
};

TEST_CASE("as many handlers as workers wait beside each other on fewer processors") {
  const auto [workers, processors] =
      GENERATE(std::pair{3U, 2U}, std::pair{8U, 2U}, std::pair{8U, 7U}, std::pair{64U, 2U});
  CAPTURE(workers, processors);
  const auto begun = Clock::now();
  for (int round = 0; round < 20; ++round) {
    Meeting meeting{workers, processors};
    meeting.pool.submit(meeting.host);
    REQUIRE(testing::eventually([&] { return meeting.gone.load() == workers; }));
    CHECK(meeting.there.load() == workers);
    REQUIRE(meeting.pool.stop(TimePoint::max()));
  }
  // Nobody waited until somebody gave up.
  CHECK(Clock::now() - begun < testing::kPatience);
}

}  // namespace
}  // namespace coppice::detail
