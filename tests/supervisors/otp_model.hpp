#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coppice/supervisors/auto_shutdown.hpp"
#include "coppice/supervisors/restart.hpp"
#include "supervisors/planned.hpp"
#include "support/log.hpp"

namespace coppice::testing {

/// What OTP's supervisor does: synchronous, its queue a list. The rules are held against it; it is itself held against
/// the recordings in tests/conformance. Times are nanoseconds. What OTP does not have is the delay before start
/// attempts: zero is OTP, more is as Backoff says.
///
/// Ids are passed by value: what they name may be forgotten on the way.
/// Source: OTP's supervisor, function by function; each member function names its own.
class OtpModel {
 public:
  enum class Strategy { OneForOne, OneForAll, RestForOne };
  struct Spec {
    std::string id;
    Restart restart = Restart::Permanent;
    bool significant = false;
  };
  struct Settings {
    Strategy strategy = Strategy::OneForOne;
    unsigned restarts = 0;
    long within = 0;
    AutoShutdown auto_shutdown = AutoShutdown::Never;
    long delay = 0;
    bool consumes_the_dead = true;  // false: a bug, for the test of the tests
  };

  OtpModel(const Settings& settings, const std::vector<Spec>& children) : settings_{settings} {
    children_.reserve(children.size());
    for (const Spec& spec : children) children_.push_back(Child{spec});
  }

  void plan(const std::string& id, const std::vector<Planned>& outcomes) {
    plans_[id].assign(outcomes.begin(), outcomes.end());
  }
  void start() {  // init_children
    std::vector<std::string> ids;
    for (const Child& child : children_) ids.push_back(child.spec.id);
    for (const std::string& id : ids) {
      if (try_start(*find(id)) != Planned::Error) continue;
      failed_to_start = id;
      terminate_all();
      alive = false;
      return;
    }
  }
  /// All of them are dead before the supervisor looks, in this order.
  void crash(const std::vector<std::string>& ids, const std::string& reason) {
    for (const auto& id : ids) {
      trace.push_back("stop " + id + ' ' + reason);
      queue_.push_back({id, reason});
    }
    settle();
  }
  /// Time goes on to `now`; what is due on the way happens, of what is due at once first what began to wait first.
  void advance(long now) {
    for (;;) {
      Child* next = nullptr;
      for (Child& child : children_) {
        if (child.state != State::Restarting || child.due < now_) continue;
        if (next == nullptr || std::pair{child.due, child.wait} < std::pair{next->due, next->wait}) next = &child;
      }
      if (!alive || next == nullptr || next->due > now) break;
      now_ = next->due;
      retry(next->spec.id);
      settle();
    }
    now_ = now;
  }
  void stop() {  // terminate/2
    terminate_all();
    end();
  }

  // ---- handle_call, once everything before is done ----
  std::string start_child(const Spec& spec) {
    if (!alive) return "gone";
    if (const Child* const known = find(spec.id))
      return known->state == State::Up ? "already_started" : "already_present";
    children_.push_back(Child{spec});
    const std::string result = word(try_start(children_.back()));
    if (result == "start_error") forget(spec.id);
    return result;
  }
  std::string restart_child(const std::string& id) {
    if (!alive) return "gone";
    Child* const child = find(id);
    if (child == nullptr) return "not_found";
    return child->state == State::Undefined ? word(try_start(*child)) : refusal(*child);
  }
  std::string terminate_child(const std::string& id) {
    if (!alive) return "gone";
    Child* const child = find(id);
    if (child == nullptr) return "not_found";
    terminate(*child);
    if (child->spec.restart == Restart::Temporary) forget(id);
    return "ok";
  }
  std::string delete_child(const std::string& id) {
    if (!alive) return "gone";
    const Child* const child = find(id);
    if (child == nullptr) return "not_found";
    if (child->state != State::Undefined) return refusal(*child);
    forget(id);
    return "ok";
  }

  [[nodiscard]] bool is_up(const std::string& id) {
    const Child* const child = find(id);
    return child != nullptr && child->state == State::Up;
  }
  /// Newest first: "d up", "c undefined", "b restarting".
  [[nodiscard]] Lines which() const {
    static constexpr const char* kWords[] = {" undefined", " up", " restarting"};
    Lines lines;
    for (auto it = children_.rbegin(); it != children_.rend(); ++it)
      lines.push_back(it->spec.id + kWords[static_cast<int>(it->state)]);
    return lines;
  }

  Lines trace;
  bool alive = true;
  std::string exit_reason;
  std::string failed_to_start;

 private:
  enum class State { Undefined, Up, Restarting };
  struct Child {
    Spec spec;
    State state = State::Undefined;
    long due = 0;          // of the attempt, in state Restarting; the past: it stands in the queue
    long wait = 0;         // the how manieth wait of all it is
    bool counted = false;  // that attempt was counted already
  };
  struct Item {  // an exit, or a retry where there is no reason
    std::string id;
    std::string reason;
  };

  [[nodiscard]] Child* find(const std::string& id) {
    for (Child& child : children_) {
      if (child.spec.id == id) return &child;
    }
    return nullptr;
  }
  static std::string word(Planned outcome) {
    return outcome == Planned::Ok ? "ok_pid" : outcome == Planned::Ignore ? "ok_undefined" : "start_error";
  }
  static std::string refusal(const Child& child) { return child.state == State::Up ? "running" : "restarting"; }

