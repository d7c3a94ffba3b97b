#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "session.hpp"

namespace {

constexpr const char* kVersion = "7.0.0";  // of Redis, whose commands these are

}  // namespace

bool Session::run_here(const CommandInfo& info, const Words& words) {
  switch (info.command) {
    case Command::Debug: run_debug(words); return true;
    case Command::Hello: answer(say_hello(words)); return true;
    case Command::Quit:
      answer(reply::kOk);
      is_ending_ = true;
      return true;
    case Command::Reset:
      reset();
      answer("+RESET\r\n");
      return true;
    default: break;
  }
  auto text = reply_here(info.command, words);
  if (text) answer(std::move(*text));
  return text.has_value();
}

/// What is answered at once, in a transaction too.
std::optional<std::string> Session::reply_here(Command command, const Words& words) {
  switch (command) {
    case Command::Ping: return words.size() == 1 ? "+PONG\r\n" : reply::bulk(words[1]);
    case Command::Echo: return reply::bulk(words[1]);
    case Command::Select: return words[1] == "0" ? reply::kOk : reply::error("DB index is out of range");
    case Command::Client: return tell_client(words);
    case Command::Config: return tell_config(words);
    case Command::Command: return tell_commands(words);
    case Command::Info: return tell_info();
    default: return std::nullopt;
  }
}

std::string Session::tell_client(const Words& words) {
  const std::string what = lower(words[1]);
  if (what == "id" && words.size() == 2) return reply::number(static_cast<std::int64_t>(cell().id()));
  if (what == "getname" && words.size() == 2) return name_.empty() ? reply::nothing(resp3_) : reply::bulk(name_);
  if (what == "setname" && words.size() == 3) {
    if (words[2].find_first_of(" \r\n") != std::string::npos)
      return reply::error("Client names cannot contain spaces, newlines or special characters.");
    name_ = words[2];
    return reply::kOk;
  }
  if ((what == "info" || what == "list") && words.size() == 2)
    return reply::bulk("id=" + std::to_string(cell().id()) + " addr=" + peer() + " name=" + name_ +
                       " resp=" + (resp3_ ? "3" : "2") + "\n");
  if (what == "setinfo" || what == "no-evict" || what == "no-touch") return reply::kOk;
  return reply::error("unknown subcommand or wrong number of arguments for '" + what.substr(0, 128) +
                      "': CLIENT GETNAME, ID, INFO, LIST, SETINFO and SETNAME are known here");
}

std::string Session::tell_config(const Words& words) const {
  const std::string what = lower(words[1]);
  if (what == "resetstat" && words.size() == 2) return reply::kOk;
  if (what != "get" || words.size() < 3) return reply::error("CONFIG GET alone is known here");
  const std::pair<std::string_view, std::string_view> settings[] = {{"appendonly", server_->is_kept ? "yes" : "no"},
                                                                    {"databases", "1"},
                                                                    {"maxmemory", "0"},
                                                                    {"save", ""},
                                                                    {"timeout", "0"}};
  std::size_t count = 0;
  std::string text;
  for (const auto& [name, value] : settings) {
    bool is_asked = false;
    for (std::size_t i = 2; i < words.size(); ++i) is_asked = is_asked || matches(lower(words[i]), name);
    if (!is_asked) continue;
    ++count;
    text += reply::bulk(name) + reply::bulk(value);
  }
  return reply::map(count, resp3_) + text;
}

std::string Session::tell_commands(const Words& words) const {
  const std::string what = words.size() == 1 ? "" : lower(words[1]);
  if (what.empty()) return describe_commands();
  if (what == "count") return reply::number(static_cast<std::int64_t>(count_commands()));
  if (what == "docs") return reply::map(0, resp3_);  // redis-cli shows no hints then
  return reply::error("COMMAND, COMMAND COUNT and COMMAND DOCS are known here");
}

std::string Session::tell_info() const {
  return reply::bulk("# Server\r\nredis_version:" + std::string{kVersion} +
                     "\r\nserver_name:coppice kv_server\r\nredis_mode:standalone\r\nprocess_id:" +
                     std::to_string(::getpid()) + "\r\nshards:" + std::to_string(server_->shards.size()) + "\r\n");
}

std::string Session::say_hello(const Words& words) {
  if (words.size() > 1 && words[1] != "2" && words[1] != "3") return "-NOPROTO unsupported protocol version\r\n";
  std::string name = name_;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::string option = lower(words[i]);
    if (option == "auth" && i + 2 < words.size()) return reply::error("Client sent AUTH, but no password is set");
    if (option != "setname" || i + 1 >= words.size())
      return reply::error("Syntax error in HELLO option '" + option.substr(0, 128) + "'");
    name = words[++i];
  }
  name_ = std::move(name);
  if (words.size() > 1) resp3_ = words[1] == "3";
  return reply::map(6, resp3_) + reply::bulk("server") + reply::bulk("redis") + reply::bulk("version") +
         reply::bulk(kVersion) + reply::bulk("proto") + reply::number(resp3_ ? 3 : 2) + reply::bulk("id") +
         reply::number(static_cast<std::int64_t>(cell().id())) + reply::bulk("mode") + reply::bulk("standalone") +
         reply::bulk("modules") + reply::array(0);
}

void Session::run_debug(const Words& words) {
  const std::string what = lower(words[1]);
  std::int64_t shard = 0;
  if (what == "crash-connection") throw std::runtime_error{"DEBUG CRASH-CONNECTION"};
  if (what != "crash-shard" || words.size() != 3 || !parse_number(words[2], shard) || shard < 0 ||
      shard >= static_cast<std::int64_t>(server_->shards.size()))
    return answer(reply::error("DEBUG CRASH-CONNECTION, or DEBUG CRASH-SHARD and a shard's number"));
  send_outgoing();  // what came before it goes first, unless its shard has not answered what went before that
  server_->shards[static_cast<std::size_t>(shard)].send(CrashShard{});
  answer(reply::kOk);
}

void Session::reset() {
  transaction_.reset();
  hearing_.reset();
  name_.clear();
  resp3_ = false;
}
