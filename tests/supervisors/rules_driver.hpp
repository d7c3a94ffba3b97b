#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coppice/supervisors/rules.hpp"
#include "supervisors/planned.hpp"
#include "support/log.hpp"

namespace coppice::testing {

struct RuleChild {
  std::string id;
  Restart restart = Restart::Permanent;
  bool significant = false;
};

/// Plays children and clock to the pure rules: answers each Start by plan, each Stop with an exit, and notes what
/// breaks the contract of RuleEffect. Nothing is answered before pump() or settle(), so a test may let other things
/// happen first.
class RulesDriver {
 public:
  using Event = coppice::detail::RuleEvent;
  using Effect = coppice::detail::RuleEffect;
  using Key = coppice::detail::ChildKey;

  RulesDriver(AnyStrategy strategy, Intensity intensity, std::vector<RuleChild> children, Backoff backoff = {},
              AutoShutdown auto_shutdown = AutoShutdown::Never)
      : rules_{strategy, intensity, backoff, auto_shutdown} {
    for (auto& child : children) add(child);
  }

  // ---- what happens ----
  void begin() { queue_.push_back(Event{.kind = Event::Kind::Begin}); }
  /// What its next starts come to, in place of what was planned before; then they succeed.
  void plan(const std::string& id, const std::vector<Outcome>& outcomes) {
    plans_[id].assign(outcomes.begin(), outcomes.end());
  }
  /// Every start of it fails from now on.
  void fail_always(const std::string& id) { always_fail_.insert(id); }
  /// It has ended by itself; the rules have not heard of it yet.
  void die(const std::string& id, const ExitReason& why, OnError verdict = OnError::Supervise) {
    const Key key = key_of(id);
    alive_.erase(key);
    full_.push_back("stop " + id + ' ' + word(why));
    queue_.push_back(Event{.kind = Event::Kind::Exited, .child = key, .reason = why, .verdict = verdict});
  }
  void tell_stop(const ExitReason& why = ExitReason::shutdown()) {
    queue_.push_back(Event{.kind = Event::Kind::Stop, .reason = why});
  }
  void crash(const std::string& id, const ExitReason& why = ExitReason::error("boom"),
             OnError verdict = OnError::Supervise) {
    die(id, why, verdict);
    settle();
  }
  void start() {
    begin();
    settle();
  }
  void stop() {
    tell_stop();
    settle();
  }

  // ---- calls, once everything before them is done; in the recordings' words ----
  std::string start_child(const RuleChild& child) {
    settle();
    if (down || aborted) return "gone";
    if (knows(child.id)) {
      return rules_.state_of(key_of(child.id)) == ChildState::Running ? "already_started" : "already_present";
    }
    return call(Event::Kind::StartChild, add(child));
  }
  std::string terminate_child(const std::string& id) { return call_known(Event::Kind::TerminateChild, id); }
  std::string restart_child(const std::string& id) { return call_known(Event::Kind::RestartChild, id); }
  std::string delete_child(const std::string& id) { return call_known(Event::Kind::DeleteChild, id); }

  /// A call that waits, behind those before it, until the rules are idle; its answer is not looked at.
  void call_soon(Event::Kind kind, const RuleChild& child) { calls_.emplace_back(kind, child); }

  // ---- time and turns ----
  /// The rules hear of one thing; false when there is nothing to hear.
  bool pump() {
    if (queue_.empty() && !serve_call()) return false;
    if (queue_.empty()) return true;
    const Event event = queue_.front();
    queue_.pop_front();
    if (event.kind == Event::Kind::RetryDue && armed_.erase(event.child) == 0) return true;  // disarmed meanwhile
    if (is_step_answer(event)) awaited_ = false;
    for (const Effect& effect : rules_.step(event, now, random++)) perform(effect);
    while (serve_call()) {
    }
    return true;
  }
  void settle() {
    for (int steps = 0; pump(); ++steps) {
      if (steps > 100'000) {
        blame("the rules do not come to rest");
        return;
      }
    }
  }
  /// Moves time on, firing what is due on the way; of those due at once the one that was armed first, as timers do.
  void advance(Duration by) {
    const TimePoint until = now + by;
    settle();
    for (;;) {
      auto next = std::min_element(armed_.begin(), armed_.end(), [](auto& a, auto& b) { return a.second < b.second; });
      if (next == armed_.end() || next->second.at > until) break;
      now = std::max(now, next->second.at);
      queue_.push_back(Event{.kind = Event::Kind::RetryDue, .child = next->first});
      settle();
    }
    now = until;
  }

