#include <optional>
#include <string>

#include "conformance/replay.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"

namespace coppice::testing {
namespace {

/// Hears how the supervisor ended.
struct Watcher : Actor<Watcher> {
  Watcher(ActorRef<Supervisor> root, std::string* e) : exit{e} { watch(root); }
  void handle(const Down& down) { *exit = Family::word(down.reason); }
  std::string* exit;
};

/// A Supervisor. Another kind of supervisor is another player: see make_real_player.
class StaticPlayer final : public Player {
 public:
  StaticPlayer(const RecordedScenario& scenario, std::uint64_t seed) : scenario_{scenario}, system_{{.seed = seed}} {
    family_.with_reasons = true;
  }

  void plan(const std::string& id, const std::vector<Planned>& outcomes) override {
    family_.plans[id].assign(outcomes.begin(), outcomes.end());
  }
  Seen start() override {
    SupervisorOptions options{.id = "app",
                              .strategy = strategy_of(scenario_),
                              .intensity = {.restarts = scenario_.intensity, .within = kRecordedPeriod},
                              .auto_shutdown = scenario_.auto_shutdown};
    std::vector<ChildSpec> children;
    for (const RecordedChild& each : scenario_.children) children.push_back(spec_of(each));
    auto started = system_.start(SupervisorSpec{std::move(options), std::move(children)});
    if (!started) return {.trace = family_.take(), .alive = false, .exit = "failed: " + started.error().child};
    root_ = *started;
    system_.spawn<Watcher>(root_, &exit_);
    system_.run_until_idle();
    return {.trace = family_.take()};
  }
  Seen crash(const std::vector<std::string>& ids, const std::string& reason) override {
    // One after the other: each next one and the supervisor, which has heard of the first, are ready together, and the
    // seed draws who runs.
    for (const std::string& id : ids) {
      const auto child = at(root_, id);
      const std::size_t lines = family_.log.size();
      if (reason == "error") {
        child.send(Bang{});
      } else {
        child.send(End{exit_reason_of(reason)});
      }
      system_.step();
      const Lines now = family_.log.lines();
      if (now.size() != lines + 1 || now.back() != "stop " + id + ' ' + reason) throw OrderLost{};
    }
    system_.run_until_idle();
    return seen();
  }
  Seen call(const RecordedStep& step) override {
    std::string result;
    if (step.op == "start") result = word_of(root_.start_child(spec_of(step.spec)));
    if (step.op == "restart") result = word_of(root_.restart_child(step.ids.front()));
    if (step.op == "terminate") result = word_of(root_.terminate_child(step.ids.front()));
    if (step.op == "delete") result = word_of(root_.delete_child(step.ids.front()));
    system_.run_until_idle();
    Seen after = seen();
    after.result = result;
    return after;
  }
  Seen stop() override {
    static_cast<void>(system_.stop(root_, {.reason = ExitReason::shutdown()}).get());
    system_.run_until_idle();
    return seen();
  }
  std::string end() override {
    const ShutdownReport report = system_.shutdown();
    if (!report.complete || !report.late.empty()) return "somebody is left, or was late";
    const SystemStats stats = system_.stats();
    if (stats.actors + stats.timers + stats.zombies > 0) return "actors, timers or zombies are left";
    for (const auto& [id, count] : family_.constructed) {
      if (count != family_.destroyed[id]) return "lives of " + id + " are left";
    }
    const Ledger ledger = system_.ledger();
    return ledger.balances() && ledger.queued == 0 ? "" : "the ledger does not balance";
  }

 private:
  ChildSpec spec_of(const RecordedChild& c) {
    return member(family_, ChildOptions{.id = c.id, .restart = c.restart, .significant = c.significant});
  }
  Seen seen() {
    Seen result{.trace = family_.take(), .alive = !system_.has_stopped(root_), .exit = exit_};
    if (!result.alive) return result;
    const std::vector<ChildInfo> children = root_.which_children().value();
    for (const ChildInfo& child : children)
      result.which.push_back(child.id + (child.state == ChildState::Down      ? " undefined"
                                         : child.state == ChildState::Running ? " up"
                                                                              : " restarting"));
    const ChildCounts counts = root_.count_children().value();
    result.counts = {static_cast<int>(counts.specs), static_cast<int>(counts.active),
                     static_cast<int>(counts.supervisors), static_cast<int>(counts.workers)};
    return result;
  }
  static std::string word_of(const Result<AnyRef, CallError>& result) {
    if (!result) return word_of(result.error());
    return *result ? "ok_pid" : "ok_undefined";
  }
  static std::string word_of(const Result<void, CallError>& result) { return result ? "ok" : word_of(result.error()); }
  static std::string word_of(const CallError& error) {
    switch (error.kind) {
      case CallError::Kind::NotFound: return "not_found";
      case CallError::Kind::Running: return "running";
      case CallError::Kind::Restarting: return "restarting";
      case CallError::Kind::AlreadyStarted: return "already_started";
      case CallError::Kind::AlreadyPresent: return "already_present";
      case CallError::Kind::StartFailed: return "start_error";
      default: return to_string(error.kind);
    }
  }

  const RecordedScenario& scenario_;
  Family family_;
  TestSystem system_;
  ActorRef<Supervisor> root_;
  std::string exit_;
};

}  // namespace

std::unique_ptr<Player> make_real_player(const RecordedScenario& scenario, std::uint64_t seed, std::string& why_not) {
  if (scenario.is_dynamic()) {
    why_not = "simple_one_for_one, which needs DynamicSupervisor";
    return nullptr;
  }
  return std::make_unique<StaticPlayer>(scenario, seed);
}

}  // namespace coppice::testing
