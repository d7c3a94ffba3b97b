#include "coppice/actor/phase.hpp"

#include <array>
#include <set>
#include <string>

#include "catch.hpp"

namespace coppice {
namespace {

constexpr std::array kPhases{Phase::Starting, Phase::Running, Phase::Stopping,
                             Phase::Stopped,  Phase::Failed,  Phase::Restarting};

/// Rows: from; columns: to; in the order of kPhases. A start may fail, be stopped before it is over, or end before it
/// began.
constexpr const char* kTable[] = {
    //            SRTPFX
    /* Starting   */ ".xxxx.",
    /* Running    */ "..x.x.",
    /* Stopping   */ "...xx.",
    /* Stopped    */ ".....x",
    /* Failed     */ "...x.x",
    /* Restarting */ ".xxxx.",
};

TEST_CASE("a phase follows another only where the table says so") {  // F9
  for (std::size_t from = 0; from < kPhases.size(); ++from) {
    for (std::size_t to = 0; to < kPhases.size(); ++to) {
      CAPTURE(to_string(kPhases[from]), to_string(kPhases[to]));
      const bool legal = kTable[from][to] == 'x';
      CHECK(may_follow(kPhases[from], kPhases[to]) == legal);
      Phase phase = kPhases[from];
      const auto moved = transition(phase, kPhases[to]);
      CHECK(moved.has_value() == legal);
      CHECK(phase == (legal ? kPhases[to] : kPhases[from]));
      if (!legal) CHECK(moved.error() == IllegalTransition{kPhases[from], kPhases[to]});
    }
  }
}

TEST_CASE("no phase follows itself") {
  for (const Phase phase : kPhases) CHECK_FALSE(may_follow(phase, phase));
}

TEST_CASE("phases have names of their own") {
  std::set<std::string> names;
  for (const Phase phase : kPhases) names.insert(to_string(phase));
  CHECK(names.size() == kPhases.size());
}

}  // namespace
}  // namespace coppice
