#include "session.hpp"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "target.hpp"

using namespace coppice;

namespace {

Response unavailable(AskError why) {
  Response response = error_response(503, std::string{"the shard did not answer: "} + to_string(why));
  response.headers = "Retry-After: 1\r\n";
  return response;
}

/// What a sum over all shards waits for.
struct Count {
  std::size_t left;
  std::size_t keys = 0;
  std::optional<AskError> failed = {};
};

}  // namespace

Session::Session(AcceptedSocket socket, std::shared_ptr<const ServerInfo> server)
    : TcpConnection{std::move(socket)}, server_{std::move(server)}, parser_{server_->limits} {}

void Session::on_data(std::string_view bytes) {
  if (is_ending_) return;
  HttpParser::Result result = parser_.feed(bytes);
  if (!result.requests.empty()) {
    late_ = {};  // their time is over; another one's begins with its first byte
    wants_continue_ = false;
  }
  for (HttpRequest& request : result.requests) {
    is_ending_ = !request.keep_alive;
    queued_.push_back(std::move(request));
    if (is_ending_) return go_on();  // nobody looks at what is behind the last one
  }
  if (result.status != 0) return respond_and_end(error_response(result.status, result.error));
  if (result.wants_continue) wants_continue_ = true;
  go_on();
  watch_time();
}

/// The peer has said all; those requests that are whole are answered.
void Session::on_end_of_input() {
  is_ending_ = true;
  go_on();
}

void Session::on_all_sent() { go_on(); }

void Session::on_drain() { on_end_of_input(); }

void Session::handle(RequestLate) {
  if (!is_ending_) respond_and_end(error_response(408, "the request did not come in time"));
}

/// A request that has begun must be whole in time, however busily its bytes drip in. While we do not read it has none.
void Session::watch_time() {
  if (is_ending_ || is_paused_ || !parser_.is_inside()) {
    late_ = {};
  } else if (!late_.is_active()) {
    late_ = send_after(server_->request_within, RequestLate{});
  }
}

void Session::go_on() {
  if (is_going_on_ || !is_open()) return;  // what is done below may come here again
  is_going_on_ = true;
  begin_requests();
  is_going_on_ = false;
  pause_or_resume();
  if (is_ending_) {
    if (is_all_answered()) finish();
  } else if (wants_continue_ && is_all_answered()) {
    wants_continue_ = false;
    write("HTTP/1.1 100 Continue\r\n\r\n");
  }
}

/// A request that is answered at once makes place for the next.
void Session::begin_requests() {
  write_ready();
  while (!queued_.empty() && pending_.size() < server_->pipeline_max && has_room()) {
    const HttpRequest request = std::move(queued_.front());
    queued_.pop_front();
    run(request);
    write_ready();
  }
  if (!last_ || !queued_.empty()) return;
  pending_.push_back({.response = std::exchange(last_, std::nullopt)});
  write_ready();
}

void Session::pause_or_resume() {
  if (is_paused_ == !queued_.empty()) return;
  is_paused_ = !is_paused_;
  if (is_paused_) {
    pause_reading();
  } else {
    resume_reading();
  }
  watch_time();
}

void Session::run(const HttpRequest& request) {
  const std::uint64_t number = first_ + pending_.size();
  pending_.push_back({.is_1_0 = request.is_1_0, .is_head = request.method == "HEAD"});
  route(number, request);
}

void Session::route(std::uint64_t number, const HttpRequest& request) {
  const Path path = path_of(request.target);
  if (!path) return respond(number, error_response(400, "the target cannot be decoded"));
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (path->empty()) {
    if (!reads) return refuse_method(number, "GET, HEAD");
    return respond(number, {200, fmt::format(R"({{"shards":{}}})", server_->shards.size())});
  }
  const std::string& first = path->front();
  if (first == "keys" && path->size() == 1) return reads ? count_keys(number) : refuse_method(number, "GET, HEAD");
  if (first == "keys" && path->size() == 2) return route_key(number, request, (*path)[1]);
  if (first == "keys" && path->size() == 3 && path->back() == "increment")
    return increment(number, request, (*path)[1]);
  if (first == "keys" && path->size() == 3 && path->back() == "crash") {
    if (request.method != "POST") return refuse_method(number, "POST");
    return ask_shard(number, (*path)[1], CrashOnKey{(*path)[1]});
  }
  if (first == "crash") return crash(number, request, *path);
  respond(number, error_response(404, "there is nothing of that name"));
}

