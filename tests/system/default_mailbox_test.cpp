#include <stdexcept>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/mailbox_actor.hpp"
#include "support/quiet.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Reader;
using testing::TestSystem;
using testing::Tick;

/// Has children, timers, asks, watches, names and groups: all that the runtime sends for it besides messages.
struct Boss : Actor<Boss> {
  ActorRef<Reader> reader;
  TimerHandle timer;
  int* heard;
  explicit Boss(int* h) : heard{h} { reader = spawn<Reader>(); }
  void on_start() {
    timer = send_every(1ms, 1L);
    watch(reader);
    ask(reader, 1L, 1s).then([this](const Result<int, AskError>&) { ++*heard; });
  }
  void handle(long) { ++*heard; }
  void handle(const Down&) { ++*heard; }
  void handle(int number) {
    if (number < 0) throw std::runtime_error{"negative"};
    static_cast<void>(system().stop(reader));
  }
};

TEST_CASE("trees live and restart and end with one place in every mailbox whatever the policy") {  // F29, P11
  for (const OverflowRule& overflow :
       {OverflowRule{Overflow::Reject}, OverflowRule{Overflow::DropNewest}, OverflowRule{Overflow::DropOldest},
        OverflowRule{Overflow::Block}, KeepLatestBy<&Tick::symbol>}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      CAPTURE(static_cast<int>(overflow.overflow()), seed);
      int heard = 0;
      SystemOptions options;
      options.mailbox = Bounded{.capacity = 1, .overflow = overflow, .block_within = 1s};
      TestSystem system{{.seed = seed, .system = std::move(options)}};
      const auto root = system.start(supervisor({.id = "app"}, child<Boss>({.id = "boss"}, &heard),
                                                supervisor({.id = "below"}, child<Reader>({.id = "reader"}))));
      REQUIRE(root);
      const auto boss = root->child<Boss>("boss").value();
      system.advance(2ms);
      CHECK(heard == 3);  // the reply and two ticks
      boss.send(-1);
      system.run_until_idle();
      CHECK(boss.incarnation() == 2);
      boss.send(1);
      system.advance(1ms);
      CHECK(heard == 3 + 3);  // the reply, the Down, a tick
      CHECK(root->terminate_child("below"));
      CHECK(root->restart_child("below"));
      testing::check_end(system);
    }
  }
}

}  // namespace
}  // namespace coppice
