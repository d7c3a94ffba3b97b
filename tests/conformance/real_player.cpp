#include <map>
#include <string>
#include <utility>

#include "conformance/replay.hpp"
#include "coppice/supervisors/dynamic_supervisor.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"

namespace coppice::testing {
namespace {

/// Hears how the supervisor ended.
struct Watcher : Actor<Watcher> {
  Watcher(const AnyRef& root, std::string* e) : exit{e} { watch(root); }
  void handle(const Down& down) { *exit = Family::word(down.reason); }
  std::string* exit;
};

/// What both kinds have in common.
class RealPlayer : public Player {
 public:
  RealPlayer(const RecordedScenario& scenario, std::uint64_t seed) : scenario_{scenario}, system_{{.seed = seed}} {
    family_.with_reasons = true;
  }

  void plan(const std::string& id, const std::vector<Planned>& outcomes) override {
    family_.plans[id].assign(outcomes.begin(), outcomes.end());
  }
  Seen crash(const std::vector<std::string>& ids, const std::string& reason) override {
    // One after the other: each next one and the supervisor, which has heard of the first, are ready together, and the
    // seed draws who runs.
    for (const std::string& id : ids) {
      const ActorRef<Member> child = child_named(id);
      const std::size_t lines = family_.log.size();
      if (reason == "error") {
        child.send(Bang{});
      } else {
        child.send(End{exit_reason_of(reason)});
      }
      step_to(lines, "stop " + id + ' ' + reason);
    }
    system_.run_until_idle();
    return seen();
  }
  Seen stop() override {
    static_cast<void>(system_.stop(root(), {.reason = ExitReason::shutdown()}).get());
    system_.run_until_idle();
    return seen();
  }
  Seen advance(Duration by) override {
    system_.advance(by);
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

 protected:
  [[nodiscard]] virtual AnyRef root() const = 0;
  [[nodiscard]] virtual ActorRef<Member> child_named(const std::string& id) = 0;
  virtual void look(Seen& seen) = 0;  // which and counts
  /// One activation, which must write this line; another means that the seed drew the supervisor.
  void step_to(std::size_t lines, const std::string& line) {
    system_.step();
    const Lines now = family_.log.lines();
    if (now.size() != lines + 1 || now.back() != line) throw OrderLost{};
  }

  [[nodiscard]] ChildSpec spec_of(const RecordedChild& c) {
    return member(family_, ChildOptions{.id = c.id, .restart = c.restart, .significant = c.significant});
  }
  Seen started() {
    system_.spawn<Watcher>(root(), &exit_);
    system_.run_until_idle();
    return {.trace = family_.take()};
  }
  Seen seen(std::string result = {}) {
    system_.run_until_idle();
    Seen now{
        .trace = family_.take(), .alive = !system_.has_stopped(root()), .exit = exit_, .result = std::move(result)};
    if (now.alive) look(now);
    return now;
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
  static std::vector<int> numbers_of(const ChildCounts& counts) {
    return {static_cast<int>(counts.specs), static_cast<int>(counts.active), static_cast<int>(counts.supervisors),
            static_cast<int>(counts.workers)};
  }

  const RecordedScenario& scenario_;
  Family family_;
  TestSystem system_;
  std::string exit_;
};

/// A Supervisor.
class StaticPlayer final : public RealPlayer {
 public:
  using RealPlayer::RealPlayer;

  Seen start() override {
    SupervisorOptions options{.id = "app",
                              .strategy = strategy_of(scenario_),
                              .intensity = {.restarts = scenario_.intensity, .within = scenario_.period},
                              .auto_shutdown = scenario_.auto_shutdown};
    if (scenario_.delay > Duration::zero())
      options.backoff = Exponential{.first = scenario_.delay, .cap = scenario_.delay, .factor = 1.0};
    std::vector<ChildSpec> children;
    children.reserve(scenario_.children.size());
    for (const RecordedChild& each : scenario_.children) children.push_back(spec_of(each));
    auto made = system_.start(SupervisorSpec{std::move(options), std::move(children)});
    if (!made) return {.trace = family_.take(), .alive = false, .exit = "failed: " + made.error().child};
    root_ = *made;
    return started();
  }
  Seen call(const RecordedStep& step) override {
    const std::string& id = step.ids.front();
    if (step.op == "start") return seen(word_of(root_.start_child(spec_of(step.spec))));
    if (step.op == "restart") return seen(word_of(root_.restart_child(id)));
    if (step.op == "terminate") return seen(word_of(root_.terminate_child(id)));
    return seen(word_of(root_.delete_child(id)));
  }

 private:
  AnyRef root() const override { return root_; }
  ActorRef<Member> child_named(const std::string& id) override { return at(root_, id); }
  void look(Seen& seen) override {
    const std::vector<ChildInfo> children = root_.which_children().value();
    for (const ChildInfo& child : children) {
      seen.which.push_back(child.id + (child.state == ChildState::Down      ? " undefined"
                                       : child.state == ChildState::Running ? " up"
                                                                            : " restarting"));
    }
    seen.counts = numbers_of(root_.count_children().value());
  }

  ActorRef<Supervisor> root_;
};

/// A DynamicSupervisor, whose children are all made by the one template and named by labels.
class DynamicPlayer final : public RealPlayer {
 public:
  using RealPlayer::RealPlayer;

  Seen start() override {
    root_ = system_
                .start(dynamic_supervisor(
                    {.id = "app", .intensity = {.restarts = scenario_.intensity, .within = kRecordedPeriod}}))
                .value();
    return started();
  }
  Seen call(const RecordedStep& step) override {
    const std::string& label = step.ids.front();
    if (step.op == "start") {
      RecordedChild child = scenario_.children.front();
      child.id = label;
      auto made = root_.start_child(spec_of(child));
      if (made && *made) children_[label] = made->as<Member>();
      return seen(word_of(made));
    }
    if (step.op == "terminate") return seen(word_of(root_.terminate_child(children_[label])));
    return seen(kNoSuchCall);  // the ref has no restart_child and no delete_child; see below
  }

 private:
  static constexpr const char* kNoSuchCall = "simple_one_for_one";  // how OTP refuses them
  template <class Ref>
  static constexpr bool kRefuses =
      !requires(const Ref& ref) { ref.restart_child("a"); } && !requires(const Ref& ref) { ref.delete_child("a"); };
  static_assert(kRefuses<ActorRef<DynamicSupervisor>> && !kRefuses<ActorRef<Supervisor>>);

  AnyRef root() const override { return root_; }
  ActorRef<Member> child_named(const std::string& id) override { return children_.at(id); }
  void look(Seen& seen) override {
    const std::vector<ChildInfo> children = root_.which_children().value();
    for (const ChildInfo& child : children)
      seen.which.push_back(child.state == ChildState::Running ? child.id : child.id + " restarting");
    seen.counts = numbers_of(root_.count_children().value());
    seen.counts.front() = 1;  // OTP counts the template, a DynamicSupervisor its children
  }

  ActorRef<DynamicSupervisor> root_;
  std::map<std::string, ActorRef<Member>> children_;
};

}  // namespace

std::unique_ptr<Player> make_real_player(const RecordedScenario& scenario, std::uint64_t seed, std::string& why_not) {
  why_not.clear();
  if (scenario.is_dynamic()) return std::make_unique<DynamicPlayer>(scenario, seed);
  return std::make_unique<StaticPlayer>(scenario, seed);
}

}  // namespace coppice::testing
