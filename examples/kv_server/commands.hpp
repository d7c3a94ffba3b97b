#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// What a client may say. Those from Append to Type are done by shards.
enum class Command : unsigned char {
  // clang-format off
  Append, Dbsize, Decr, Decrby, Del, Exists, Expire, Flushall, Get, Getdel, Incr, Incrby, Keys, Mget, Mset, Persist,
  Pexpire, Pttl, Scan, Set, Setnx, Strlen, Ttl, Type,
  Client, Command, Config, Debug, Discard, Echo, Exec, Hello, Info, Multi, Ping, Psubscribe, Publish, Punsubscribe, Quit,
  Reset, Select, Subscribe, Unsubscribe,
  // clang-format on
};

/// Which of its words are keys.
enum class Keys : unsigned char {
  None,
  First,   ///< the one behind its name
  All,     ///< all words behind its name
  Pairs,   ///< each second one
  Shards,  ///< none, but it goes to every shard
};

/// What there is to know of a command before it is done.
struct CommandInfo {
  std::string_view name;  ///< in lower case
  Command command;
  std::size_t words_least;  ///< its name included
  std::size_t words_most;
  Keys keys;
  bool writes;  ///< it may change keys
};

using Words = std::vector<std::string>;

/// By its name in any case; null: unknown.
[[nodiscard]] const CommandInfo* find_command(std::string_view name);
/// What is wrong with a command's name, its number of words, or the length of its patterns, as a client hears it; empty:
/// nothing.
[[nodiscard]] std::string fault_of(const CommandInfo* info, const Words& words);
/// What COMMAND answers, of them all.
[[nodiscard]] std::string describe_commands();
[[nodiscard]] std::size_t count_commands();
[[nodiscard]] std::string lower(std::string_view word);
