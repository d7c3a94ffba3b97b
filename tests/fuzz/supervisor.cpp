#include <cstdint>
#include <string>

#include "conformance/model_player.hpp"
#include "conformance/replay.hpp"
#include "conformance/stories.hpp"
#include "fuzz/input.hpp"

// Commands to a supervisor, crashes of its children and time that goes on, as the bytes draw them. The rules answer as
// the model of OTP's supervisor does, and so does a real supervisor with real children in a TestSystem: the same starts
// and stops in the same order, the same results, the same children, and at the end nothing is left and the ledger
// balances.

namespace coppice {
namespace {

using testing::Command;
using testing::Seen;
using testing::Story;

class Pair {
 public:
  Pair(const Story& story, std::uint64_t seed)
      : story_{story},
        scenario_{scenario_with_time(story)},
        model_{scenario_},
        real_{make_real_player(scenario_, seed, why_not_)} {}

  [[nodiscard]] bool start() {
    compare(model_.start(), real_->start());
    return model_.model.alive;
  }
  /// False: the supervisor has ended.
  [[nodiscard]] bool play(const Command& command) {
    if (command.kind == Command::Kind::Advance) {
      compare(model_.advance(command.by), real_->advance(command.by));
      return model_.model.alive;
    }
    const testing::RecordedStep step = step_of(command, model_);
    if (step.op == "plan") {
      model_.plan(step.ids.front(), step.outcomes);
      real_->plan(step.ids.front(), step.outcomes);
    } else if (step.op == "stop") {
      compare(model_.stop(), real_->stop());
    } else if (step.op == "crash") {
      // One by one: who dies first of several is up to the system's seed, and who still runs up to the one before.
      for (const std::string& id : step.ids) {
        if (!model_.model.alive || !model_.model.is_up(id)) continue;
        compare(model_.crash({id}, step.reason), real_->crash({id}, step.reason));
      }
    } else if (!step.op.empty()) {
      compare(model_.call(step), real_->call(step));
    }
    return model_.model.alive;
  }
  void end() {
    if (const std::string wrong = real_->end(); !wrong.empty()) fail("has ended: " + wrong);
  }

 private:
  static testing::RecordedScenario scenario_with_time(const Story& story) {
    testing::RecordedScenario scenario = testing::scenario_of(story);
    scenario.period = Duration{story.settings.within};
    scenario.delay = Duration{story.settings.delay};
    return scenario;
  }
  void compare(const Seen& expected, const Seen& seen) const {
    if (const std::string differs = testing::difference(expected, seen); !differs.empty())
      fail("differs from the model\n" + differs);
  }
  [[noreturn]] void fail(const std::string& fault) const {
    fuzz::fail("the supervisor " + fault + '\n' + testing::text_of(story_));
  }

  const Story& story_;
  testing::RecordedScenario scenario_;
  testing::ModelPlayer model_;
  std::string why_not_;
  std::unique_ptr<testing::Player> real_;
};

void play_for_real(const Story& story, std::uint64_t seed) {
  Pair pair{story, seed};
  std::size_t i = 0;
  for (; i < story.commands.size() && story.commands[i].kind == Command::Kind::Plan; ++i) {
    if (!pair.play(story.commands[i])) return;
  }
  bool goes_on = pair.start();
  for (; goes_on && i < story.commands.size(); ++i) goes_on = pair.play(story.commands[i]);
  pair.end();
}

}  // namespace
}  // namespace coppice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coppice;
  fuzz::Input input{data, size};
  const std::uint64_t seed = input.byte();
  const Story story = testing::draw_story(input);
  const auto show = [&](const std::string& fault) { fuzz::fail(fault + "\n" + testing::text_of(story)); };
  if (const auto fault = testing::fault_of(story)) show("the rules differ from the model: " + *fault);
  play_for_real(story, seed);
  return 0;
}
