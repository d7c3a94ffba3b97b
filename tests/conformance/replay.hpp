#pragma once

#include <memory>
#include <string>
#include <vector>

#include "conformance/recordings.hpp"
#include "coppice/actor/exit_reason.hpp"
#include "coppice/base/clock.hpp"
#include "coppice/supervisors/strategy.hpp"

namespace coppice::testing {

/// What a supervisor answers to one step, in the recordings' terms.
struct Seen {
  Lines trace;
  bool alive = true;
  Lines which = {};
  std::string exit = {};  // why it ended, or "failed: " and who did not start
  std::string result = {};
  std::vector<int> counts = {};
};

/// Plays one scenario: a supervisor, its children, and whoever makes them crash and calls it. What a strategy needs to
/// be replayed.
class Player {
 public:
  virtual ~Player() = default;
  virtual void plan(const std::string& id, const std::vector<Planned>& outcomes) = 0;
  [[nodiscard]] virtual Seen start() = 0;
  /// All of them are dead, in this order, before the supervisor looks. Throws OrderLost.
  [[nodiscard]] virtual Seen crash(const std::vector<std::string>& ids, const std::string& reason) = 0;
  [[nodiscard]] virtual Seen call(const RecordedStep& step) = 0;
  [[nodiscard]] virtual Seen stop() = 0;
  /// Time goes on. In the recordings it stands still, so not every player can.
  [[nodiscard]] virtual Seen advance(Duration) { return {}; }
  /// After the last step: what is wrong with what is left; empty when nothing is.
  [[nodiscard]] virtual std::string end() { return {}; }
};

/// The player's chance gave another order of deaths than the recorded one: another seed may do better.
struct OrderLost {};

/// Where the two differ, a line for each field; empty when they are equal.
[[nodiscard]] std::string difference(const Seen& expected, const Seen& seen);

/// What came of a replay.
struct Tally {
  int scenarios = 0;
  int steps = 0;
  int divergences = 0;
  std::string first = {};                   // the first divergence in full
  std::map<std::string, int> skipped = {};  // scenarios that nobody plays, by the reason
  std::map<std::string, int> mapped = {};   // steps that have another form here, by name
};

/// Plays it until its end or the first divergence.
void play(Tally& tally, const RecordedScenario& scenario, Player& player);

[[nodiscard]] AnyStrategy strategy_of(const RecordedScenario& scenario);
[[nodiscard]] ExitReason exit_reason_of(const std::string& word);

/// Real supervisors with real children in a TestSystem, through the public calls. Null: nobody can play this one, and
/// `why_not` says why.
[[nodiscard]] std::unique_ptr<Player> make_real_player(const RecordedScenario& scenario, std::uint64_t seed,
                                                       std::string& why_not);

/// Plays all of them on real supervisors.
[[nodiscard]] Tally replay(const Recordings& recordings);

}  // namespace coppice::testing
