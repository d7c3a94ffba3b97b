// Ping-pong on one worker, to be counted by callgrind: ./bench_noop_monitor [noop|recording] HOPS. Built twice, the
// second time as bench_noop_monitor_no_hooks, whose run loop has no monitor's hook because a macro took it out.
// callgrind_noop.py runs both.

#include <cstdlib>
#include <cstring>

#include "../support/harness.hpp"

#if defined(COPPICE_BENCH_NO_HOOKS)
// This program's own run loop, made without hooks, instead of the library's, which is made of the same text with them.
template void coppice::detail::Cell::run_with<coppice::NoopMonitor>(coppice::detail::Runnable&) noexcept;
#endif

namespace {

using namespace coppice::bench;

/// A monitor that records: shows that the macro removes the hook, and that the comparison can see one.
struct CountingMonitor {
  static constexpr bool kRecords = true;
  using Event = coppice::Event;
  void record(const coppice::Event& event) {
    keep(event);
    ++total;
  }
  std::uint64_t total = 0;
};

struct Ball {
  std::int64_t hops_left;
};

struct Player;
struct Opponent {
  coppice::ActorRef<Player> ref;
};
struct Player : coppice::Actor<Player> {
  explicit Player(Finish* f) : finish{f} {}
  void handle(Opponent other) { opponent = std::move(other.ref); }
  void handle(Ball ball) {
    if (ball.hops_left == 0) return finish->reach();
    opponent.send(Ball{ball.hops_left - 1});
  }
  Finish* finish;
  coppice::ActorRef<Player> opponent;
};

template <class Monitor>
void play(std::int64_t hops) {
  Finish finish;
  coppice::BasicActorSystem<Monitor> system{default_options(1)};
  const coppice::ActorRef<Player> a = system.template spawn<Player>(&finish);
  const coppice::ActorRef<Player> b = system.template spawn<Player>(&finish);
  a.send(Opponent{b});
  b.send(Opponent{a});
  a.send(Ball{hops - 1});
  static_cast<void>(finish.wait());
  expect_all_handled(system, static_cast<std::uint64_t>(hops) + 2);
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t hops = argc > 2 ? std::atoll(argv[2]) : 100'000;
  if (argc > 1 && std::strcmp(argv[1], "recording") == 0) {
    play<CountingMonitor>(hops);
  } else {
    play<coppice::NoopMonitor>(hops);
  }
  return 0;
}