  // ---- what came of it ----
  /// "start b", "start c!" for a failed one, "stop d" for a stop that the rules asked for. Empties it.
  Lines take() { return std::exchange(short_, {}); }
  /// "start b ok", "start c error", "stop d shutdown": deaths by themselves too. Empties it.
  Lines take_full() { return std::exchange(full_, {}); }
  /// All effects by name, in order. Empties it.
  Lines take_effects() { return std::exchange(effects_, {}); }
  [[nodiscard]] const Lines& violations() const { return violations_; }
  [[nodiscard]] bool is_alive(const std::string& id) const { return alive_.contains(key_of(id)); }
  [[nodiscard]] bool knows(const std::string& id) const {
    const Key key = key_of(id);
    return key != 0 && std::find(order_.begin(), order_.end(), key) != order_.end();
  }
  [[nodiscard]] bool is_idle() const { return rules_.is_idle(); }
  /// Newest first: "d up", "c undefined".
  [[nodiscard]] Lines which() const {
    Lines lines;
    for (auto it = order_.rbegin(); it != order_.rend(); ++it)
      lines.push_back(id_of(*it) + (alive_.contains(*it) ? " up" : " undefined"));
    return lines;
  }
  /// The same as the rules say it, who waits for a start attempt apart: "b restarting".
  [[nodiscard]] Lines states() const {
    static constexpr const char* kWords[] = {" undefined", " up", " restarting"};
    Lines lines;
    for (auto it = order_.rbegin(); it != order_.rend(); ++it)
      lines.push_back(id_of(*it) + kWords[static_cast<int>(rules_.state_of(*it))]);
    return lines;
  }
  [[nodiscard]] std::vector<std::string> alive() const {
    std::vector<std::string> ids;
    for (const Key key : alive_) ids.push_back(id_of(key));
    return ids;
  }
  [[nodiscard]] std::size_t armed() const { return armed_.size(); }
  [[nodiscard]] bool is_resting() const { return queue_.empty() && calls_.empty(); }

  bool up = false;
  bool down = false;
  bool aborted = false;
  int limit_reports = 0;
  int escalations = 0;
  std::string aborted_by;
  ExitReason reason;  // of Down, or of StartAborted
  std::vector<Duration> delays;
  TimePoint now{std::chrono::hours{1}};
  std::uint64_t random = 0;

  [[nodiscard]] static std::string word(const ExitReason& r) {
    switch (r.kind()) {
      case ExitReason::Kind::Normal: return "normal";
      case ExitReason::Kind::Shutdown: return r.text() == "term" ? "shutdown_term" : "shutdown";
      case ExitReason::Kind::Killed: return "killed";
      case ExitReason::Kind::NoProc: return "noproc";
      case ExitReason::Kind::Error: return "error";
    }
    return "?";
  }

