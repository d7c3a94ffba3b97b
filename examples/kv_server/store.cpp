#include "store.hpp"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>

using namespace std::chrono_literals;

namespace {

constexpr const char* kNotInteger = "value is not an integer or out of range";
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::size_t kAnswerMost = std::size_t{512} << 20;
constexpr int kExpiredAtOnce = 1'000;

[[nodiscard]] Answer text(std::string reply) { return {std::move(reply)}; }
[[nodiscard]] Answer count(std::int64_t n) { return {reply::number(n), n}; }
[[nodiscard]] Answer failure(std::string_view why) { return {reply::error(why)}; }

/// So many seconds or milliseconds from now; false where no clock shows that.
[[nodiscard]] bool after(coppice::TimePoint now, std::int64_t amount, bool in_seconds, coppice::TimePoint& at) {
  const std::int64_t per = in_seconds ? 1'000'000'000 : 1'000'000;
  if (amount > kMost / per || amount < kLeast / per) return false;
  at = coppice::detail::saturating_add(now, coppice::Duration{amount * per});
  return at != coppice::TimePoint::max();
}

/// Whether a class "[a-z]" that starts at `p` takes the character; `p` is moved behind it.
[[nodiscard]] bool class_takes(std::string_view pattern, std::size_t& p, char c) {
  ++p;
  const bool negated = p < pattern.size() && pattern[p] == '^';
  if (negated) ++p;
  bool takes = false;
  for (; p < pattern.size() && pattern[p] != ']'; ++p) {
    if (pattern[p] == '\\' && p + 1 < pattern.size()) ++p;
    const char first = pattern[p];
    char last = first;
    if (p + 2 < pattern.size() && pattern[p + 1] == '-' && pattern[p + 2] != ']') last = pattern[p += 2];
    takes = takes || (std::min(first, last) <= c && c <= std::max(first, last));
  }
  if (p < pattern.size()) ++p;
  return takes != negated;
}

}  // namespace

bool parse_number(std::string_view word, std::int64_t& number) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc{} && end == word.data() + word.size();
}

