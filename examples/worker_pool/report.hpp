#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "../support/crash_counter.hpp"
#include "../support/report_file.hpp"
#include "messages.hpp"

struct Options {
  std::vector<std::string> paths;
  std::uint64_t workers = 4;
  std::optional<std::uint64_t> crash_every;
  std::string poison;
  std::string json;
};

/// What a run is judged by.
struct Finished {
  Outcome outcome;
  const examples::CrashCounter& crashes;  ///< what the supervisor reported
  bool in_order = false;                  ///< the system shut down in time, and every message is accounted for
  int signal = 0;                         ///< that ended it early, or 0
};

/// 0: all counted. 1: what the example shows did not happen. 2: a path was not counted. 128 + signal: interrupted.
[[nodiscard]] int exit_code(const Finished& finished);

/// Totals and table on stdout; what went wrong on stderr, a line each.
void print(const Finished& finished);

[[nodiscard]] nlohmann::ordered_json as_json(const Options& options, const Finished& finished);
