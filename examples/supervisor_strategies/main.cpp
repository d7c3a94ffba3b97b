// Three strategies: which children a crash takes with it, and in which order they end and come back.
//
// It shows   the same three children under OneForOne, OneForAll and RestForOne. The one in the middle crashes; what its
//            supervisor then does is what a monitor heard of it, and not a line of it is written down here.
// It prints  expected.txt; and on stderr the crash report of each of the three crashes.
// Read       ../let_it_crash before; ../monitoring after.

#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <coppice/coppice.hpp>

#include "../support/arguments.hpp"

using namespace std::chrono_literals;

namespace {

/// What the supervisors do, in order.
///
/// Threads    every function: any.
class Chronicle {
 public:
  static constexpr bool kRecords = true;
  using Event = coppice::Event;

  void record(const Event& event) {
    const char* verb = nullptr;
    switch (event.kind) {
      case coppice::EventKind::ChildStarted: verb = "start"; break;
      case coppice::EventKind::ChildFailed: verb = "crash"; break;
      case coppice::EventKind::ChildStopped: verb = "stop"; break;
      case coppice::EventKind::ChildRestarted: verb = "restart"; break;
      default: return;
    }
    const std::lock_guard lock{mutex_};
    steps_.push_back(fmt::format("{} {}", verb, event.subject));
  }
  /// What has happened since the last call, when there are `count` steps of it; nothing when they do not come.
  [[nodiscard]] std::vector<std::string> take(std::size_t count) {
    for (const auto until = std::chrono::steady_clock::now() + 10s; std::chrono::steady_clock::now() < until;) {
      {
        const std::lock_guard lock{mutex_};
        if (steps_.size() >= count) return std::exchange(steps_, {});
      }
      std::this_thread::yield();
    }
    return {};
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> steps_;
};

struct Job {};
struct Poison {};

struct Worker : coppice::Actor<Worker> {
  int handle(Job) { return ++done; }
  void handle(Poison) { throw std::runtime_error{"poisoned"}; }
  int done = 0;
};

using System = coppice::BasicActorSystem<Chronicle>;
using Steps = std::vector<std::string>;

/// Crashes the second of three children. Whether their supervisor did what the strategy says.
bool show(System& system, coppice::AnyStrategy strategy, const Steps& expected) {
  const std::string id{strategy.name()};
  const auto root =
      system.start(coppice::supervisor({.id = id, .strategy = strategy}, coppice::child<Worker>({.id = "a"}),
                                       coppice::child<Worker>({.id = "b"}), coppice::child<Worker>({.id = "c"})));
  if (!root || system.monitor().take(3) != Steps{"start a", "start b", "start c"}) return false;
  const auto c = root->child<Worker>("c").value();
  static_cast<void>(c.ask(Job{}, 5s).get());

  root->child<Worker>("b").value().send(Poison{});
  const Steps steps = system.monitor().take(expected.size());
  fmt::print("{}:", id);
  for (const std::string& step : steps) fmt::print(" {}{}", step, &step == &steps.back() ? "\n" : ",");

  // Whoever was restarted has forgotten what it had done.
  const int done = c.ask(Job{}, 5s).get().value_or(0);
  const bool c_went_on = c.incarnation() == 1;
  fmt::print("  c is in life {} and has done {} of 2 jobs\n", c.incarnation(), done);
  if (!system.stop(*root).get()) return false;
  const bool in_order = system.monitor().take(3) == Steps{"stop c", "stop b", "stop a"};
  return steps == expected && done == (c_went_on ? 2 : 1) && in_order;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto code = examples::parse_none("The same crash under OneForOne, OneForAll and RestForOne.", argc, argv))
    return *code;

  System system;
  const bool alone = show(system, coppice::OneForOne{}, {"crash b", "restart b"});
  const bool all =
      show(system, coppice::OneForAll{}, {"crash b", "stop c", "stop a", "restart a", "restart b", "restart c"});
  const bool rest = show(system, coppice::RestForOne{}, {"crash b", "stop c", "restart b", "restart c"});
  const bool in_order = system.shutdown().complete && system.ledger().balances();
  return alone && all && rest && in_order ? 0 : 1;
}
