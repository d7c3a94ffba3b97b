#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "examples/kv_server/store.hpp"
#include "fuzz/input.hpp"

// What clients say to a shard of the key-value server: any words as commands. Each gets one whole reply; and a second store
// that does again what the first has written down has the same keys, with the same values and as long to live.

namespace coppice {
namespace {

using fuzz::expect;

constexpr std::int64_t kClocksApart = 30'000;  // milliseconds between a look at one clock and at the other, at most

/// The words that mean something, so that they are drawn often. The last one is for any bytes.
constexpr std::array<std::string_view, 16> kWords{
    "a",  "b",  "{a}b", "0", "1", "-1", "9223372036854775807", "-9223372036854775808", "9223372036", "ex",
    "PX", "nx", "XX",   "*", "",  "?"};
constexpr std::array<std::string_view, 24> kNames{"append", "dbsize",   "decr",  "decrby",  "del",     "exists",
                                                  "expire", "flushall", "get",   "getdel",  "incr",    "incrby",
                                                  "keys",   "mget",     "mset",  "persist", "pexpire", "pttl",
                                                  "scan",   "set",      "setnx", "strlen",  "ttl",     "type"};

std::string draw_bytes(fuzz::Input& input) {
  std::string bytes;
  for (std::size_t left = input.below(20); left != 0 && !input.is_over(); --left)
    bytes += static_cast<char>(input.byte());
  return bytes;
}

Words draw_words(fuzz::Input& input) {
  Words words;
  const std::size_t name = input.below(kNames.size() + 1);
  words.push_back(name == kNames.size() ? draw_bytes(input) : std::string{kNames[name]});
  for (std::size_t left = input.below(6); left != 0; --left) {
    const std::size_t word = input.below(kWords.size());
    words.push_back(word == kWords.size() - 1 ? draw_bytes(input) : std::string{kWords[word]});
  }
  return words;
}

std::int64_t number_of(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  expect(error == std::errc{} && end == text.data() + text.size(), "a reply's number is none");
  return number;
}

/// How many replies a text is: all of it, and each is whole.
std::int64_t count_replies(std::string_view text) {
  std::int64_t replies = 0;
  std::int64_t inside = 0;  // elements of arrays that are still to come
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n");
    expect(end != std::string_view::npos && end != 0, "a reply without an end");
    const char kind = text[0];
    const std::string_view rest = text.substr(1, end - 1);
    expect(rest.find_first_of("\r\n") == std::string_view::npos, "a line's end within a line");
    text.remove_prefix(end + 2);
    if (inside == 0) {
      ++replies;
    } else {
      --inside;
    }
    if (kind == '*') inside += std::max<std::int64_t>(number_of(rest), 0);
    if (kind == ':') static_cast<void>(number_of(rest));
    if (kind != '$' || number_of(rest) < 0) {
      expect(kind == '$' || kind == '*' || kind == ':' || kind == '+' || kind == '-' || kind == '_', "no reply");
      continue;
    }
    const auto bytes = static_cast<std::size_t>(number_of(rest));
    expect(text.size() >= bytes + 2 && text.substr(bytes, 2) == "\r\n", "a text is cut off");
    text.remove_prefix(bytes + 2);
  }
  expect(inside == 0, "an array is cut off");
  return replies;
}

/// Says it to both, and the second one hears only what the first has written down.
void say(Store& store, Store& again, const Words& words, TimePoint now, bool resp3) {
  const CommandInfo* const info = find_command(words[0]);
  const std::string fault = fault_of(info, words);
  expect(fault.empty() || (fault[0] == '-' && count_replies(fault) == 1), "a fault is no reply");
  if (!fault.empty() || info->command > Command::Type) return;
  const Answer answer = store.execute(info->command, words, now, resp3);
  const bool is_list = info->command == Command::Keys || info->command == Command::Scan;
  expect(count_replies(answer.text) == (is_list ? answer.number : 1), "a command has another number of replies");
  const std::string operations = store.take_operations();
  expect(info->writes || operations.empty(), "a command that only reads has written something down");
  expect(again.apply(operations), "what was written down cannot be read");
}

std::string ask(Store& store, Command command, std::string_view key, TimePoint now) {
  return store.execute(command, {"", std::string{key}}, now, false).text;
}

void compare(Store& store, Store& again, std::string_view key, TimePoint now) {
  const auto left = [&](Store& of) {
    const std::string said = ask(of, Command::Pttl, key, now);
    return number_of(std::string_view{said}.substr(1, said.size() - 3));
  };
  constexpr std::int64_t kGone = -2;
  constexpr std::int64_t kNever = -1;
  constexpr std::int64_t kAges = 9'000'000'000'000;
  const std::int64_t one = left(store);
  const std::int64_t other = left(again);
  if (one == kGone || other == kGone)  // one whose time is about to come may be gone already
    return expect(one != kNever && other != kNever && std::max(one, other) < kClocksApart,
                  "a key is lost, or comes back");
  if (one == kNever || other == kNever) {
    expect(one == other || std::max(one, other) > kAges, "a key lives for ever, or does no longer");
  } else {
    expect(std::max(one, other) - std::min(one, other) < kClocksApart, "a key has longer to live");
  }
  expect(ask(store, Command::Get, key, now) == ask(again, Command::Get, key, now), "a key has another value");
}

}  // namespace
}  // namespace coppice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coppice;
  fuzz::Input input{data, size};
  const TimePoint now = std::chrono::time_point_cast<Duration>(TimePoint::clock::now());
  const bool resp3 = input.one_in(2);
  Store store;
  Store again;
  store.keep_operations();
  std::set<std::string> keys;
  while (!input.is_over()) {
    const Words words = draw_words(input);
    keys.insert(words.begin() + 1, words.end());
    say(store, again, words, now, resp3);
    if (input.one_in(8)) store.expire_some(now);
  }
  for (const std::string& key : keys) compare(store, again, key, now);
  return 0;
}