  // NOLINTBEGIN(performance-unnecessary-value-param): see above
  void settle() {
    while (alive && !queue_.empty()) {
      const Item item = queue_.front();
      queue_.pop_front();
      item.reason.empty() ? retry(item.id) : exited(item.id, item.reason);
    }
  }
  Planned try_start(Child& child) {  // do_start_child; a temporary child that ignores leaves no trace
    auto& plan = plans_[child.spec.id];
    Planned outcome = Planned::Ok;
    if (!plan.empty()) {
      outcome = plan.front();
      plan.pop_front();
    }
    static constexpr const char* kWords[] = {" ok", " error", " ignore"};
    trace.push_back("start " + child.spec.id + kWords[static_cast<int>(outcome)]);
    child.state = outcome == Planned::Ok ? State::Up : State::Undefined;
    if (outcome == Planned::Ignore && child.spec.restart == Restart::Temporary) forget(child.spec.id);
    return outcome;
  }
  void exited(std::string id, const std::string& reason) {  // do_restart/3
    Child* const known = find(id);
    if (known == nullptr) return;
    Child& child = *known;
    child.state = State::Undefined;
    const bool normal = reason == "normal" || reason == "shutdown" || reason == "shutdown_term";
    if (child.spec.restart == Restart::Permanent || (child.spec.restart == Restart::Transient && !normal))
      return restart(id, settings_.delay);
    const bool significant = child.spec.significant;
    if (child.spec.restart == Restart::Temporary) forget(id);
    if (significant) end_with_significant();
  }
  void end_with_significant() {  // do_auto_shutdown
    if (settings_.auto_shutdown == AutoShutdown::Never) return;
    if (settings_.auto_shutdown == AutoShutdown::AllSignificant) {
      for (const Child& child : children_) {
        if (child.spec.significant && child.state != State::Undefined) return;
      }
    }
    stop();
  }
  bool add_restart() {
    std::deque<long> kept{now_};
    for (const long t : times_) {
      if (now_ - t > settings_.within) break;
      kept.push_back(t);
    }
    times_ = kept;
    return times_.size() <= settings_.restarts;
  }
  void restart(std::string id, long delay) {  // restart/2
    find(id)->state = State::Undefined;
    if (!add_restart()) return stop();
    terminate_group(id);
    if (delay > 0) return wait(id, true, delay);
    start_group(id);
  }
  /// Where `id`'s group begins, and one behind its end.
  [[nodiscard]] std::pair<std::size_t, std::size_t> group_of(const std::string& id) {
    const auto index = static_cast<std::size_t>(find(id) - children_.data());
    if (settings_.strategy == Strategy::OneForOne) return {index, index + 1};
    return {settings_.strategy == Strategy::OneForAll ? 0 : index, children_.size()};
  }
  void terminate_group(std::string id) {
    const auto [first, last] = group_of(id);
    for (std::size_t i = last; i-- > first;) {
      if (children_[i].spec.id == id) continue;
      terminate(children_[i]);
      if (children_[i].spec.restart == Restart::Temporary)
        children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  void start_group(std::string id) {
    const auto [first, last] = group_of(id);
    for (std::size_t i = first; i < last; ++i) {
      if (try_start(children_[i]) == Planned::Error) return wait(children_[i].spec.id, false, settings_.delay);
    }
  }
  void wait(std::string id, bool counted, long delay) {  // try_again_restart
    Child& child = *find(id);
    child.state = State::Restarting;
    child.counted = counted;
    child.due = now_ + delay;
    child.wait = waits_++;
    if (delay == 0) queue_.push_back({id, {}});
  }
  void retry(std::string id) {  // handle_cast; only if it still waits
    Child* const child = find(id);
    if (child == nullptr || child->state != State::Restarting) return;
    if (!child->counted) return restart(id, 0);
    child->state = State::Undefined;
    terminate_group(id);  // whoever came up meanwhile, by a call
    start_group(id);
  }
  void terminate(Child& child) {  // shutdown/1: a dead one's exit is consumed
    const auto is_its_exit = [&](const Item& item) { return item.id == child.spec.id && !item.reason.empty(); };
    const bool dead = std::any_of(queue_.begin(), queue_.end(), is_its_exit);
    if (dead && settings_.consumes_the_dead) std::erase_if(queue_, is_its_exit);
    if (child.state == State::Up && !dead) trace.push_back("stop " + child.spec.id + " shutdown");
    child.state = State::Undefined;
  }
  void terminate_all() {
    for (auto it = children_.rbegin(); it != children_.rend(); ++it) terminate(*it);
  }
  void end() {
    alive = false;
    exit_reason = "shutdown";
  }
  void forget(std::string id) {
    std::erase_if(children_, [&](const Child& child) { return child.spec.id == id; });
  }
  // NOLINTEND(performance-unnecessary-value-param)

  Settings settings_;
  long now_ = 0;
  std::vector<Child> children_;
  std::map<std::string, std::deque<Planned>> plans_;
  std::deque<Item> queue_;
  std::deque<long> times_;  // newest first
  long waits_ = 0;
};

}  // namespace coppice::testing
