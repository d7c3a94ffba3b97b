#pragma once

#include <coppice/coppice.hpp>
#include <coppice/io/tcp_connection.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "channels.hpp"
#include "commands.hpp"
#include "pending.hpp"
#include "resp_parser.hpp"
#include "shard.hpp"

/// What all sessions know of the server.
struct ServerInfo {
  std::vector<coppice::ActorRef<Shard>> shards = {};
  RespLimits limits = {};
  std::shared_ptr<Channels> channels = nullptr;
  bool is_kept = false;                                         ///< there are logs
  coppice::Duration request_within = std::chrono::seconds{30};  ///< from a request's first byte to its last
};

/// One client: reads its commands, has the shards do them, and answers in their order. What stands in one piece of input
/// goes to each shard as one message, so that a pipeline costs one ask a shard.
class Session : public coppice::TcpConnection<Session> {
 public:
  Session(coppice::AcceptedSocket socket, std::shared_ptr<const ServerInfo> server);
  void on_data(std::string_view bytes);
  void on_end_of_input();
  void on_drain();
  void on_all_sent();
  void handle(const ChannelMessage& message);
  struct LookAtRequest {};
  void handle(LookAtRequest);

 private:
  /// Where an answer of a shard belongs.
  struct Place {
    std::uint64_t command;
    std::size_t part;
    std::size_t bytes;  // of its words
  };
  /// What goes to one shard next, when it has answered what it was asked before.
  struct Outgoing {
    Batch batch;
    std::vector<Place> places;
    bool is_asked = false;
  };
  /// Between MULTI and EXEC.
  struct Transaction {
    struct Queued {
      const CommandInfo* info;
      Words words;
    };
    std::vector<Queued> queued;
    std::optional<std::size_t> shard;  // that all its keys are in
    std::size_t bytes = 0;
    bool is_spoilt = false;  // a command of it was refused
  };
  /// What it listens to. In RESP2 a client that listens may say little else.
  struct Hearing {
    std::map<std::string, Channels::Listening> channels;
    std::map<std::string, Channels::Listening> patterns;
    [[nodiscard]] std::size_t size() const noexcept { return channels.size() + patterns.size(); }
  };

  // ---- session.cpp: commands come, answers go ----
  void run(Words& words);
  void answer(std::string reply);
  void add_part(const CommandInfo& info, Words words, std::size_t shard, std::size_t part, bool is_joined = false);
  void send_outgoing();
  void take_answer(const Place& place, Answer answer);
  void take_answers(std::size_t shard, std::vector<Place>& places, coppice::Result<Answers, coppice::AskError> answers);
  void write_ready();
  [[nodiscard]] bool has_much_under_way() const noexcept;
  void watch_request();

  // ---- session_keys.cpp: what shards do ----
  void run_on_shards(const CommandInfo& info, Words& words);
  void split(const CommandInfo& info, const Words& words);
  void scan(const Words& words);
  [[nodiscard]] std::size_t shard_of(std::string_view key) const;
  /// Of all its keys; nothing: they are in several.
  [[nodiscard]] std::optional<std::size_t> common_shard(const CommandInfo& info, const Words& words) const;

  // ---- session_here.cpp: what no shard is needed for ----
  [[nodiscard]] bool run_here(const CommandInfo& info, const Words& words);
  [[nodiscard]] std::optional<std::string> reply_here(Command command, const Words& words);
  [[nodiscard]] std::string say_hello(const Words& words);
  [[nodiscard]] std::string tell_client(const Words& words);
  [[nodiscard]] std::string tell_config(const Words& words) const;
  [[nodiscard]] std::string tell_commands(const Words& words) const;
  [[nodiscard]] std::string tell_info() const;
  void run_debug(const Words& words);
  void reset();

  // ---- session_transaction.cpp ----
  [[nodiscard]] bool run_transaction(const CommandInfo& info, Words& words);
  void queue(const CommandInfo& info, Words& words);
  void execute();

  // ---- session_channels.cpp ----
  [[nodiscard]] bool run_channels(const CommandInfo& info, const Words& words);
  void subscribe(bool is_pattern, const Words& names);
  void unsubscribe(bool is_pattern, const Words& words);
  void confirm(std::string_view what, const std::string* name);
  void publish(Pending& pending);
  [[nodiscard]] bool is_hearing() const noexcept { return hearing_ && hearing_->size() != 0; }

  std::shared_ptr<const ServerInfo> server_;
  RespParser parser_;
  PendingCommands pending_;
  std::vector<Outgoing> outgoing_;  // none, or one for each shard
  std::unique_ptr<Transaction> transaction_;
  std::unique_ptr<Hearing> hearing_;
  coppice::TimePoint request_since_{};  // when the one that is not whole yet began to come
  coppice::TimerHandle request_timer_;  // looks after it
  std::size_t answered_bytes_ = 0;      // by shards, that wait to be written
  std::size_t heard_bytes_ = 0;         // of messages of channels that wait to be written
  std::string name_;                    // by CLIENT SETNAME
  std::size_t bytes_asked_ = 0;         // of words that shards have not answered yet
  bool resp3_ = false;
  bool writes_ = false;     // write_ready() is at work
  bool is_ending_ = false;  // when all is answered
};