bool matches(std::string_view pattern, std::string_view word) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // the last one, which takes more when what follows it does not fit
  std::size_t starred = 0;
  while (t < word.size()) {
    std::size_t next = p;
    bool fits = false;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      starred = t;
      continue;
    }
    if (p < pattern.size()) {
      if (pattern[p] == '[') {
        fits = class_takes(pattern, next, word[t]);
      } else {
        if (pattern[p] == '\\' && p + 1 < pattern.size()) ++next;
        fits = (pattern[p] == '?') || pattern[next] == word[t];
        ++next;
      }
    }
    if (fits) {
      p = next;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++starred;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::size_t shard_of(std::string_view key, std::size_t shards) {
  const std::size_t open = key.find('{');
  const std::size_t close = open == std::string_view::npos ? open : key.find('}', open);
  if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  return ::crc32_z(0, reinterpret_cast<const Bytef*>(key.data()), key.size()) % shards;
}

Store::Entry* Store::find(const std::string& key, TimePoint now) {
  const auto at = entries_.find(key);
  if (at == entries_.end()) return nullptr;
  if (at->second.expires > now) return &at->second;
  erase(at);
  return nullptr;
}

void Store::erase(Entries::iterator at) {
  deadlines_.erase({at->second.expires, &at->first});
  entries_.erase(at);
}

void Store::set_expiry(const std::string& key, Entry& entry, TimePoint expires) {
  const std::string* const kept = &entries_.find(key)->first;
  deadlines_.erase({entry.expires, kept});
  entry.expires = expires;
  if (expires != TimePoint::max()) deadlines_.insert({expires, kept});
}

void Store::expire_some(TimePoint now) {
  for (int i = 0; i < kExpiredAtOnce && !deadlines_.empty() && deadlines_.begin()->first <= now; ++i)
    erase(entries_.find(*deadlines_.begin()->second));
}

Answer Store::execute(Command command, const Words& words, TimePoint now, bool resp3) {
  switch (command) {
    case Command::Get: {
      const Entry* const entry = find(words[1], now);
      return text(entry == nullptr ? reply::nothing(resp3) : reply::bulk(entry->value));
    }
    case Command::Set: return set(words, now, resp3);
    case Command::Mget: return get_all(words, now, resp3);
    case Command::Mset: return set_all(words, now);
    case Command::Del:
    case Command::Exists: return add_numbers(command, words, now);
    case Command::Dbsize:
      while (!deadlines_.empty() && deadlines_.begin()->first <= now) expire_some(now);
      return count(static_cast<std::int64_t>(entries_.size()));
    case Command::Flushall:
      deadlines_.clear();
      entries_.clear();
      note(Operation::Kind::Clear, {});
      return text(reply::kOk);
    case Command::Scan:
    case Command::Keys: return keys(words[1], now);
    case Command::Incr: return increment(words[1], 1, now);
    case Command::Decr: return increment(words[1], -1, now);
    case Command::Incrby:
    case Command::Decrby: {
      const bool is_decrby = command == Command::Decrby;
      std::int64_t by = 0;
      if (!parse_number(words[2], by) || (is_decrby && by == kLeast)) return failure(kNotInteger);
      return increment(words[1], is_decrby ? -by : by, now);
    }
    case Command::Expire:
    case Command::Pexpire: return expire(command == Command::Expire, words, now);
    default: return execute_on(command, words, now, resp3);
  }
}

/// Those that look at what is there under their one key first.
Answer Store::execute_on(Command command, const Words& words, TimePoint now, bool resp3) {
  const std::string& key = words[1];
  Entry* const entry = find(key, now);
  switch (command) {
    case Command::Type: return text(entry == nullptr ? "+none\r\n" : "+string\r\n");
    case Command::Strlen: return count(entry == nullptr ? 0 : static_cast<std::int64_t>(entry->value.size()));
    case Command::Setnx:
      if (entry != nullptr) return count(0);
      entries_[key].value = words[2];
      note(Operation::Kind::Set, key, words[2]);
      return count(1);
    case Command::Append: {
      Entry& to = entry == nullptr ? entries_[key] : *entry;
      to.value += words[2];
      note(entry == nullptr ? Operation::Kind::Set : Operation::Kind::Append, key, words[2]);
      return count(static_cast<std::int64_t>(to.value.size()));
    }
    case Command::Getdel: {
      if (entry == nullptr) return text(reply::nothing(resp3));
      Answer answer = text(reply::bulk(entry->value));
      static_cast<void>(remove(key, now));
      return answer;
    }
    case Command::Persist: {
      const bool had = entry != nullptr && entry->expires != TimePoint::max();
      if (!had) return count(0);
      set_expiry(key, *entry, TimePoint::max());
      note(Operation::Kind::Expire, key);
      return count(1);
    }
    case Command::Ttl:
    case Command::Pttl: {
      if (entry == nullptr) return count(-2);
      if (entry->expires == TimePoint::max()) return count(-1);
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(entry->expires - now).count();
      return count(command == Command::Pttl ? left : (left + 500) / 1'000);
    }
    default: return failure("no command of a shard");
  }
}

Answer Store::add_numbers(Command command, const Words& words, TimePoint now) {
  std::int64_t sum = 0;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (command == Command::Exists) {
      sum += find(words[i], now) != nullptr;
    } else {
      sum += remove(words[i], now).number;
    }
  }
  return count(sum);
}

Answer Store::remove(const std::string& key, TimePoint now) {
  if (find(key, now) == nullptr) return count(0);
  erase(entries_.find(key));
  note(Operation::Kind::Remove, key);
  return count(1);
}

Answer Store::get_all(const Words& words, TimePoint now, bool resp3) {
  Answer answer = text(reply::array(words.size() - 1));
  for (std::size_t i = 1; i < words.size(); ++i) {
    const Entry* const entry = find(words[i], now);
    answer.text += entry == nullptr ? reply::nothing(resp3) : reply::bulk(entry->value);
    if (answer.text.size() > kAnswerMost) return failure("the answer is too large");
  }
  return answer;
}

Answer Store::set_all(const Words& words, TimePoint now) {
  for (std::size_t i = 1; i < words.size(); i += 2) put(words[i], words[i + 1], TimePoint::max(), now);
  return text(reply::kOk);
}

void Store::put(const std::string& key, const std::string& value, TimePoint expires, TimePoint now) {
  Entry* entry = find(key, now);
  if (entry == nullptr) entry = &entries_[key];
  entry->value = value;
  if (entry->expires != expires) set_expiry(key, *entry, expires);
  note(Operation::Kind::Set, key, value, expires);
}

Answer Store::set(const Words& a, TimePoint now, bool resp3) {
  TimePoint expires = TimePoint::max();
  bool only_new = false;
  bool only_old = false;
  for (std::size_t i = 3; i < a.size(); ++i) {
    const std::string option = lower(a[i]);
    if (option == "nx" && !only_old) {
      only_new = true;
    } else if (option == "xx" && !only_new) {
      only_old = true;
    } else if ((option == "ex" || option == "px") && expires == TimePoint::max() && i + 1 < a.size()) {
      std::int64_t amount = 0;
      if (!parse_number(a[++i], amount)) return failure(kNotInteger);
      if (amount <= 0 || !after(now, amount, option == "ex", expires))
        return failure("invalid expire time in 'set' command");
    } else {
      return failure("syntax error");
    }
  }
  const bool is_there = (only_new || only_old) && find(a[1], now) != nullptr;
  if ((only_new && is_there) || (only_old && !is_there)) return text(reply::nothing(resp3));
  put(a[1], a[2], expires, now);
  return text(reply::kOk);
}

Answer Store::increment(const std::string& key, std::int64_t by, TimePoint now) {
  Entry* const entry = find(key, now);
  std::int64_t number = 0;
  if (entry != nullptr && !parse_number(entry->value, number)) return failure(kNotInteger);
  if ((by > 0 && number > kMost - by) || (by < 0 && number < kLeast - by))
    return failure("increment or decrement would overflow");
  number += by;
  Entry& to = entry == nullptr ? entries_[key] : *entry;
  to.value = std::to_string(number);
  note(Operation::Kind::Set, key, to.value, to.expires);
  return count(number);
}

Answer Store::expire(bool in_seconds, const Words& a, TimePoint now) {
  std::int64_t amount = 0;
  if (!parse_number(a[2], amount)) return failure(kNotInteger);
  TimePoint expires{};
  if (!after(now, amount, in_seconds, expires))
    return failure(std::string{"invalid expire time in '"} + (in_seconds ? "expire" : "pexpire") + "' command");
  Entry* const entry = find(a[1], now);
  if (entry == nullptr) return count(0);
  set_expiry(a[1], *entry, expires);  // one in the past: the next who looks finds it gone
  note(Operation::Kind::Expire, a[1], {}, expires);
  return count(1);
}

Answer Store::keys(std::string_view pattern, TimePoint now) {
  Answer answer;
  for (const auto& [key, entry] : entries_) {
    if (entry.expires <= now || !matches(pattern, key)) continue;
    answer.text += reply::bulk(key);
    ++answer.number;
  }
  return answer;
}

// ---- what is written down ----

std::int64_t Store::wall_time_of(TimePoint expires) {
  if (expires == TimePoint::max()) return Operation::kNever;
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const coppice::Duration until = coppice::detail::saturating_between(TimePoint::clock::now(), expires);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until);
  return std::chrono::duration_cast<std::chrono::milliseconds>(wall).count() + left.count();
}

