#include "session.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kPendingMost = 10'000;  // commands; beyond that the client waits
constexpr auto kShardAnswers = 5s;

/// How many words a command may have, itself included.
struct Shape {
  std::string_view name;
  std::size_t least;
  std::size_t most;
};
constexpr std::size_t kAny = ~std::size_t{0};
constexpr auto kShapes = std::to_array<Shape>({
    {"append", 3, 3},    {"client", 2, kAny}, {"command", 1, kAny}, {"config", 2, kAny}, {"dbsize", 1, 1},
    {"debug", 2, 3},     {"decr", 2, 2},      {"decrby", 3, 3},     {"del", 2, kAny},    {"echo", 2, 2},
    {"exists", 2, kAny}, {"expire", 3, 3},    {"flushall", 1, 2},   {"get", 2, 2},       {"getdel", 2, 2},
    {"hello", 1, kAny},  {"incr", 2, 2},      {"incrby", 3, 3},     {"info", 1, kAny},   {"keys", 2, 2},
    {"mget", 2, kAny},   {"mset", 3, kAny},   {"persist", 2, 2},    {"pexpire", 3, 3},   {"ping", 1, 2},
    {"pttl", 2, 2},      {"quit", 1, 1},      {"scan", 2, kAny},    {"select", 2, 2},    {"set", 3, kAny},
    {"setnx", 3, 3},     {"strlen", 2, 2},    {"ttl", 2, 2},        {"type", 2, 2},
});

void make_lower(std::string& word) {
  for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// For an error's text: what would end its line, and more of it than helps, is left out.
[[nodiscard]] std::string shown(std::string_view word) {
  std::string text{word.substr(0, 128)};
  for (char& c : text) c = c < ' ' ? ' ' : c;
  return text;
}

/// What is wrong with a command's name or its number of words; empty: nothing.
[[nodiscard]] std::string fault_of(const RespParser::Arguments& a) {
  const auto* const shape =
      std::find_if(kShapes.begin(), kShapes.end(), [&](const Shape& s) { return s.name == a[0]; });
  if (shape == kShapes.end()) return reply::error("unknown command '" + shown(a[0]) + "'");
  const bool is_odd = a[0] == "mset" && a.size() % 2 == 0;
  if (a.size() < shape->least || a.size() > shape->most || is_odd)
    return reply::error("wrong number of arguments for '" + a[0] + "' command");
  return {};
}

}  // namespace

Session::Session(coppice::AcceptedSocket socket, std::shared_ptr<const ServerInfo> server)
    : TcpConnection{std::move(socket)},
      server_{std::move(server)},
      parser_{server_->limits},
      batches_(server_->shards.size()),
      places_(server_->shards.size()) {}

void Session::on_data(std::string_view bytes) {
  parser_.feed(bytes);
  RespParser::Arguments arguments;
  for (;;) {
    if (is_ending_) break;
    const auto status = parser_.next(arguments);
    if (status == RespParser::Status::More) break;
    if (status == RespParser::Status::Error) {
      answer(reply::error(parser_.error()));
      is_ending_ = true;
      break;
    }
    run(arguments);
  }
  send_batches();
  write_ready();
  if (pending_.size() > kPendingMost) pause_reading();
}

void Session::on_end_of_input() {
  is_ending_ = true;
  write_ready();
}

void Session::on_drain() { on_end_of_input(); }

void Session::run(RespParser::Arguments& a) {
  make_lower(a[0]);
  if (std::string fault = fault_of(a); !fault.empty()) return answer(std::move(fault));
  if (run_here(a)) return;
  const std::string& command = a[0];
  if (command == "mget") return add_keys(a, "get", Sum::Array);
  if (command == "mset") return add_keys(a, "set", Sum::Ok, 2);
  if (command == "del") return add_keys(a, "del", Sum::Number);
  if (command == "exists") return add_keys(a, "exists", Sum::Number);
  if (command == "dbsize") return add_all(a, Sum::Number);
  if (command == "flushall") return add_all(a, Sum::Ok);
  if (command == "keys") return add_all(a, Sum::Elements);
  if (command == "scan") return scan(a);
  begin(Sum::Reply, 1);
  const std::size_t shard = shard_of(a[1]);
  add_part(std::move(a), shard, 0);
}

