#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/log.hpp"

namespace coppice::testing {

/// What patients are told and tell. The test owns it, and makes it before the system.
struct Ward {
  TestSystem* system = nullptr;
  std::map<std::string, std::string> findings;  // what the next checks answer: H, D, F, T (it throws); then H
  std::map<std::string, std::vector<TimePoint>> checked;
  Log log;

  [[nodiscard]] Health next_finding(const std::string& id) {
    checked[id].push_back(system->now());
    std::string& plan = findings[id];
    if (plan.empty()) return Health::Healthy;
    const char finding = plan.front();
    plan.erase(0, 1);
    if (finding == 'T') throw std::runtime_error{"no pulse"};
    if (finding == 'D') return Health::Degraded;
    return finding == 'F' ? Health::Failed : Health::Healthy;
  }
  /// What the supervisor reported about health, the restarts, and the limit: "+1.000000s child degraded app a: …".
  [[nodiscard]] Lines reports() const {
    Lines lines;
    for (const std::string& line : system->event_log()) {
      for (const char* const kind : {"child healthy", "child degraded", "child unhealthy", "child restarted",
                                     "child failed", "restart limit exceeded"}) {
        if (line.find(kind) != std::string::npos) lines.push_back(line);
      }
    }
    return lines;
  }
};

/// Stands still for so long while everybody else goes on: virtual time moves inside the handler.
struct Stall {
  Duration length;
};
struct Leap {  // stands still while the whole process does
  Duration length;
};
struct Crash {};
struct WhichLife {};

struct Patient : Actor<Patient> {
  Patient(Ward* w, std::string i) : ward{w}, id{std::move(i)} {}
  void on_start() { ward->log.add("start " + id); }
  void on_stop(const ExitReason& why) { ward->log.add("stop " + id + " " + why.to_string()); }
  void on_restart(const ExitReason& why) { ward->log.add("again " + id + " " + why.to_string()); }
  Health on_health_check() { return ward->next_finding(id); }
  void handle(const Stall& stall) { ward->system->advance(stall.length); }
  void handle(const Leap& leap) { ward->system->leap(leap.length); }
  void handle(Crash) { throw std::runtime_error{"boom"}; }
  std::uint32_t handle(WhichLife) { return incarnation(); }

  Ward* ward;
  std::string id;
};

[[nodiscard]] inline ChildSpec patient(Ward& ward, ChildOptions options) {
  const std::string id = options.id;
  return child<Patient>(std::move(options), &ward, id);
}
[[nodiscard]] inline ActorRef<Patient> patient_at(const ActorRef<Supervisor>& root, std::string_view id) {
  return root.child<Patient>(id).value();
}

}  // namespace coppice::testing
