#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "coppice/supervisors/backoff.hpp"
#include "coppice/supervisors/one_for_all.hpp"
#include "coppice/supervisors/one_for_one.hpp"
#include "coppice/supervisors/rest_for_one.hpp"
#include "supervisors/otp_model.hpp"
#include "supervisors/rules_driver.hpp"

namespace coppice::testing {

struct Dice {
  std::mt19937_64 engine;
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }
};

/// One thing that happens to a supervisor. It has a meaning in every state, so that any sequence of them can be played.
struct Command {
  enum class Kind { Plan, Crash, Advance, Start, Terminate, Restart, Delete, Stop };
  Kind kind;
  std::vector<std::string> ids = {};  // of Crash: those of them that run
  std::string reason = {};
  std::vector<Planned> outcomes = {};
  OtpModel::Spec spec = {};
  Duration by{};
};

/// A supervisor and what happens to it.
struct Story {
  OtpModel::Settings settings;
  std::vector<OtpModel::Spec> children;
  std::vector<Command> commands;
};

[[nodiscard]] inline AnyStrategy strategy_of(OtpModel::Strategy which) {
  if (which == OtpModel::Strategy::OneForOne) return OneForOne{};
  if (which == OtpModel::Strategy::OneForAll) return OneForAll{};
  return RestForOne{};
}

[[nodiscard]] inline ExitReason reason_of(const std::string& word) {
  if (word == "normal") return ExitReason::normal();
  if (word == "shutdown") return ExitReason::shutdown();
  if (word == "shutdown_term") return ExitReason::shutdown("term");
  if (word == "killed") return ExitReason::killed();
  return ExitReason::error("boom");
}

// ---- as text: what a test prints that failed ----

[[nodiscard]] inline std::string text_of(const OtpModel::Spec& spec) {
  return spec.id + '=' + to_string(spec.restart) + (spec.significant ? " significant" : "");
}
[[nodiscard]] inline std::string text_of(const Command& command) {
  static constexpr const char* kWords[] = {"plan",      "crash",   "advance", "start",
                                           "terminate", "restart", "delete",  "stop"};
  std::string text = kWords[static_cast<int>(command.kind)];
  for (const auto& id : command.ids) text += ' ' + id;
  if (!command.reason.empty()) text += ' ' + command.reason;
  static constexpr const char* kOutcomes[] = {" ok", " error", " ignore"};
  for (const Planned outcome : command.outcomes) text += kOutcomes[static_cast<int>(outcome)];
  if (command.kind == Command::Kind::Start) text += ' ' + text_of(command.spec);
  if (command.kind == Command::Kind::Advance)
    text += ' ' + std::to_string(command.by / std::chrono::milliseconds{1}) + "ms";
  return text;
}
[[nodiscard]] inline std::string text_of(const Story& story) {
  static constexpr const char* kAuto[] = {"never", "any_significant", "all_significant"};
  const OtpModel::Settings& s = story.settings;
  std::string text{strategy_of(s.strategy).name()};
  text += ", " + std::to_string(s.restarts) + " restarts in " + std::to_string(s.within / 1'000'000) +
          "ms, auto_shutdown " + kAuto[static_cast<int>(s.auto_shutdown)] + ", delay " +
          std::to_string(s.delay / 1'000'000) + "ms; children:";
  for (const auto& child : story.children) text += ' ' + text_of(child);
  for (const Command& command : story.commands) text += "\n  " + text_of(command);
  return text + '\n';
}

// ---- played on both ----

/// The rules and the model, side by side.
class Pair {
 public:
  explicit Pair(const Story& story)
      : model_{story.settings, story.children},
        rules_{strategy_of(story.settings.strategy),
               {.restarts = story.settings.restarts, .within = Duration{story.settings.within}},
               children_of(story),
               backoff_of(story.settings.delay),
               story.settings.auto_shutdown} {}