/// What no shard is needed for.
bool Session::run_here(const RespParser::Arguments& a) {
  const std::string& command = a[0];
  if (command == "ping") {
    answer(a.size() == 1 ? "+PONG\r\n" : reply::bulk(a[1]));
  } else if (command == "echo") {
    answer(reply::bulk(a[1]));
  } else if (command == "select") {
    answer(a[1] == "0" ? reply::kOk : reply::error("DB index is out of range"));
  } else if (command == "client") {
    std::string what = a[1];
    make_lower(what);
    answer(what == "id" ? ":1\r\n" : what == "getname" ? reply::nothing(resp3_) : reply::kOk);
  } else if (command == "config") {
    std::string what = a[1];
    make_lower(what);
    answer(what == "get" && a.size() == 3 ? reply::array(2) + reply::bulk(a[2]) + reply::bulk("")
           : what == "get"                ? reply::array(0)
                                          : reply::error("CONFIG GET alone is known here"));
  } else if (command == "command") {
    answer(reply::array(0));
  } else if (command == "info") {
    answer(reply::bulk("# Server\r\nredis_version:7.0.0\r\nserver_name:coppice kv_server\r\nshards:" +
                       std::to_string(server_->shards.size()) + "\r\n"));
  } else if (command == "hello") {
    say_hello(a);
  } else if (command == "debug") {
    run_debug(a);
  } else if (command == "quit") {
    answer(reply::kOk);
    is_ending_ = true;
  } else {
    return false;
  }
  return true;
}

void Session::say_hello(const RespParser::Arguments& a) {
  if (a.size() > 1 && a[1] != "2" && a[1] != "3") return answer("-NOPROTO unsupported protocol version\r\n");
  if (a.size() > 1) resp3_ = a[1] == "3";
  const std::string head = resp3_ ? "%4\r\n" : reply::array(8);
  answer(head + reply::bulk("server") + reply::bulk("redis") + reply::bulk("version") + reply::bulk("7.0.0") +
         reply::bulk("proto") + reply::number(resp3_ ? 3 : 2) + reply::bulk("mode") + reply::bulk("standalone"));
}

void Session::run_debug(const RespParser::Arguments& a) {
  std::string what = a[1];
  make_lower(what);
  std::int64_t shard = 0;
  if (what == "crash-connection") throw std::runtime_error{"DEBUG CRASH-CONNECTION"};
  if (what != "crash-shard" || a.size() != 3 || !parse_number(a[2], shard) || shard < 0 ||
      shard >= static_cast<std::int64_t>(server_->shards.size()))
    return answer(reply::error("DEBUG CRASH-CONNECTION, or DEBUG CRASH-SHARD and a shard's number"));
  send_batches();  // what came before it is done before it
  server_->shards[static_cast<std::size_t>(shard)].send(CrashShard{});
  answer(reply::kOk);
}

/// A cursor is a shard's number: each call answers all of one shard, and every key that is there throughout is seen.
void Session::scan(const RespParser::Arguments& a) {
  std::int64_t cursor = 0;
  if (!parse_number(a[1], cursor) || cursor < 0) return answer(reply::error("invalid cursor"));
  std::string pattern = "*";
  for (std::size_t i = 2; i < a.size(); i += 2) {
    std::string option = a[i];
    make_lower(option);
    if (i + 1 == a.size() || (option != "match" && option != "count")) return answer(reply::error("syntax error"));
    if (option == "match") pattern = a[i + 1];
  }
  const auto shard = static_cast<std::size_t>(cursor);
  if (shard >= server_->shards.size()) return answer(reply::array(2) + reply::bulk("0") + reply::array(0));
  begin(Sum::Scan, 1).next_shard = (shard + 1) % server_->shards.size();
  add_part({"keys", std::move(pattern)}, shard, 0);
}