Store::TimePoint Store::time_of(std::int64_t wall_time) {
  if (wall_time == Operation::kNever) return TimePoint::max();
  if (wall_time < 0) return TimePoint::min();  // before there were clocks
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t left = wall_time - std::chrono::duration_cast<std::chrono::milliseconds>(wall).count();
  TimePoint at{};
  return after(TimePoint::clock::now(), left, false, at) ? at : TimePoint::max();
}

void Store::note(Operation::Kind kind, std::string_view key, std::string_view value, TimePoint expires) {
  if (keeps_) ::put(operations_, {kind, key, value, wall_time_of(expires)});
}

bool Store::apply(std::string_view operations) {
  Operation operation;
  while (!operations.empty()) {
    if (!take(operations, operation)) return false;
    apply(operation);
  }
  return true;
}

/// As it was then: no key's time comes meanwhile, since what was done later was done to what was there.
void Store::apply(const Operation& operation) {
  const std::string key{operation.key};
  const auto at = entries_.find(key);
  switch (operation.kind) {
    case Operation::Kind::Set: {
      Entry& entry = entries_[key];
      entry.value = operation.value;
      set_expiry(key, entry, time_of(operation.expires));
      return;
    }
    case Operation::Kind::Remove:
      if (at != entries_.end()) erase(at);
      return;
    case Operation::Kind::Expire:
      if (at != entries_.end()) set_expiry(key, at->second, time_of(operation.expires));
      return;
    case Operation::Kind::Append: entries_[key].value += operation.value; return;
    case Operation::Kind::Clear:
      deadlines_.clear();
      entries_.clear();
      return;
  }
}
