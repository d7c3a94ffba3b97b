#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "coppice/base/clock.hpp"
#include "coppice/supervisors/auto_shutdown.hpp"
#include "coppice/supervisors/restart.hpp"
#include "supervisors/planned.hpp"
#include "support/log.hpp"

namespace coppice::testing {

struct RecordedChild {
  std::string id;
  Restart restart = Restart::Permanent;
  bool significant = false;
};

/// One recorded step. Traces as lines: "start b ok", "stop d shutdown".
struct RecordedStep {
  std::string op;  // crash (of one or many), plan, start, terminate, restart, delete, stop
  std::vector<std::string> ids;
  std::string reason;
  std::vector<Planned> outcomes;
  RecordedChild spec;  // of start
  std::string result;  // of a call
  Lines trace;
  bool alive = true;
  Lines which;              // "d up", newest first; of simple_one_for_one the labels that run: "l2"
  std::vector<int> counts;  // specs, active, supervisors, workers
  std::string exit;

  [[nodiscard]] bool is_call() const { return !result.empty(); }
};

/// The recordings' period, which is far longer than a scenario.
inline constexpr Duration kRecordedPeriod = std::chrono::hours{1'000};

struct RecordedScenario {
  int number = 0;
  std::size_t line = 0;  // of the file
  std::string strategy;
  std::uint32_t intensity = 0;
  AutoShutdown auto_shutdown = AutoShutdown::Never;
  std::vector<RecordedChild> children;
  std::vector<std::pair<std::string, std::vector<Planned>>> plans;
  std::string failed_id;  // empty: it started
  Lines init_trace;
  std::vector<RecordedStep> steps;
  std::string text;  // as it stands in the file
  // Of scenarios that nobody recorded:
  Duration period = kRecordedPeriod;
  Duration delay{};  // before a start attempt, which OTP does not have

  /// Of a DynamicSupervisor. The order of its instances, and of their stops at the end, is not defined.
  [[nodiscard]] bool is_dynamic() const { return strategy == "simple_one_for_one"; }
};

struct Recordings {
  std::vector<RecordedScenario> scenarios;
  std::map<std::string, int> unknown;  // fields that the format does not have, and how often: nothing compares them
};

/// Why a file is no recording; what() says where: "line 7: unknown op \"explode\"".
struct BadRecording : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A .jsonl, or one that gzip has packed. Throws BadRecording: what cannot be understood is never passed over.
[[nodiscard]] Recordings load_recordings(const std::string& path);
/// The same of what stands in such a file, unpacked.
[[nodiscard]] Recordings read_recordings(const std::string& text);

}  // namespace coppice::testing