void Session::route_key(std::uint64_t number, const HttpRequest& request, const std::string& key) {
  if (request.method == "GET" || request.method == "HEAD") return ask_shard(number, key, GetKey{key});
  if (request.method == "DELETE") return ask_shard(number, key, DeleteKey{key});
  if (request.method != "PUT") return refuse_method(number, "GET, HEAD, PUT, DELETE");
  // Looked at and not taken apart: what is kept is the text, so however deep it is, nobody walks through it.
  if (!nlohmann::json::accept(request.body)) return respond(number, error_response(400, "the body is not JSON"));
  ask_shard(number, key, PutKey{key, request.body});
}

void Session::increment(std::uint64_t number, const HttpRequest& request, const std::string& key) {
  if (request.method != "POST") return refuse_method(number, "POST");
  std::optional<std::int64_t> by = 1;
  if (!request.body.empty()) by = whole_number(request.body);
  if (!by) return respond(number, error_response(400, "the body is not a whole number"));
  ask_shard(number, key, IncrementKey{key, *by});
}

/// POST /crash/connection and POST /crash/shard/N: what is asked for is a failure, and nobody else shall feel it.
void Session::crash(std::uint64_t number, const HttpRequest& request, const std::vector<std::string>& path) {
  const bool is_connection = path.size() == 2 && path[1] == "connection";
  const bool is_shard = path.size() == 3 && path[1] == "shard";
  if (!is_connection && !is_shard) return respond(number, error_response(404, "there is nothing of that name"));
  if (request.method != "POST") return refuse_method(number, "POST");
  if (is_connection) throw std::runtime_error{"POST /crash/connection"};
  const auto which = whole_number(path[2]);
  if (!which || *which < 1 || static_cast<std::uint64_t>(*which) > server_->shards.size())
    return respond(number, error_response(404, "there is no such shard"));
  server_->shards[static_cast<std::size_t>(*which) - 1].send(CrashShard{});
  respond(number, {202, fmt::format(R"({{"crashed":{}}})", *which)});
}

void Session::count_keys(std::uint64_t number) {
  const auto count = std::make_shared<Count>(Count{server_->shards.size()});
  for (const ActorRef<Shard>& shard : server_->shards) {
    ask(shard, CountKeys{}, server_->shard_within)
        .then([this, number, count](const Result<std::size_t, AskError>& keys) {
          if (keys) count->keys += *keys;
          if (!keys) count->failed = keys.error();
          if (--count->left > 0) return;
          if (count->failed) return respond(number, unavailable(*count->failed));
          respond(number, {200, fmt::format(R"({{"keys":{}}})", count->keys)});
        });
  }
}

template <class M>
void Session::ask_shard(std::uint64_t number, const std::string& key, M message) {
  if (json_string(key).empty()) return respond(number, error_response(400, "the key is not UTF-8"));
  const std::size_t shard = std::hash<std::string>{}(key) % server_->shards.size();
  ask(server_->shards[shard], std::move(message), server_->shard_within)
      .then([this, number, key](Result<Answer, AskError> answer) { take_answer(number, key, std::move(answer)); });
}

void Session::take_answer(std::uint64_t number, const std::string& key, Result<Answer, AskError> answer) {
  if (!answer) return respond(number, unavailable(answer.error()));
  if (answer->status == 404) return respond(number, error_response(404, "there is no such key"));
  if (answer->status == 409) return respond(number, error_response(409, "the value is no whole number that fits"));
  std::string body = R"({"key":)" + json_string(key);
  if (!answer->value.empty()) body += R"(,"value":)" + answer->value;
  respond(number, {answer->status, body + '}'});
}

void Session::refuse_method(std::uint64_t number, const char* allowed) {
  Response response = error_response(405, std::string{"this can be asked for with "} + allowed);
  response.headers = fmt::format("Allow: {}\r\n", allowed);
  respond(number, std::move(response));
}

void Session::respond(std::uint64_t number, Response response) {
  pending_[number - first_].response = std::move(response);
  go_on();
}

void Session::respond_and_end(Response response) {
  late_ = {};
  is_ending_ = true;
  last_ = std::move(response);
  go_on();
}

/// Answers go out in the order of the requests.
void Session::write_ready() {
  while (!pending_.empty() && pending_.front().response && has_room()) {
    const Pending next = std::move(pending_.front());
    pending_.pop_front();
    ++first_;
    const bool is_last = is_ending_ && is_all_answered();
    write(wire_text(*next.response, {.close = is_last, .is_1_0 = next.is_1_0, .with_body = !next.is_head}));
  }
}
