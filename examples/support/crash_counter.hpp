#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include <coppice/actor/monitor.hpp>

namespace examples {

/// What became of one supervised actor, or of all together.
struct Tally {
  std::uint64_t crashes = 0;
  std::uint64_t restarts = 0;
};

/// A monitor that counts crashes and restarts, child by child, from what the supervisors report. Runs as
/// `BasicActorSystem<CrashCounter>`; its memory grows with the number of places, not with the number of events.
///
/// Threads    every function: any.
class CrashCounter {
 public:
  static constexpr bool kRecords = true;
  using Event = coppice::Event;

  void record(const Event& event) {
    if (event.kind != coppice::EventKind::ChildFailed && event.kind != coppice::EventKind::ChildRestarted) return;
    const std::lock_guard lock{mutex_};
    Tally& tally = tallies_[std::string{event.path} + '/' + std::string{event.subject}];
    event.kind == coppice::EventKind::ChildFailed ? ++tally.crashes : ++tally.restarts;
  }

  /// Of the child with that path: "pool/worker-1".
  [[nodiscard]] Tally of(const std::string& path) const {
    const std::lock_guard lock{mutex_};
    const auto found = tallies_.find(path);
    return found == tallies_.end() ? Tally{} : found->second;
  }
  [[nodiscard]] Tally all() const {
    const std::lock_guard lock{mutex_};
    Tally sum;
    for (const auto& [path, tally] : tallies_) {
      sum.crashes += tally.crashes;
      sum.restarts += tally.restarts;
    }
    return sum;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Tally> tallies_;
};

}  // namespace examples