 private:
  /// Of the newest child with that id; 0: there never was one.
  [[nodiscard]] Key key_of(const std::string& id) const {
    return static_cast<Key>(ids_.rend() - std::find(ids_.rbegin(), ids_.rend(), id));
  }
  Key add(const RuleChild& child) {
    const auto key = static_cast<Key>(ids_.size() + 1);
    rules_.add(key, child.restart, child.significant);
    ids_.push_back(child.id);
    order_.push_back(key);
    return key;
  }
  std::string call_known(Event::Kind kind, const std::string& id) {
    settle();
    if (down || aborted) return "gone";
    return knows(id) ? call(kind, key_of(id)) : "not_found";
  }
  std::string call(Event::Kind kind, Key key) {
    if (!rules_.is_idle()) blame("a call to rules that are not idle");
    replied_.clear();
    queue_.push_back(Event{.kind = kind, .child = key});
    settle();
    if (replied_.empty() && !down) blame("a call without a reply");
    // A start says what it answered; the others say only that it is done.
    const bool starts = kind == Event::Kind::StartChild || kind == Event::Kind::RestartChild;
    return replied_ == "ok" && starts ? "ok_pid" : replied_;
  }
  /// What a supervisor does when it is idle. False: there is nothing to do, or not now.
  bool serve_call() {
    if (calls_.empty() || down || aborted || !rules_.is_idle()) return false;
    const auto [kind, child] = calls_.front();
    calls_.pop_front();
    const bool starts = kind == Event::Kind::StartChild;
    if (starts == knows(child.id)) return true;  // refused before the rules hear of it
    const Key key = starts ? add(child) : key_of(child.id);
    replied_.clear();
    for (const Effect& effect : rules_.step(Event{.kind = kind, .child = key}, now, random++)) perform(effect);
    return true;
  }
  void note_reply(coppice::detail::CallOutcome outcome) {
    using Came = coppice::detail::CallOutcome;
    if (!replied_.empty()) blame("a call with two replies");
    switch (outcome) {
      case Came::Done: replied_ = "ok"; return;
      case Came::Ignored: replied_ = "ok_undefined"; return;
      case Came::Failed: replied_ = "start_error"; return;
      case Came::Running: replied_ = "running"; return;
      case Came::Restarting: replied_ = "restarting"; return;
    }
  }
  [[nodiscard]] std::string id_of(Key key) const { return key >= 1 && key <= ids_.size() ? ids_[key - 1] : "?"; }
  [[nodiscard]] bool is_step_answer(const Event& event) const {
    return awaited_ && event.child == awaited_key_ &&
           (event.kind == Event::Kind::Started || event.kind == Event::Kind::StartFailed ||
            event.kind == Event::Kind::Ignored || event.kind == Event::Kind::Exited);
  }
  void blame(std::string text) { violations_.push_back(std::move(text)); }
  void await(Key key, const std::string& what) {
    if (awaited_) blame(what + " while " + id_of(awaited_key_) + " is awaited");  // [V1]
    awaited_ = true;
    awaited_key_ = key;
  }

