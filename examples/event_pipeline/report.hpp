#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../support/crash_counter.hpp"
#include "../support/report_file.hpp"
#include "journal.hpp"

struct Options {
  std::string log;
  std::optional<std::uint64_t> crash_every;
  std::size_t window = 64;
  std::string json;
};

/// What a run is judged by.
struct Finished {
  std::shared_ptr<Journal> journal = std::make_shared<Journal>();
  std::shared_ptr<Counts> counts = std::make_shared<Counts>();
  std::vector<std::shared_ptr<Chaos>> chaos = {};  ///< of the stages, in order
  const examples::CrashCounter& crashes;           ///< what the supervisor reported
  std::uint64_t in_hand = 0;                       ///< events that were lost with a life
  std::string gave_up = {};                        ///< why it ended before the work did; empty: it did not
  bool in_order = false;                           ///< shut down in time, every message accounted for
  int signal = 0;                                  ///< that interrupted it

  [[nodiscard]] std::uint64_t injected() const;
  /// What the example shows did not happen, a reason each.
  [[nodiscard]] std::vector<std::string> wrong() const;
};

/// See main.cpp.
[[nodiscard]] int exit_code(const Finished& finished);

/// The counts on stdout; what went wrong on stderr, a line each.
void print(const Options& options, const Finished& finished);

[[nodiscard]] nlohmann::ordered_json as_json(const Finished& finished);
