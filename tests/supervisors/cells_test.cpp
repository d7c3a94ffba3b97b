#include <algorithm>
#include <stdexcept>
#include <string>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/log.hpp"
#include "support/test_end.hpp"

// Strategy × restart type × exit reason × shutdown mode on real supervisors. What is expected stands in tables that know
// nothing of the rules.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::TestSystem;

struct ThrowIt {};
struct StopIt {
  ExitReason reason;
};
struct LinkTo {
  AnyRef other;
};

/// Tells all of its life, its destruction too: a child that is killed has no other last word.
struct Witness : Actor<Witness> {
  Witness(testing::Log* l, std::string i) : log{l}, id{std::move(i)} {}
  ~Witness() { log->add("gone " + id); }
  void on_start() { log->add("start " + id); }
  void on_stop(const ExitReason& why) { log->add("stop " + id + ' ' + why.to_string()); }
  void handle(ThrowIt) { throw std::runtime_error{"boom"}; }
  void handle(const StopIt& it) { stop(it.reason); }
  void handle(const LinkTo& to) { link(to.other); }
  testing::Log* log;
  std::string id;
};

struct StrategyRow {
  AnyStrategy strategy;
  Lines stopped;  // because of b, in this order
  Lines started;  // b among them
};
// a permanent, b the one that ends, c transient and down, d temporary, e permanent.
const StrategyRow kStrategies[] = {
    {OneForOne{}, {}, {"b"}},
    {OneForAll{}, {"e", "d", "a"}, {"a", "b", "c", "e"}},
    {RestForOne{}, {"e", "d"}, {"b", "c", "e"}},
};

struct ReasonRow {
  const char* name;
  const char* on_stop;  // what the one that ends hears; null: nothing
  bool normal;
};
const ReasonRow kReasons[] = {
    {"normal", "normal", true},
    {"shutdown", "shutdown", true},
    {"shutdown with a term", "shutdown: term", true},
    {"thrown", "error: boom", false},
    {"an error of its own", "error: mine", false},
    {"killed by its own word", "killed", false},
    {"no process", "no such actor", false},
    {"a linked actor's end", "error: linked", false},
};

enum class After { Restarted, Kept, Dropped };
After after(Restart restart, bool normal) {
  switch (restart) {
    case Restart::Permanent: return After::Restarted;
    case Restart::Transient: return normal ? After::Kept : After::Restarted;
    case Restart::Temporary: return After::Dropped;
  }
  return After::Dropped;
}

struct ModeRow {
  const char* name;
  Shutdown shutdown;
  bool hears;  // who is stopped so runs on_stop
};
const ModeRow kModes[] = {
    {"brutal", Shutdown::brutal(), false},
    {"a deadline", 5s, true},
    {"infinity", Shutdown::infinity(), true},
};

/// One family of the table, after its start.
struct Cell {
  Cell(const AnyStrategy& strategy, Restart restart, Shutdown shutdown) {
    const auto spec = [&](const char* id, Restart type) {
      return child<Witness>({.id = id, .restart = type, .shutdown = shutdown}, &log, std::string{id});
    };
    root = system
               .start(supervisor({.id = "app", .strategy = strategy, .intensity = {.restarts = 1, .within = 1h}},
                                 spec("a", Restart::Permanent), spec("b", restart), spec("c", Restart::Transient),
                                 spec("d", Restart::Temporary), spec("e", Restart::Permanent)))
               .value();
    tell("c", StopIt{ExitReason::normal()});
    taken = log.size();
  }
  ActorRef<Witness> at(const char* id) { return root.child<Witness>(id).value(); }
  template <class M>
  void tell(const char* id, M message) {
    at(id).send(std::move(message));
    system.run_until_idle();
  }
  void end_b(const ReasonRow& reason) {
    const std::string name = reason.name;
    if (name == "normal") tell("b", StopIt{ExitReason::normal()});
    if (name == "shutdown") tell("b", StopIt{ExitReason::shutdown()});
    if (name == "shutdown with a term") tell("b", StopIt{ExitReason::shutdown("term")});
    if (name == "thrown") tell("b", ThrowIt{});
    if (name == "an error of its own") tell("b", StopIt{ExitReason::error("mine")});
    if (name == "killed by its own word") tell("b", StopIt{ExitReason::killed()});
    if (name == "no process") tell("b", StopIt{ExitReason::no_proc()});
    if (name == "a linked actor's end") {
      const auto other = system.spawn<Witness>(&others, "other");
      tell("b", LinkTo{other});
      other.send(StopIt{ExitReason::error("linked")});
      system.run_until_idle();
    }
  }
  Lines take() {
    const Lines lines = log.lines();
    Lines fresh(lines.begin() + static_cast<std::ptrdiff_t>(taken), lines.end());
    taken = lines.size();
    return fresh;
  }
  Lines states() {
    Lines lines;
    const std::vector<ChildInfo> children = root.which_children().value();
    for (const ChildInfo& child : children) lines.push_back(child.id + ' ' + to_string(child.state));
    return lines;
  }
  testing::Log log;
  testing::Log others;
  TestSystem system;
  ActorRef<Supervisor> root;
  std::size_t taken = 0;
};

Lines expected_trace(const StrategyRow& strategy, const ReasonRow& reason, const ModeRow& mode, After what) {
  Lines lines{std::string{"stop b "} + reason.on_stop, "gone b"};
  if (what != After::Restarted) return lines;
  for (const auto& id : strategy.stopped) {
    if (mode.hears) lines.push_back("stop " + id + " shutdown");
    lines.push_back("gone " + id);
  }
  for (const auto& id : strategy.started) lines.push_back("start " + id);
  return lines;
}

Lines expected_states(const StrategyRow& strategy, After what) {
  const bool group = what == After::Restarted && strategy.started.size() > 1;
  Lines lines{"e running"};
  if (!group) lines.push_back("d running");         // a temporary bystander is gone for good
  lines.push_back(group ? "c running" : "c down");  // who was down comes back with its group
  if (what != After::Dropped) lines.push_back(what == After::Kept ? "b down" : "b running");
  lines.push_back("a running");
  return lines;
}

TEST_CASE("all 216 cells of strategy, restart type, exit reason and shutdown mode are as the tables say") {
  int cells = 0;
  for (const StrategyRow& strategy : kStrategies) {
    for (const Restart restart : {Restart::Permanent, Restart::Transient, Restart::Temporary}) {
      for (const ReasonRow& reason : kReasons) {
        for (const ModeRow& mode : kModes) {
          CAPTURE(strategy.strategy.name(), to_string(restart), reason.name, mode.name);
          ++cells;
          Cell cell{strategy.strategy, restart, mode.shutdown};
          const auto a = cell.at("a");
          const std::uint32_t lives_of_a = a.incarnation();
          const After what = after(restart, reason.normal);
          cell.end_b(reason);
          CHECK(cell.take() == expected_trace(strategy, reason, mode, what));
          CHECK(cell.states() == expected_states(strategy, what));
          const bool with_a = what == After::Restarted && !strategy.stopped.empty() && strategy.stopped.back() == "a";
          CHECK(a.incarnation() == lives_of_a + (with_a ? 1 : 0));

          // One restart is allowed: whether the first end counted shows at the next.
          cell.tell("a", ThrowIt{});
          CHECK(cell.system.has_stopped(cell.root) == (what == After::Restarted));
          testing::check_end(cell.system);
        }
      }
    }
  }
  CHECK(cells == 216);
}

}  // namespace
}  // namespace coppice