  void perform(const Effect& effect) {
    const std::string id = id_of(effect.child);
    if (down || aborted) blame("an effect after the end");
    switch (effect.kind) {
      case Effect::Kind::Start: return start_child(effect.child, id);
      case Effect::Kind::Stop: return stop_child(effect.child, id);
      case Effect::Kind::Retain: return ended("retain", effect.child);
      case Effect::Kind::Close: return ended("close", effect.child);
      case Effect::Kind::Remove: {
        ended("remove", effect.child);
        const auto at = std::find(order_.begin(), order_.end(), effect.child);
        if (at == order_.end()) return blame("removes " + id + " twice");
        order_.erase(at);
        return;
      }
      case Effect::Kind::Arm:
        effects_.push_back("arm " + id);
        if (armed_.contains(effect.child)) blame("arms " + id + " twice");
        if (effect.delay < Duration::zero()) blame("a negative delay");
        armed_[effect.child] = {coppice::detail::saturating_add(now, effect.delay), arms_++};
        delays.push_back(effect.delay);
        if (effect.delay == Duration::zero())
          queue_.push_back(Event{.kind = Event::Kind::RetryDue, .child = effect.child});
        return;
      case Effect::Kind::Disarm:
        effects_.push_back("disarm " + id);
        armed_.erase(effect.child);
        return;
      case Effect::Kind::Up:
        effects_.push_back("up");
        if (up) blame("up twice");
        up = true;
        return;
      case Effect::Kind::StartAborted:
        effects_.push_back("aborted " + id);
        aborted = true;
        aborted_by = id;
        reason = effect.reason;
        if (!alive_.empty()) blame("aborted over living children");
        return;
      case Effect::Kind::LimitReached:
        effects_.push_back("limit");
        ++limit_reports;
        return;
      case Effect::Kind::Escalated:
        effects_.push_back("escalated");
        ++escalations;
        return;
      case Effect::Kind::AutoShutdown: effects_.push_back("auto shutdown"); return;
      case Effect::Kind::Reply: effects_.push_back("reply " + id); return note_reply(effect.outcome);
      case Effect::Kind::Down:
        effects_.push_back("down");
        if (!alive_.empty()) blame("down over living children");
        if (!armed_.empty()) blame("down with a retry armed");
        down = true;
        reason = effect.reason;
        return;
    }
  }
  void start_child(Key key, const std::string& id) {
    effects_.push_back("start " + id);
    await(key, "start " + id);
    if (alive_.contains(key)) blame("starts " + id + " while it lives");
    if (std::find(order_.begin(), order_.end(), key) == order_.end()) blame("starts " + id + ", which is forgotten");
    if (armed_.contains(key)) blame("starts " + id + " while its retry is armed");
    Planned outcome = always_fail_.contains(id) ? Planned::Error : Planned::Ok;
    if (auto& plan = plans_[id]; !plan.empty()) {
      outcome = plan.front().planned;
      plan.pop_front();
    }
    Event answer{.kind = Event::Kind::Started, .child = key};
    switch (outcome) {
      case Planned::Ok: alive_.insert(key); break;
      case Planned::Error:
        answer.kind = Event::Kind::StartFailed;
        answer.reason = ExitReason::error("cannot start " + id);
        break;
      case Planned::Ignore: answer.kind = Event::Kind::Ignored; break;
    }
    static constexpr const char* kMark[] = {"", "!", "?"};
    static constexpr const char* kWord[] = {" ok", " error", " ignore"};
    short_.push_back("start " + id + kMark[static_cast<int>(outcome)]);
    full_.push_back("start " + id + kWord[static_cast<int>(outcome)]);
    queue_.push_back(std::move(answer));
  }
  void stop_child(Key key, const std::string& id) {
    effects_.push_back("stop " + id);
    await(key, "stop " + id);
    short_.push_back("stop " + id);
    if (alive_.erase(key) > 0) {
      full_.push_back("stop " + id + " shutdown");
      queue_.push_back(Event{.kind = Event::Kind::Exited, .child = key, .reason = ExitReason::shutdown()});
    } else if (std::none_of(queue_.begin(), queue_.end(),
                            [&](const Event& e) { return e.kind == Event::Kind::Exited && e.child == key; })) {
      blame("stops " + id + ", which does not live");
    }
  }
  void ended(const char* what, Key key) {
    effects_.push_back(std::string{what} + ' ' + id_of(key));
    if (alive_.contains(key)) blame(std::string{what} + "s " + id_of(key) + " while it lives");
  }

  coppice::detail::SupervisorRules rules_;
  std::vector<std::string> ids_;
  std::vector<Key> order_;  // as far as the driver was told
  std::map<std::string, std::deque<Outcome>> plans_;
  std::set<std::string> always_fail_;
  std::set<Key> alive_;
  struct Retry {
    TimePoint at;
    std::uint64_t number;  // the how manieth that was armed
    bool operator<(const Retry& other) const { return std::pair{at, number} < std::pair{other.at, other.number}; }
  };
  std::map<Key, Retry> armed_;
  std::uint64_t arms_ = 0;
  std::deque<Event> queue_;
  std::deque<std::pair<Event::Kind, RuleChild>> calls_;
  bool awaited_ = false;
  Key awaited_key_ = 0;
  std::string replied_;
  Lines short_;
  Lines full_;
  Lines effects_;
  Lines violations_;
};

}  // namespace coppice::testing