void Session::answer(std::string reply) { begin(Sum::Reply, 0).parts.push_back({std::move(reply)}); }

Session::Pending& Session::begin(Sum sum, std::size_t parts) {
  pending_.push_back({.sum = sum, .left = parts, .parts = std::vector<Answer>(parts)});
  return pending_.back();
}

void Session::add_part(Store::Arguments arguments, std::size_t shard, std::size_t part) {
  batches_[shard].parts.push_back({std::move(arguments), resp3_});
  places_[shard].push_back({first_ + pending_.size() - 1, part});
}

/// A part for each key, `step` words apart.
void Session::add_keys(const RespParser::Arguments& a, const char* each, Sum sum, std::size_t step) {
  begin(sum, (a.size() - 1) / step);
  for (std::size_t i = 1; i < a.size(); i += step) {
    Store::Arguments part{each};
    part.insert(part.end(), a.begin() + static_cast<std::ptrdiff_t>(i),
                a.begin() + static_cast<std::ptrdiff_t>(i + step));
    add_part(std::move(part), shard_of(a[i]), (i - 1) / step);
  }
}

void Session::add_all(const RespParser::Arguments& a, Sum sum) {
  begin(sum, server_->shards.size());
  for (std::size_t shard = 0; shard < server_->shards.size(); ++shard) add_part(a, shard, shard);
}

void Session::send_batches() {
  for (std::size_t shard = 0; shard < batches_.size(); ++shard) {
    if (batches_[shard].parts.empty()) continue;
    ask(server_->shards[shard], std::exchange(batches_[shard], {}), kShardAnswers)
        .then([this, places = std::exchange(places_[shard], {})](auto answers) {
          take_answers(places, std::move(answers));
        });
  }
}

void Session::take_answers(const std::vector<Place>& places,
                           coppice::Result<std::vector<Answer>, coppice::AskError> answers) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    Pending& pending = pending_[places[i].command - first_];
    pending.parts[places[i].part] =
        answers ? std::move((*answers)[i])
                : Answer{"-UNAVAILABLE the shard failed: " + std::string{to_string(answers.error())} + "\r\n"};
    --pending.left;
  }
  write_ready();
  if (pending_.size() < kPendingMost / 2) resume_reading();
}

void Session::write_ready() {
  while (!pending_.empty() && pending_.front().left == 0) {
    write(reply_of(pending_.front()));
    pending_.pop_front();
    ++first_;
  }
  if (is_ending_ && pending_.empty()) finish();
}

std::string Session::reply_of(Pending& pending) const {
  auto& parts = pending.parts;
  if (pending.sum == Sum::Reply) return std::move(parts[0].text);
  std::string text;
  std::int64_t number = 0;
  for (Answer& part : parts) {
    if (pending.sum != Sum::Array && part.text.starts_with('-')) return std::move(part.text);  // one failed: so has all
    number += part.number;
    if (pending.sum != Sum::Number && pending.sum != Sum::Ok) text += part.text;
  }
  switch (pending.sum) {
    case Sum::Number: return reply::number(number);
    case Sum::Ok: return reply::kOk;
    case Sum::Array: return reply::array(parts.size()) + text;
    case Sum::Elements: return reply::array(static_cast<std::size_t>(number)) + text;
    case Sum::Scan:
      return reply::array(2) + reply::bulk(std::to_string(pending.next_shard)) +
             reply::array(static_cast<std::size_t>(number)) + text;
    case Sum::Reply: break;
  }
  return {};
}

std::size_t Session::shard_of(std::string_view key) const { return ::shard_of(key, server_->shards.size()); }