  /// Where the two differ; empty when they agree.
  std::string begin(const std::vector<Command>& plans) {
    for (const Command& command : plans) static_cast<void>(play(command));
    model_.start();
    rules_.start();
    if (rules_.aborted_by != model_.failed_to_start)
      return "start: the model says \"" + model_.failed_to_start + "\", the rules say \"" + rules_.aborted_by + '"';
    return difference();
  }
  std::string play(const Command& command) {
    using Kind = Command::Kind;
    std::string expected;
    std::string got;
    const std::string id = command.ids.empty() ? "" : command.ids.front();
    switch (command.kind) {
      case Kind::Plan:
        model_.plan(id, command.outcomes);
        rules_.plan(id, {command.outcomes.begin(), command.outcomes.end()});
        return {};
      case Kind::Crash: crash(command); break;
      case Kind::Advance:
        rules_.advance(command.by);
        passed_ += command.by;
        model_.advance(passed_.count());
        break;
      case Kind::Start:
        expected = model_.start_child(command.spec);
        got = rules_.start_child({command.spec.id, command.spec.restart, command.spec.significant});
        break;
      case Kind::Terminate:
        expected = model_.terminate_child(id);
        got = rules_.terminate_child(id);
        break;
      case Kind::Restart:
        expected = model_.restart_child(id);
        got = rules_.restart_child(id);
        break;
      case Kind::Delete:
        expected = model_.delete_child(id);
        got = rules_.delete_child(id);
        break;
      case Kind::Stop:
        if (!model_.alive) return {};
        model_.stop();
        rules_.stop();
        break;
    }
    if (expected != got) return "result: the model says " + expected + ", the rules say " + got;
    return difference();
  }

 private:
  static std::vector<RuleChild> children_of(const Story& story) {
    std::vector<RuleChild> children;
    children.reserve(story.children.size());
    for (const auto& spec : story.children) children.push_back({spec.id, spec.restart, spec.significant});
    return children;
  }
  static Backoff backoff_of(long delay) {
    if (delay == 0) return {};
    return Exponential{.first = Duration{delay}, .cap = Duration{delay}, .factor = 1.0};
  }
  void crash(const Command& command) {
    std::vector<std::string> ids;
    for (const auto& id : command.ids) {
      if (model_.alive && model_.is_up(id) && rules_.knows(id) && rules_.is_alive(id)) ids.push_back(id);
    }
    model_.crash(ids, command.reason);
    for (const auto& id : ids) rules_.die(id, reason_of(command.reason));
    rules_.settle();
  }
  static std::string joined(const Lines& lines) {
    std::string text;
    for (const auto& line : lines) text += " [" + line + ']';
    return text;
  }
  std::string difference() {
    if (!rules_.violations().empty()) return "the rules break their contract:" + joined(rules_.violations());
    const Lines expected = std::exchange(model_.trace, {});
    const Lines got = rules_.take_full();
    if (expected != got) return "trace: the model says" + joined(expected) + ", the rules say" + joined(got);
    const bool over = rules_.down || rules_.aborted;
    if (over == model_.alive) return over ? "the rules have ended" : "the model has ended";
    if (rules_.down && RulesDriver::word(rules_.reason) != model_.exit_reason)
      return "exit: the model says " + model_.exit_reason + ", the rules say " + RulesDriver::word(rules_.reason);
    if (model_.alive && rules_.states() != model_.which())
      return "which: the model says" + joined(model_.which()) + ", the rules say" + joined(rules_.states());
    return {};
  }

  OtpModel model_;
  RulesDriver rules_;
  Duration passed_{};
};

/// What the two differ in, and after which command; null when they agree to the end. Plans at the beginning are there
/// before the start.
[[nodiscard]] inline std::optional<std::string> fault_of(const Story& story) {
  Pair pair{story};
  std::size_t i = 0;
  std::vector<Command> plans;
  for (; i < story.commands.size() && story.commands[i].kind == Command::Kind::Plan; ++i)
    plans.push_back(story.commands[i]);
  std::string fault = pair.begin(plans);
  if (!fault.empty()) return "at the start, " + fault;
  for (; i < story.commands.size(); ++i) {
    fault = pair.play(story.commands[i]);
    if (!fault.empty()) return "after command " + std::to_string(i + 1) + ", " + fault;
  }
  return std::nullopt;
}

// ---- drawn ----

