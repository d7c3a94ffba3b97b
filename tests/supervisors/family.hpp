#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "coppice/coppice.hpp"
#include "supervisors/planned.hpp"
#include "support/log.hpp"

namespace coppice::testing {

/// What the children of a test tell and are told. The test owns it; it outlives the system.
struct Family {
  Log log;  // "start b", "start c!" (the constructor threw), "stop d"; with reasons: "stop d shutdown"
  bool with_reasons = false;
  std::map<std::string, int> constructed;  // TestSystem only: no lock
  std::map<std::string, int> destroyed;
  std::map<std::string, std::vector<Outcome>> plans;  // what the next starts answer; then Ok

  [[nodiscard]] Planned next_start(const std::string& id) {
    auto& plan = plans[id];
    if (plan.empty()) return Planned::Ok;
    const Planned outcome = plan.front().planned;
    plan.erase(plan.begin());
    return outcome;
  }
  void fail_always(const std::string& id) { plans[id].assign(100'000, false); }
  [[nodiscard]] Lines take() {
    Lines lines = log.lines();
    Lines fresh(lines.begin() + static_cast<std::ptrdiff_t>(taken_), lines.end());
    taken_ = lines.size();
    return fresh;
  }
  [[nodiscard]] static std::string word(const ExitReason& reason) {
    if (reason.kind() == ExitReason::Kind::Shutdown && reason.text() == "term") return "shutdown_term";
    return to_string(reason.kind());
  }

 private:
  std::size_t taken_ = 0;
};

struct Bang {};  // throws
struct End {     // stops by itself
  ExitReason reason;
};
struct Grow {  // the state: how often in this life
  int by = 1;
};
struct Life {};  // which life

/// A child that tells what happens to it.
struct Member : Actor<Member> {
  Member(Family* f, std::string i) : family{f}, id{std::move(i)} {
    ++family->constructed[id];
    const Planned outcome = family->next_start(id);
    wants_to_run = outcome != Planned::Ignore;
    if (outcome != Planned::Error) return;
    family->log.add("start " + id + (family->with_reasons ? " error" : "!"));
    ++family->destroyed[id];
    throw std::runtime_error{"cannot start " + id};
  }
  ~Member() { ++family->destroyed[id]; }
  Start on_start() {
    if (!wants_to_run) {
      family->log.add("start " + id + (family->with_reasons ? " ignore" : "?"));
      return Start::Ignore;
    }
    family->log.add("start " + id + (family->with_reasons ? " ok" : ""));
    return Start::Run;
  }
  void on_stop(const ExitReason& why) {
    family->log.add("stop " + id + (family->with_reasons ? ' ' + Family::word(why) : ""));
  }
  void handle(Bang) { throw std::runtime_error{"boom"}; }
  void handle(const End& end) { stop(end.reason); }
  int handle(Grow grow) { return grown += grow.by; }
  std::uint32_t handle(Life) { return incarnation(); }

  Family* family;
  std::string id;
  int grown = 0;
  bool wants_to_run = true;
};

[[nodiscard]] inline ChildSpec member(Family& family, ChildOptions options) {
  const std::string id = options.id;
  return child<Member>(std::move(options), &family, id);
}
[[nodiscard]] inline ChildSpec member(Family& family, const std::string& id, Restart restart = Restart::Permanent) {
  return member(family, ChildOptions{.id = id, .restart = restart});
}
[[nodiscard]] inline std::vector<ChildSpec> members(Family& family, const std::vector<std::string>& ids) {
  std::vector<ChildSpec> specs;
  for (const auto& id : ids) specs.push_back(member(family, id));
  return specs;
}

/// Many restarts, for where the limit is not the point.
inline constexpr Intensity kPlenty{.restarts = 1'000'000, .within = std::chrono::seconds{5}};

/// A call's answer in words.
template <class T>
[[nodiscard]] std::string word(const Result<T, CallError>& result) {
  return result ? "ok" : to_string(result.error().kind);
}
[[nodiscard]] inline std::string word(CallError::Kind kind) { return to_string(kind); }

/// The ref of a child that must be there.
[[nodiscard]] inline ActorRef<Member> at(const ActorRef<Supervisor>& supervisor, std::string_view id) {
  return supervisor.child<Member>(id).value();
}

}  // namespace coppice::testing
