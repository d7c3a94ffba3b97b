#pragma once

#include <cstdint>
#include <string>

// What the stages say to each other, each on a topic of its own. Whoever receives an event shares it with all others.

/// `lines.raw`
struct RawLine {
  std::uint64_t number;  ///< in the file, from 1
  std::string text;
  bool is_cut;  ///< it had more than kLineMax bytes
};

/// `events.valid`
struct LogEvent {
  std::uint64_t line;
  std::string level;
  std::string service;
  std::uint64_t milliseconds;
};

/// `events.invalid`
struct InvalidLine {
  std::uint64_t line;
  std::string what;
};

/// `events.processed.<level>`
struct ProcessedEvent {
  std::uint64_t line;
  std::string level;
  std::string service;
  std::uint64_t milliseconds;
  bool is_slow;
};

/// `lines.stored`: the line has come to its end.
struct Stored {
  std::uint64_t line;
};

/// `lines.lost`: a stage crashed while it had the line in hand.
struct Lost {
  std::uint64_t line;
};

inline constexpr std::size_t kLineMax = std::size_t{64} * 1024;
inline constexpr std::uint64_t kSlowMilliseconds = 500;
