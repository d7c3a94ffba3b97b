#pragma once

#include <coppice/base/clock.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

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
  using Arguments = std::vector<std::string>;
  using TimePoint = coppice::TimePoint;

  /// A command in lower case, with arguments whose number is right. `resp3`: how the client wants to hear of nothing.
  [[nodiscard]] Answer execute(const Arguments& arguments, TimePoint now, bool resp3);
  /// Some of those whose time has come, so that nobody who never asks for them keeps them.
  void expire_some(TimePoint now);

 private:
  struct Entry {
    std::string value;
    TimePoint expires = TimePoint::max();
  };
  using Entries = std::unordered_map<std::string, Entry>;

  [[nodiscard]] Entry* find(const std::string& key, TimePoint now);
  void erase(Entries::iterator at);
  void set_expiry(const std::string& key, Entry& entry, TimePoint expires);
  [[nodiscard]] Answer set(const Arguments& arguments, TimePoint now, bool resp3);
  [[nodiscard]] Answer increment(const std::string& key, std::int64_t by, TimePoint now);
  [[nodiscard]] Answer expire(const Arguments& arguments, TimePoint now);
  [[nodiscard]] Answer keys(std::string_view pattern, TimePoint now);

  Entries entries_;
  std::set<std::pair<TimePoint, const std::string*>> deadlines_;  // of the keys in entries_
};

/// Redis's patterns: `*`, `?`, `[a-z]`, `[^a]`, `\x`. Takes time in proportion to both lengths' product at most.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view text);
[[nodiscard]] bool parse_number(std::string_view text, std::int64_t& number);

namespace reply {
[[nodiscard]] inline std::string bulk(std::string_view text) {
  std::string reply = '$' + std::to_string(text.size()) + "\r\n";
  reply.append(text);
  return reply += "\r\n";
}
[[nodiscard]] inline std::string number(std::int64_t n) { return ':' + std::to_string(n) + "\r\n"; }
[[nodiscard]] inline std::string error(std::string_view text) { return "-ERR " + std::string{text} + "\r\n"; }
[[nodiscard]] inline std::string array(std::size_t count) { return '*' + std::to_string(count) + "\r\n"; }
[[nodiscard]] inline std::string nothing(bool resp3) { return resp3 ? "_\r\n" : "$-1\r\n"; }
inline constexpr const char* kOk = "+OK\r\n";
}  // namespace reply
