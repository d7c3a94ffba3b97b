#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "interleave/engine/run.hpp"
#include "support/scale.hpp"

// Which runs are made: one after the other until there is no other way to go, or so many by seed; and what is said of one
// that fails.

namespace coppice::interleave {
namespace {

std::string spell(const std::string& label, const std::vector<std::uint32_t>& decisions) {
  std::string text = label + ":";
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (decisions[i] != 0) text += " " + std::to_string(i) + "=" + std::to_string(decisions[i]);
  }
  return text;
}

/// The decisions that the environment asks for; none when it asks for another search.
std::optional<std::vector<std::uint32_t>> asked_for(const std::string& label) {
  const char* const text = std::getenv("COPPICE_SCHEDULE");
  if (text == nullptr || std::strncmp(text, label.c_str(), label.size()) != 0 || text[label.size()] != ':') return {};
  std::vector<std::uint32_t> decisions;
  const char* rest = text + label.size() + 1;
  unsigned long at = 0;
  unsigned long way = 0;
  int read = 0;
  while (std::sscanf(rest, " %lu=%lu%n", &at, &way, &read) == 2) {
    if (decisions.size() <= at) decisions.resize(at + 1);
    decisions[at] = static_cast<std::uint32_t>(way);
    rest += read;
  }
  return decisions;
}

/// The same failure with fewer decisions, as far as a few hundred tries find it.
std::vector<std::uint32_t> shrink(const Rules& rules, const Body& body, std::vector<std::uint32_t> decisions,
                                  const std::string& what) {
  int tries = 400;
  for (std::size_t chunk = std::max<std::size_t>(decisions.size() / 2, 1); tries > 0; chunk /= 2) {
    for (std::size_t at = 0; at < decisions.size() && tries > 0; at += chunk) {
      auto fewer = decisions;
      const auto end = std::min(at + chunk, fewer.size());
      if (std::all_of(fewer.begin() + static_cast<std::ptrdiff_t>(at), fewer.begin() + static_cast<std::ptrdiff_t>(end),
                      [](std::uint32_t way) { return way == 0; }))
        continue;
      std::fill(fewer.begin() + static_cast<std::ptrdiff_t>(at), fewer.begin() + static_cast<std::ptrdiff_t>(end), 0);
      --tries;
      Replay replay{fewer};
      Engine again{rules, replay};
      again.run(body);
      if (again.failure() == what) decisions = again.decisions();
    }
    if (chunk <= 1) break;
  }
  return decisions;
}

std::string report(const std::string& label, const Rules& rules, const Body& body, const Engine& failed,
                   const std::string& how) {
  std::vector<std::uint32_t> decisions = failed.decisions();
  const std::string what = failed.failure();
  // What sleep sets leave out is not in a list, so with fewer decisions the others would mean something else.
  if (!rules.sleep_sets) decisions = shrink(rules, body, decisions, what);
  return what + "\n  " + how + "; to see it: COPPICE_SCHEDULE='" + spell(label, decisions) + "' with this test alone";
}

/// Who asks for one schedule gets that one, told step by step; another search of that test gets nothing.
std::optional<Explored> replay(const std::string& label, Rules rules, const Body& body) {
  if (std::getenv("COPPICE_SCHEDULE") == nullptr) return {};
  Explored explored;
  const auto decisions = asked_for(label);
  if (!decisions) return explored;
  rules.is_told = true;
  Replay strategy{*decisions};
  Engine engine_of_it{rules, strategy};
  engine_of_it.run(body);
  explored.failure = engine_of_it.failure();
  return explored;
}

}  // namespace

Explored explore(const std::string& label, const Exhaustive& how, const Body& body) {
  Known known;
  const bool tells_states_apart = how.memory == Memory::Sequential && how.preemptions <= Known::kPreemptionsMost;
  const Rules rules{.memory = how.memory,
                    .sleep_sets = how.preemptions == kUnbounded,
                    .known = tells_states_apart ? &known : nullptr,
                    .gives_up_known_states = tells_states_apart && how.gives_up_known_states,
                    .preemptions = how.preemptions,
                    .failures_for_nothing = how.failures_for_nothing,
                    .steps_max = how.steps_max};
  if (auto replayed = replay(label, rules, body)) return *replayed;
  Explored explored;
  Exhaust strategy;
  Engine each{rules, strategy};
  do {
    each.run(body);
    ++(each.is_redundant() ? explored.redundant : explored.executions);
    explored.steps_most = std::max<std::uint64_t>(explored.steps_most, each.steps());
    if (!each.failure().empty()) {
      explored.failure = report(label, rules, body, each, "execution " + std::to_string(explored.executions));
      break;
    }
    if (explored.executions + explored.redundant >= how.runs_max) {
      explored.failure = "more ways than " + std::to_string(how.runs_max) + ": the case is too large";
      break;
    }
  } while (strategy.next());
  return explored;
}

Explored explore(const std::string& label, const Sampled& how, const Body& body) {
  const Rules rules{.memory = how.memory,
                    .early_timers = how.early_timers,
                    .failures_for_nothing = how.failures_for_nothing,
                    .steps_max = how.steps_max};
  if (auto replayed = replay(label, rules, body)) return *replayed;
  Explored explored;
  std::uint32_t length = 100;
  const std::uint64_t runs = testing::scaled(how.runs);
  for (std::uint64_t i = 0; i < runs; ++i) {
    std::string name;
    const auto strategy = drawn_strategy(how.first_seed + i, length, name);
    Engine each{rules, *strategy};
    each.run(body);
    ++explored.executions;
    length = std::max(each.choices(), 1U);
    explored.steps_most = std::max<std::uint64_t>(explored.steps_most, each.steps());
    if (each.failure().empty()) continue;
    explored.failure = report(label, rules, body, each, "seed " + std::to_string(how.first_seed + i) + ", " + name);
    break;
  }
  return explored;
}

}  // namespace coppice::interleave
