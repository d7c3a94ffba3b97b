#include "conformance/recordings.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

extern "C" char** environ;

namespace coppice::testing {
namespace {

using Json = nlohmann::json;

// ---- bytes ----

struct CloseFile {
  void operator()(FILE* file) const { static_cast<void>(std::fclose(file)); }
};
using File = std::unique_ptr<FILE, CloseFile>;

std::string error_text() { return std::strerror(errno); }

std::string read_all(FILE* file) {
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, file)) text.append(buffer, n);
  if (std::ferror(file) != 0) throw BadRecording{"cannot be read: " + error_text()};
  return text;
}

bool is_packed(const std::string& bytes) { return bytes.starts_with("\x1f\x8b"); }

/// Through the program gzip, which every system has that has such a file. It says itself what is wrong with it.
std::string unpack(const std::string& path) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw BadRecording{"no pipe to gzip: " + error_text()};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, path.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string program = "gzip";
  std::string flags = "-dc";
  char* const arguments[] = {program.data(), flags.data(), nullptr};
  pid_t gzip = 0;
  const int failed = posix_spawnp(&gzip, "gzip", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  const File output{fdopen(ends[0], "r")};
  if (failed != 0) throw BadRecording{std::string{"gzip does not start: "} + std::strerror(failed)};
  std::string text = read_all(output.get());
  int status = 0;
  if (waitpid(gzip, &status, 0) != gzip || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw BadRecording{"is cut off or damaged: gzip cannot unpack it"};
  return text;
}

std::string text_of_file(const std::string& path) {
  const File file{std::fopen(path.c_str(), "r")};
  if (!file) throw BadRecording{"cannot be opened: " + error_text()};
  std::string bytes = read_all(file.get());
  return is_packed(bytes) ? unpack(path) : bytes;
}

// ---- words ----

[[noreturn]] void unknown(const char* what, const std::string& word) {
  throw BadRecording{std::string{"unknown "} + what + " \"" + word + '"'};
}

/// `word`, if the format has it there.
std::string known(const char* what, const std::string& word, std::initializer_list<std::string_view> words) {
  if (std::find(words.begin(), words.end(), word) == words.end()) unknown(what, word);
  return word;
}

std::string text(const Json& json, const char* field) { return json.at(field).get<std::string>(); }

/// Refuses what `Number` cannot hold, fractions among it; the library would convert it anyhow.
template <class Number>
Number number_in(const Json& json) {
  const bool fits = json.is_number_unsigned()  ? std::in_range<Number>(json.get<std::uint64_t>())
                    : json.is_number_integer() ? std::in_range<Number>(json.get<std::int64_t>())
                                               : false;
  if (!fits) throw BadRecording{"no number that fits: " + json.dump(-1, ' ', false, Json::error_handler_t::replace)};
  return json.get<Number>();
}

Restart restart_of(const std::string& word) {
  if (word == "permanent") return Restart::Permanent;
  if (word == "transient") return Restart::Transient;
  if (word == "temporary") return Restart::Temporary;
  unknown("restart type", word);
}

AutoShutdown auto_shutdown_of(const std::string& word) {
  if (word == "never") return AutoShutdown::Never;
  if (word == "any_significant") return AutoShutdown::AnySignificant;
  if (word == "all_significant") return AutoShutdown::AllSignificant;
  unknown("auto_shutdown", word);
}

Planned outcome_of(const std::string& word) {
  if (word == "ok") return Planned::Ok;
  if (word == "error") return Planned::Error;
  if (word == "ignore") return Planned::Ignore;
  unknown("outcome of a start", word);
}

/// "killed", which is what "kill" is seen as.
std::string reason_of(const std::string& word) {
  if (word == "kill") return "killed";
  return known("reason", word, {"error", "normal", "shutdown", "shutdown_term", "killed"});
}

// ---- parts ----

/// Reads one scenario, and notes the fields that it does not know.
class Reader {
 public:
  explicit Reader(Recordings& all) : all_{all} {}

  RecordedScenario scenario(const Json& json) {
    know("a scenario", json,
         {"n", "strategy", "intensity", "auto_shutdown", "children", "init_plans", "init", "init_failed_id",
          "init_trace", "steps"});
    RecordedScenario result;
    result.number = number_in<int>(json.at("n"));
    result.strategy =
        known("strategy", text(json, "strategy"), {"one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"});
    dynamic_ = result.is_dynamic();
    result.intensity = number_in<std::uint32_t>(json.at("intensity"));
    result.auto_shutdown = auto_shutdown_of(text(json, "auto_shutdown"));
    for (const Json& each : json.at("children")) result.children.push_back(child(each));
    for (const Json& plan : json.at("init_plans")) result.plans.emplace_back(text(plan, "id"), outcomes(plan));
    if (known("init", text(json, "init"), {"ok", "failed_to_start_child"}) != "ok")
      result.failed_id = text(json, "init_failed_id");
    result.init_trace = trace(json.at("init_trace"));
    for (const Json& each : json.at("steps")) result.steps.push_back(step(each));
    return result;
  }

 private:
  void know(const char* what, const Json& json, std::initializer_list<std::string_view> fields) {
    if (!json.is_object()) throw BadRecording{std::string{what} + " is no object"};
    for (const auto& [field, value] : json.items()) {
      if (std::find(fields.begin(), fields.end(), field) == fields.end())
        ++all_.unknown[std::string{"\""} + field + "\" of " + what];
    }
  }
  RecordedChild child(const Json& json) {
    know("a child", json, {"id", "restart", "significant"});
    return {text(json, "id"), restart_of(text(json, "restart")), json.at("significant").get<bool>()};
  }
  static std::vector<Planned> outcomes(const Json& plan) {
    std::vector<Planned> all;
    for (const Json& outcome : plan.at("results")) all.push_back(outcome_of(outcome.get<std::string>()));
    return all;
  }
  static Lines trace(const Json& items) {
    Lines lines;
    for (const Json& item : items) {
      const auto what = known("event of a trace", item.at(0).get<std::string>(), {"start", "stop"});
      const auto came = item.at(2).get<std::string>();
      lines.push_back(
          what + ' ' + item.at(1).get<std::string>() + ' ' +
          (what == "stop" ? reason_of(came) : known("outcome of a start", came, {"ok", "error", "ignore"})));
    }
    return lines;
  }
  Lines which(const Json& children) const {
    Lines lines;
    for (const Json& each : children) {
      if (dynamic_) {
        lines.push_back(each.get<std::string>());
      } else {
        lines.push_back(each.at(0).get<std::string>() + ' ' +
                        known("state of a child", each.at(1).get<std::string>(), {"up", "undefined"}));
      }
    }
    return lines;
  }
  RecordedStep step(const Json& json) {
    know("a step", json,
         {"op", "id", "ids", "reason", "results", "spec", "result", "trace", "alive", "which", "counts", "exit"});
    RecordedStep step;
    step.op = known("op", text(json, "op"),
                    {"crash", "crash_many", "start", "terminate", "restart", "delete", "plan", "stop"});
    const bool many = step.op == "crash_many";
    if (many) step.op = "crash";
    if (many) {
      step.ids = json.at("ids").get<std::vector<std::string>>();
    } else if (step.op != "stop") {
      step.ids = {text(json, "id")};
    }
    if (step.op == "plan") {
      step.outcomes = outcomes(json);
      return step;
    }
    if (step.op == "crash") {
      step.reason = reason_of(text(json, "reason"));
    } else if (step.op != "stop") {
      step.result = text(json, "result");
    }
    if (step.op == "start" && !dynamic_) step.spec = child(json.at("spec"));
    step.trace = trace(json.at("trace"));
    step.alive = json.at("alive").get<bool>();
    if (step.alive) {
      step.which = which(json.at("which"));
      for (const Json& count : json.at("counts")) step.counts.push_back(number_in<int>(count));
    } else {
      step.exit = reason_of(text(json, "exit"));
    }
    return step;
  }

  Recordings& all_;
  bool dynamic_ = false;
};

}  // namespace

Recordings load_recordings(const std::string& path) { return read_recordings(text_of_file(path)); }

Recordings read_recordings(const std::string& text) {
  Recordings result;
  std::size_t line = 0;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    const std::string each = text.substr(from, to - from);
    from = to + 1;
    ++line;
    if (each.empty()) continue;
    try {
      RecordedScenario scenario = Reader{result}.scenario(Json::parse(each));
      scenario.line = line;
      scenario.text = each;
      result.scenarios.push_back(std::move(scenario));
    } catch (const Json::exception& e) {
      throw BadRecording{"line " + std::to_string(line) + ": " + e.what()};
    } catch (const BadRecording& e) {
      throw BadRecording{"line " + std::to_string(line) + ": " + e.what()};
    }
  }
  if (result.scenarios.empty()) throw BadRecording{"holds no scenario"};
  return result;
}

}  // namespace coppice::testing
