#include <utility>

#include "session.hpp"

void Session::run_on_shards(const CommandInfo& info, Words& words) {
  if (info.command == Command::Scan) return scan(words);
  if (info.keys == Keys::Shards) {
    const Sum sum = info.command == Command::Dbsize ? Sum::Number
                    : info.command == Command::Keys ? Sum::Elements
                                                    : Sum::Ok;
    pending_.push(sum, server_->shards.size());
    for (std::size_t shard = 0; shard < server_->shards.size(); ++shard) add_part(info, words, shard, shard);
  } else if (const auto shard = common_shard(info, words)) {
    pending_.push(Sum::Reply, 1);
    add_part(info, std::move(words), *shard, 0);
  } else {
    split(info, words);
  }
}

/// A part for each key: they are in several shards.
void Session::split(const CommandInfo& info, const Words& words) {
  const std::size_t step = info.keys == Keys::Pairs ? 2 : 1;
  const CommandInfo& each = info.command == Command::Mget   ? *find_command("get")
                            : info.command == Command::Mset ? *find_command("set")
                                                            : info;
  const Sum sum = info.command == Command::Mget ? Sum::Array : info.command == Command::Mset ? Sum::Ok : Sum::Number;
  pending_.push(sum, (words.size() - 1) / step);
  for (std::size_t i = 1; i < words.size(); i += step) {
    Words part{std::string{each.name}};
    part.insert(part.end(), words.begin() + static_cast<std::ptrdiff_t>(i),
                words.begin() + static_cast<std::ptrdiff_t>(i + step));
    add_part(each, std::move(part), shard_of(words[i]), (i - 1) / step);
  }
}

/// A cursor is a shard's number: each call answers all of one shard, and every key that is there throughout is seen.
void Session::scan(const Words& words) {
  std::int64_t cursor = 0;
  if (!parse_number(words[1], cursor) || cursor < 0) return answer(reply::error("invalid cursor"));
  std::string pattern = "*";
  for (std::size_t i = 2; i < words.size(); i += 2) {
    const std::string option = lower(words[i]);
    if (i + 1 == words.size() || (option != "match" && option != "count")) return answer(reply::error("syntax error"));
    if (option == "match") pattern = words[i + 1];
    std::int64_t count = 0;  // only looked at: a call answers all of one shard
    if (option != "count") continue;
    if (!parse_number(words[i + 1], count)) return answer(reply::error("value is not an integer or out of range"));
    if (count < 1) return answer(reply::error("syntax error"));
  }
  const auto shard = static_cast<std::size_t>(cursor);
  if (shard >= server_->shards.size()) return answer(reply::array(2) + reply::bulk("0") + reply::array(0));
  pending_.push(Sum::Scan, 1).next_shard = (shard + 1) % server_->shards.size();
  add_part(*find_command("keys"), {"keys", std::move(pattern)}, shard, 0);
}

std::size_t Session::shard_of(std::string_view key) const { return ::shard_of(key, server_->shards.size()); }

std::optional<std::size_t> Session::common_shard(const CommandInfo& info, const Words& words) const {
  const std::size_t shard = shard_of(words[1]);
  if (info.keys == Keys::First) return shard;
  const std::size_t step = info.keys == Keys::Pairs ? 2 : 1;
  for (std::size_t i = 1 + step; i < words.size(); i += step) {
    if (shard_of(words[i]) != shard) return std::nullopt;
  }
  return shard;
}
