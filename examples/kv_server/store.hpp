#pragma once

#include <coppice/base/clock.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "operations.hpp"
#include "reply.hpp"

/// What a command, or its part in one shard, comes to: a reply as it goes over the wire, or elements of one, and a number
/// where the parts of several shards are added up.
struct Answer {
  std::string text;
  std::int64_t number = 0;
};

/// The keys of one shard, and what commands do to them.
///
/// Threads    one: the shard's.
class Store {
 public:
  using TimePoint = coppice::TimePoint;

  /// A command with words whose number is right, of keys that are all here. `resp3`: how the client wants to hear of
  /// nothing.
  [[nodiscard]] Answer execute(Command command, const Words& words, TimePoint now, bool resp3);
  /// Some of those whose time has come, so that nobody who never asks for them keeps them.
  void expire_some(TimePoint now);

  /// Has what commands do written down from now on, for take_operations(). Without it, nothing is.
  void keep_operations() noexcept { keeps_ = true; }
  /// What has been done since it was asked last, one Operation after the other. Of what only time did nothing is said.
  [[nodiscard]] std::string take_operations() { return std::exchange(operations_, {}); }
  /// Does again what was written down. False: that is nonsense, and some of it may have been done.
  [[nodiscard]] bool apply(std::string_view operations);
  /// The operations that make all that is in it, told a piece of them at a time.
  template <class Tell>
  void tell_all(Tell&& tell) const {
    std::string piece;
    for (const auto& [key, entry] : entries_) {
      ::put(piece, {Operation::Kind::Set, key, entry.value, wall_time_of(entry.expires)});
      if (piece.size() < kPieceBytes) continue;
      tell(std::exchange(piece, {}));
    }
    if (!piece.empty()) tell(std::move(piece));
  }

 private:
  struct Entry {
    std::string value;
    TimePoint expires = TimePoint::max();
  };
  using Entries = std::unordered_map<std::string, Entry>;

  static constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;

  [[nodiscard]] static std::int64_t wall_time_of(TimePoint expires);
  [[nodiscard]] static TimePoint time_of(std::int64_t wall_time);
  void note(Operation::Kind kind, std::string_view key, std::string_view value = {},
            TimePoint expires = TimePoint::max());
  void apply(const Operation& operation);
  [[nodiscard]] Answer execute_on(Command command, const Words& words, TimePoint now, bool resp3);
  [[nodiscard]] Answer add_numbers(Command command, const Words& words, TimePoint now);
  [[nodiscard]] Answer get_all(const Words& words, TimePoint now, bool resp3);
  [[nodiscard]] Answer set_all(const Words& words, TimePoint now);
  void put(const std::string& key, const std::string& value, TimePoint expires, TimePoint now);
  [[nodiscard]] Answer remove(const std::string& key, TimePoint now);
  [[nodiscard]] Entry* find(const std::string& key, TimePoint now);
  void erase(Entries::iterator at);
  void set_expiry(const std::string& key, Entry& entry, TimePoint expires);
  [[nodiscard]] Answer set(const Words& words, TimePoint now, bool resp3);
  [[nodiscard]] Answer increment(const std::string& key, std::int64_t by, TimePoint now);
  [[nodiscard]] Answer expire(bool in_seconds, const Words& words, TimePoint now);
  [[nodiscard]] Answer keys(std::string_view pattern, TimePoint now);

  Entries entries_;
  std::set<std::pair<TimePoint, const std::string*>> deadlines_;  // of the keys in entries_
  std::string operations_;
  bool keeps_ = false;
};

/// Redis's patterns: `*`, `?`, `[a-z]`, `[^a]`, `\x`. Takes time in proportion to both lengths' product at most;
/// fault_of() has a limit for patterns.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view text);
/// Which of the shards has a key: the same in every build, since a log outlives it. Keys with the same text between the
/// first '{' and the next '}' are in the same shard. Source: Redis Cluster's hash tags.
[[nodiscard]] std::size_t shard_of(std::string_view key, std::size_t shards);
[[nodiscard]] bool parse_number(std::string_view text, std::int64_t& number);