/// From Dice, or from whatever else has below() and one_in().
template <class AnyDice>
[[nodiscard]] Command draw_command(AnyDice& dice, const Story& story) {
  using Kind = Command::Kind;
  static constexpr Kind kKinds[] = {Kind::Plan,   Kind::Plan,    Kind::Crash,  Kind::Crash,     Kind::Crash,
                                    Kind::Crash,  Kind::Crash,   Kind::Start,  Kind::Terminate, Kind::Restart,
                                    Kind::Delete, Kind::Advance, Kind::Advance};
  static constexpr const char* kReasons[] = {"normal", "shutdown", "shutdown_term", "error", "killed", "error"};
  const auto any_id = [&] { return std::string(1, static_cast<char>('a' + dice.below(story.children.size() + 2))); };
  Command command{.kind = dice.one_in(25) ? Kind::Stop : kKinds[dice.below(std::size(kKinds))]};
  switch (command.kind) {
    case Kind::Plan:
      command.ids = {any_id()};
      for (std::size_t i = 0, n = 1 + dice.below(4); i < n; ++i)
        command.outcomes.push_back(static_cast<Planned>(dice.below(3)));
      break;
    case Kind::Crash:
      command.reason = kReasons[dice.below(std::size(kReasons))];
      do command.ids.push_back(any_id());
      while (dice.one_in(3));
      // Nobody dies twice.
      for (std::size_t i = command.ids.size(); i-- > 0;) {
        if (std::count(command.ids.begin(), command.ids.end(), command.ids[i]) > 1)
          command.ids.erase(command.ids.begin() + static_cast<std::ptrdiff_t>(i));
      }
      break;
    case Kind::Advance: command.by = std::chrono::milliseconds{250} * dice.below(8); break;
    case Kind::Start: {
      command.spec = {any_id(), static_cast<Restart>(dice.below(3))};
      const bool may_matter =
          story.settings.auto_shutdown != AutoShutdown::Never && command.spec.restart != Restart::Permanent;
      command.spec.significant = may_matter && dice.one_in(2);
      break;
    }
    case Kind::Terminate:
    case Kind::Restart:
    case Kind::Delete: command.ids = {any_id()}; break;
    case Kind::Stop: break;
  }
  return command;
}

template <class AnyDice>
[[nodiscard]] Story draw_story(AnyDice& dice) {
  Story story;
  story.settings = {.strategy = static_cast<OtpModel::Strategy>(dice.below(3)),
                    .restarts = static_cast<unsigned>(dice.below(6)),
                    .within = Duration{std::chrono::seconds{1 + dice.below(4)}}.count(),
                    .auto_shutdown = static_cast<AutoShutdown>(dice.below(3)),
                    .delay = dice.one_in(3) ? Duration{std::chrono::milliseconds{500}}.count() : 0};
  for (std::size_t i = 0, n = 1 + dice.below(6); i < n; ++i) {
    const auto restart = static_cast<Restart>(dice.below(3));
    const bool may_matter = story.settings.auto_shutdown != AutoShutdown::Never && restart != Restart::Permanent;
    story.children.push_back({std::string(1, static_cast<char>('a' + i)), restart, may_matter && dice.one_in(2)});
  }
  for (std::size_t i = 0, n = 1 + dice.below(14); i < n; ++i) story.commands.push_back(draw_command(dice, story));
  return story;
}

[[nodiscard]] inline Story random_story(std::uint64_t seed) {
  Dice dice{std::mt19937_64{seed}};
  return draw_story(dice);
}

// ---- made small ----

/// Tries `change` on a copy of `story`; keeps it when the two still differ.
template <class Change>
bool keep_if_it_still_fails(Story& story, Change&& change) {
  Story smaller = story;
  change(smaller);
  if (!fault_of(smaller)) return false;
  story = std::move(smaller);
  return true;
}

/// The same with `at` erased from one of its lists, for each place, last first.
template <class Part>
bool erase_what_can_be(Story& story, std::size_t count, Part&& part) {
  bool any = false;
  for (std::size_t i = count; i-- > 0;) {
    any |= keep_if_it_still_fails(story, [&](Story& s) {
      auto& list = part(s);
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
    });
  }
  return any;
}

/// A story that still fails and of which nothing can be left out: no command, no child, no part of a command.
[[nodiscard]] inline Story shrunk(Story story) {
  for (bool any = true; any;) {
    any = erase_what_can_be(story, story.commands.size(), [](Story& s) -> auto& { return s.commands; });
    any |= erase_what_can_be(story, story.children.size(), [](Story& s) -> auto& { return s.children; });
    for (std::size_t i = 0; i < story.commands.size(); ++i) {
      if (story.commands[i].kind == Command::Kind::Crash)
        any |= erase_what_can_be(story, story.commands[i].ids.size(),
                                 [i](Story& s) -> auto& { return s.commands[i].ids; });
      any |= erase_what_can_be(story, story.commands[i].outcomes.size(),
                               [i](Story& s) -> auto& { return s.commands[i].outcomes; });
    }
    const auto drop = [&](bool is_set, auto&& change) { any |= is_set && keep_if_it_still_fails(story, change); };
    drop(story.settings.restarts > 0, [](Story& s) { --s.settings.restarts; });
    drop(story.settings.delay > 0, [](Story& s) { s.settings.delay = 0; });
    for (std::size_t i = 0; i < story.children.size(); ++i) {
      drop(story.children[i].significant, [i](Story& s) { s.children[i].significant = false; });
      drop(story.children[i].restart != Restart::Permanent && !story.children[i].significant,
           [i](Story& s) { s.children[i].restart = Restart::Permanent; });
    }
  }
  return story;
}

}  // namespace coppice::testing
