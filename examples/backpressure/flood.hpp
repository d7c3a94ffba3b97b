#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <coppice/coppice.hpp>

/// What is produced: prices, each of one of a few symbols.
struct Tick {
  std::uint32_t symbol;
  std::uint64_t number;  ///< from 1, in the order in which they are sent
};
inline constexpr std::uint64_t kSymbols = 16;

struct Policy {
  std::string_view name;
  coppice::OverflowRule overflow;
};
inline constexpr Policy kPolicies[] = {
    {"reject", coppice::Overflow::Reject},
    {"drop-newest", coppice::Overflow::DropNewest},
    {"drop-oldest", coppice::Overflow::DropOldest},
    {"block", coppice::Overflow::Block},
    {"keep-latest", coppice::KeepLatestBy<&Tick::symbol>},
};

struct Numbers {
  std::uint64_t capacity = 100;
  std::uint64_t messages = 20'000;
  std::chrono::microseconds work{10};  ///< of the consumer, for each message
  std::uint64_t faster = 10;           ///< so many times is the producer
};

struct Sample {
  std::chrono::nanoseconds at;  ///< since the flood began
  std::uint64_t depth;
};

/// What the consumer has seen itself.
struct Consumed {
  std::uint64_t handled = 0;
  std::uint64_t newest = 0;  ///< the highest number of a tick
  bool in_order = true;      ///< for each symbol
};

/// One policy's run.
struct Flood {
  Policy policy;
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;  ///< what the sender was told of
  Consumed consumed;
  coppice::MailboxStats mailbox;
  coppice::Ledger ledger;
  bool stopped = false;  ///< the consumer took what was left, and the system shut down
  std::vector<Sample> depth;
};

[[nodiscard]] Flood flood(const Policy& policy, const Numbers& numbers);

/// What does not add up; nothing: all does.
[[nodiscard]] std::optional<std::string_view> problem(const Flood& flood, const Numbers& numbers);
