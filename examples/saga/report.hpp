#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../support/crash_counter.hpp"
#include "../support/report_file.hpp"
#include "audit.hpp"

struct Options {
  std::string orders;
  std::optional<std::uint64_t> crash_every;
  std::vector<std::string> poison;
  std::uint64_t in_flight = 8;
  std::int64_t units = 100;
  std::int64_t cents = 350'000;
  std::string journal;
  std::string json;
};

/// What a run is judged by.
struct Finished {
  Books books = {};
  std::vector<Malformed> malformed = {};
  std::uint64_t injected = 0;
  const examples::CrashCounter& crashes;  ///< what the supervisors reported
  std::string gave_up = {};               ///< why it ended before the work did; empty: it did not
  bool in_order = false;                  ///< the system shut down in time, and every message is accounted for
  std::vector<std::string> wrong = {};    ///< what the audit found
};

/// 0: every order is done or undone. 1: what the example shows did not happen. 2: that, but rows were malformed.
[[nodiscard]] int exit_code(const Finished& finished);

/// Both lists, the crashes and the sums on stdout; what went wrong on stderr, a line each.
void print(const Options& options, const Finished& finished);

[[nodiscard]] nlohmann::ordered_json as_json(const Options& options, const Finished& finished);
