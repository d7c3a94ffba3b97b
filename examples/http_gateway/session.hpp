#pragma once

#include <chrono>
#include <coppice/coppice.hpp>
#include <coppice/io/tcp_connection.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http_parser.hpp"
#include "response.hpp"
#include "shard.hpp"

/// What all sessions know of the server.
struct ServerInfo {
  std::vector<coppice::ActorRef<Shard>> shards;
  HttpLimits limits = {};
  coppice::Duration request_within = std::chrono::seconds{10};  ///< from a request's first byte to its last
  coppice::Duration shard_within = std::chrono::seconds{2};     ///< then it is answered with 503
  std::size_t pipeline_max = 32;                                ///< requests at work at once for one connection
  std::size_t unsent_max = std::size_t{1024} * 1024;  ///< bytes; with more no answer is made, no request begun
};

/// One client: reads requests, has the shards do them, and answers in their order. What it holds of a client that asks
/// for much and takes little is bounded: nothing more is read while there are requests that cannot be begun.
class Session : public coppice::TcpConnection<Session> {
 public:
  struct RequestLate {};

  Session(coppice::AcceptedSocket socket, std::shared_ptr<const ServerInfo> server);
  void on_data(std::string_view bytes);
  void on_end_of_input();
  void on_all_sent();
  void on_drain();
  void handle(RequestLate);

 private:
  /// A request whose answer is not there yet, or waits for those before it.
  struct Pending {
    bool is_1_0 = false;
    bool is_head = false;
    std::optional<Response> response = {};
  };

  /// Does whatever can be done now: answers, begins requests, reads on, ends.
  void go_on();
  void begin_requests();
  [[nodiscard]] bool has_room() const { return unsent() < server_->unsent_max; }
  [[nodiscard]] bool is_all_answered() const { return queued_.empty() && pending_.empty() && !last_; }
  void pause_or_resume();
  void run(const HttpRequest& request);
  void route(std::uint64_t number, const HttpRequest& request);
  void route_key(std::uint64_t number, const HttpRequest& request, const std::string& key);
  void increment(std::uint64_t number, const HttpRequest& request, const std::string& key);
  void crash(std::uint64_t number, const HttpRequest& request, const std::vector<std::string>& path);
  void count_keys(std::uint64_t number);
  template <class M>
  void ask_shard(std::uint64_t number, const std::string& key, M message);
  void take_answer(std::uint64_t number, const std::string& key, coppice::Result<Answer, coppice::AskError> answer);
  void refuse_method(std::uint64_t number, const char* allowed);
  void respond(std::uint64_t number, Response response);
  /// Answers `response` after all that is pending, and ends.
  void respond_and_end(Response response);
  void write_ready();
  void watch_time();

  std::shared_ptr<const ServerInfo> server_;
  HttpParser parser_;
  std::deque<HttpRequest> queued_;  // whole, and not begun
  std::deque<Pending> pending_;
  std::optional<Response> last_;  // ends the connection, behind all of those
  std::uint64_t first_ = 0;       // the number of the request at the front
  coppice::TimerHandle late_;
  bool wants_continue_ = false;  // the request that is on its way waits for "100 Continue"
  bool is_going_on_ = false;
  bool is_paused_ = false;
  bool is_ending_ = false;  // nothing is read any more; when all is answered it finishes
};
