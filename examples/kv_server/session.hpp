#pragma once

#include <coppice/coppice.hpp>
#include <coppice/io/tcp_connection.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "resp_parser.hpp"
#include "shard.hpp"

/// What all sessions know of the server.
struct ServerInfo {
  std::vector<coppice::ActorRef<Shard>> shards;
  RespLimits limits = {};
};

/// One client: reads its commands, has the shards do them, and answers in their order. What stands in one piece of input
/// goes to each shard as one message, so that a pipeline costs one ask a shard.
class Session : public coppice::TcpConnection<Session> {
 public:
  Session(coppice::AcceptedSocket socket, std::shared_ptr<const ServerInfo> server);
  void on_data(std::string_view bytes);
  void on_end_of_input();
  void on_drain();

 private:
  /// What the parts of a command come to together.
  enum class Sum : unsigned char { Reply, Number, Ok, Array, Elements, Scan };
  /// One command whose answer is not there yet, or waits for those before it.
  struct Pending {
    Sum sum = Sum::Reply;
    std::size_t left = 0;
    std::size_t next_shard = 0;  // of a scan
    std::vector<Answer> parts;
  };
  /// Where an answer of a shard belongs.
  struct Place {
    std::uint64_t command;
    std::size_t part;
  };

  void run(RespParser::Arguments& arguments);
  bool run_here(const RespParser::Arguments& arguments);
  void run_debug(const RespParser::Arguments& arguments);
  void say_hello(const RespParser::Arguments& arguments);
  void scan(const RespParser::Arguments& arguments);
  void answer(std::string reply);
  Pending& begin(Sum sum, std::size_t parts);
  void add_part(Store::Arguments arguments, std::size_t shard, std::size_t part);
  void add_keys(const RespParser::Arguments& arguments, const char* each, Sum sum, std::size_t step = 1);
  void add_all(const RespParser::Arguments& arguments, Sum sum);
  void send_batches();
  void take_answers(const std::vector<Place>& places, coppice::Result<std::vector<Answer>, coppice::AskError> answers);
  void write_ready();
  [[nodiscard]] std::string reply_of(Pending& pending) const;
  [[nodiscard]] std::size_t shard_of(std::string_view key) const;

  std::shared_ptr<const ServerInfo> server_;
  RespParser parser_;
  std::deque<Pending> pending_;
  std::uint64_t first_ = 0;  // the number of the command at the front
  std::vector<Batch> batches_;
  std::vector<std::vector<Place>> places_;
  bool resp3_ = false;
  bool is_ending_ = false;  // when all is answered
};
