#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coppice/supervisors/restart.hpp"
#include "support/log.hpp"

namespace coppice::testing {

/// What OTP's supervisor does, from spec/otp-supervision.md §1.5 to §1.10 line by line: synchronous, without any delay,
/// its queue a list. The rules are held against it; it is itself held against the recordings in tests/conformance.
class OtpModel {
 public:
  enum class Strategy { OneForOne, OneForAll, RestForOne };
  struct Child {
    std::string id;
    Restart restart;
    enum class State { Undefined, Up, Restarting } state = State::Undefined;
  };

  OtpModel(Strategy strategy, unsigned restarts, long within, std::vector<std::pair<std::string, Restart>> children)
      : strategy_{strategy}, restarts_{restarts}, within_{within} {
    for (auto& [id, restart] : children) children_.push_back(Child{id, restart});
  }

  void plan(const std::string& id, const std::vector<bool>& outcomes) {
    plans_[id].assign(outcomes.begin(), outcomes.end());
  }
  void start() {
    for (std::size_t i = 0; i < children_.size(); ++i) {
      if (try_start(children_[i])) continue;
      failed_to_start = children_[i].id;
      terminate_all();
      alive = false;
      return;
    }
  }
  /// All of them are dead before the supervisor looks, in this order.
  void crash(const std::vector<std::string>& ids, const std::string& reason, long now) {
    now_ = now;
    for (const auto& id : ids) {
      trace.push_back("stop " + id + ' ' + reason);
      queue_.push_back({Item::Exit, id, reason});
    }
    while (alive && !queue_.empty()) {
      const Item item = queue_.front();
      queue_.pop_front();
      if (item.kind == Item::Exit) {
        exited(item.id, item.reason);
      } else if (Child* const child = find(item.id); child != nullptr && child->state == Child::State::Restarting) {
        restart(item.id);
      }
    }
  }
  void stop() {
    terminate_all();
    alive = false;
    exit_reason = "shutdown";
  }
  [[nodiscard]] bool is_up(const std::string& id) {
    const Child* const child = find(id);
    return child != nullptr && child->state == Child::State::Up;
  }
  /// Newest first.
  [[nodiscard]] Lines which() const {
    Lines lines;
    for (auto it = children_.rbegin(); it != children_.rend(); ++it) {
      lines.push_back(it->id + (it->state == Child::State::Up ? " up" : " undefined"));
    }
    return lines;
  }

  Lines trace;
  bool alive = true;
  std::string exit_reason;
  std::string failed_to_start;

 private:
  struct Item {
    enum Kind { Exit, Retry } kind;
    std::string id;
    std::string reason;
  };

  [[nodiscard]] Child* find(const std::string& id) {
    for (Child& child : children_) {
      if (child.id == id) return &child;
    }
    return nullptr;
  }
  bool try_start(Child& child) {
    auto& plan = plans_[child.id];
    bool ok = true;
    if (!plan.empty()) {
      ok = plan.front();
      plan.pop_front();
    }
    trace.push_back("start " + child.id + (ok ? " ok" : " error"));
    child.state = ok ? Child::State::Up : Child::State::Undefined;
    return ok;
  }
  void exited(const std::string& id, const std::string& reason) {  // §1.5
    Child& child = *find(id);
    child.state = Child::State::Undefined;
    const bool normal = reason == "normal" || reason == "shutdown" || reason == "shutdown_term";
    if (child.restart == Restart::Temporary) {
      forget(id);
    } else if (child.restart == Restart::Permanent || !normal) {
      restart(id);
    }
  }
  bool add_restart() {  // §1.6
    std::deque<long> kept{now_};
    for (const long t : times_) {
      if (now_ - t > within_) break;
      kept.push_back(t);
    }
    times_ = kept;
    return times_.size() <= restarts_;
  }
  void restart(const std::string& id) {  // §1.7
    if (!add_restart()) {
      if (find(id)->restart == Restart::Temporary)
        forget(id);
      else
        find(id)->state = Child::State::Undefined;
      terminate_all();
      alive = false;
      exit_reason = "shutdown";
      return;
    }
    if (strategy_ == Strategy::OneForOne) {
      if (!try_start(*find(id))) retry(id);
      return;
    }
    std::size_t first = 0;
    if (strategy_ == Strategy::RestForOne) {
      while (children_[first].id != id) ++first;
    }
    find(id)->state = Child::State::Undefined;
    for (std::size_t i = children_.size(); i-- > first;) {
      terminate(children_[i]);
      if (children_[i].restart == Restart::Temporary)
        children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (std::size_t i = first; i < children_.size(); ++i) {
      if (!try_start(children_[i])) return retry(children_[i].id);
    }
  }
  void retry(const std::string& id) {  // §1.8
    find(id)->state = Child::State::Restarting;
    queue_.push_back({Item::Retry, id, {}});
  }
  void terminate(Child& child) {  // §1.10: a dead one's exit is consumed
    std::erase_if(queue_, [&](const Item& item) {
      if (item.kind != Item::Exit || item.id != child.id) return false;
      child.state = Child::State::Undefined;
      return true;
    });
    if (child.state == Child::State::Up) trace.push_back("stop " + child.id + " shutdown");
    child.state = Child::State::Undefined;
  }
  void terminate_all() {
    for (auto it = children_.rbegin(); it != children_.rend(); ++it) terminate(*it);
  }
  void forget(const std::string& id) {
    std::erase_if(children_, [&](const Child& child) { return child.id == id; });
  }

  Strategy strategy_;
  unsigned restarts_;
  long within_;
  long now_ = 0;
  std::vector<Child> children_;
  std::map<std::string, std::deque<bool>> plans_;
  std::deque<Item> queue_;
  std::deque<long> times_;  // newest first
};

}  // namespace coppice::testing
