#include "commands.hpp"

#include <algorithm>
#include <array>

#include "reply.hpp"

namespace {

constexpr std::size_t kAny = ~std::size_t{0};
constexpr std::size_t kNameMost = 16;
constexpr std::size_t kPatternMost = 1'024;  // bytes: each costs the length of every key at worst

constexpr auto kCommands = std::to_array<CommandInfo>({
    {"append", Command::Append, 3, 3, Keys::First, true},
    {"client", Command::Client, 2, kAny, Keys::None, false},
    {"command", Command::Command, 1, kAny, Keys::None, false},
    {"config", Command::Config, 2, kAny, Keys::None, false},
    {"dbsize", Command::Dbsize, 1, 1, Keys::Shards, false},
    {"debug", Command::Debug, 2, 3, Keys::None, false},
    {"decr", Command::Decr, 2, 2, Keys::First, true},
    {"decrby", Command::Decrby, 3, 3, Keys::First, true},
    {"del", Command::Del, 2, kAny, Keys::All, true},
    {"discard", Command::Discard, 1, 1, Keys::None, false},
    {"echo", Command::Echo, 2, 2, Keys::None, false},
    {"exec", Command::Exec, 1, 1, Keys::None, false},
    {"exists", Command::Exists, 2, kAny, Keys::All, false},
    {"expire", Command::Expire, 3, 3, Keys::First, true},
    {"flushall", Command::Flushall, 1, 2, Keys::Shards, true},
    {"get", Command::Get, 2, 2, Keys::First, false},
    {"getdel", Command::Getdel, 2, 2, Keys::First, true},
    {"hello", Command::Hello, 1, kAny, Keys::None, false},
    {"incr", Command::Incr, 2, 2, Keys::First, true},
    {"incrby", Command::Incrby, 3, 3, Keys::First, true},
    {"info", Command::Info, 1, kAny, Keys::None, false},
    {"keys", Command::Keys, 2, 2, Keys::Shards, false},
    {"mget", Command::Mget, 2, kAny, Keys::All, false},
    {"mset", Command::Mset, 3, kAny, Keys::Pairs, true},
    {"multi", Command::Multi, 1, 1, Keys::None, false},
    {"persist", Command::Persist, 2, 2, Keys::First, true},
    {"pexpire", Command::Pexpire, 3, 3, Keys::First, true},
    {"ping", Command::Ping, 1, 2, Keys::None, false},
    {"psubscribe", Command::Psubscribe, 2, kAny, Keys::None, false},
    {"pttl", Command::Pttl, 2, 2, Keys::First, false},
    {"publish", Command::Publish, 3, 3, Keys::None, false},
    {"punsubscribe", Command::Punsubscribe, 1, kAny, Keys::None, false},
    {"quit", Command::Quit, 1, 1, Keys::None, false},
    {"reset", Command::Reset, 1, 1, Keys::None, false},
    {"scan", Command::Scan, 2, kAny, Keys::Shards, false},
    {"select", Command::Select, 2, 2, Keys::None, false},
    {"set", Command::Set, 3, kAny, Keys::First, true},
    {"setnx", Command::Setnx, 3, 3, Keys::First, true},
    {"strlen", Command::Strlen, 2, 2, Keys::First, false},
    {"subscribe", Command::Subscribe, 2, kAny, Keys::None, false},
    {"ttl", Command::Ttl, 2, 2, Keys::First, false},
    {"type", Command::Type, 2, 2, Keys::First, false},
    {"unsubscribe", Command::Unsubscribe, 1, kAny, Keys::None, false},
});
static_assert(std::is_sorted(kCommands.begin(), kCommands.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));

/// Of each letter: the first command that begins with it, or would; and where all end.
constexpr auto kFirstOf = [] {
  std::array<std::size_t, 27> first{};
  for (const CommandInfo& each : kCommands) ++first[static_cast<std::size_t>(each.name[0] - 'a') + 1];
  for (std::size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
  return first;
}();

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// For an error's text: what would end its line, and more of it than helps, is left out.
[[nodiscard]] std::string shown(std::string_view word) {
  std::string text{word.substr(0, 128)};
  for (char& c : text) c = c < ' ' ? ' ' : c;
  return text;
}

}  // namespace

std::string lower(std::string_view word) {
  std::string low{word};
  for (char& c : low) c = lower(c);
  return low;
}

const CommandInfo* find_command(std::string_view name) {
  if (name.empty() || name.size() > kNameMost) return nullptr;
  const char first = lower(name[0]);
  if (first < 'a' || first > 'z') return nullptr;
  const std::size_t letter = static_cast<std::size_t>(first - 'a');
  for (std::size_t i = kFirstOf[letter]; i < kFirstOf[letter + 1]; ++i) {
    const std::string_view known = kCommands[i].name;
    if (known.size() == name.size() &&
        std::equal(name.begin(), name.end(), known.begin(), [](char c, char low) { return lower(c) == low; }))
      return &kCommands[i];
  }
  return nullptr;
}

std::string fault_of(const CommandInfo* info, const Words& words) {
  if (info == nullptr) return reply::error("unknown command '" + shown(words[0]) + "'");
  const bool is_odd = info->keys == Keys::Pairs && words.size() % 2 == 0;
  if (words.size() < info->words_least || words.size() > info->words_most || is_odd)
    return reply::error("wrong number of arguments for '" + std::string{info->name} + "' command");
  const bool has_patterns = info->command == Command::Keys || info->command == Command::Scan ||
                            info->command == Command::Psubscribe || info->command == Command::Config;
  const auto is_long = [](const std::string& word) { return word.size() > kPatternMost; };
  if (has_patterns && std::any_of(words.begin() + 1, words.end(), is_long))
    return reply::error("a pattern is too long");
  return {};
}

std::size_t count_commands() { return kCommands.size(); }

/// Of each: its name, its number of words (negative: or more), flags, and where its first and last keys are, and how far
/// apart. Source: the documentation of COMMAND.
std::string describe_commands() {
  std::string text = reply::array(kCommands.size());
  for (const CommandInfo& info : kCommands) {
    const auto least = static_cast<std::int64_t>(info.words_least);
    const bool has_keys = info.keys != Keys::None && info.keys != Keys::Shards;
    const std::int64_t last = info.keys == Keys::First ? 1 : -1;
    text += reply::array(6) + reply::bulk(info.name) +
            reply::number(info.words_most == info.words_least ? least : -least) + reply::array(1) +
            (info.writes ? "+write\r\n" : "+readonly\r\n") + reply::number(has_keys ? 1 : 0) +
            reply::number(has_keys ? last : 0) +
            reply::number(!has_keys                  ? 0
                          : info.keys == Keys::Pairs ? 2
                                                     : 1);
  }
  return text;
}
