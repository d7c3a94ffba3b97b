#include "session.hpp"

#include <utility>

using namespace std::chrono_literals;

namespace {

// Under way, of one client; beyond that nothing more is read from it.
constexpr std::size_t kPendingMost = 10'000;  // commands
constexpr std::size_t kBytesMost = std::size_t{64} << 20;
constexpr auto kShardAnswers = 5s;

}  // namespace

Session::Session(coppice::AcceptedSocket socket, std::shared_ptr<const ServerInfo> server)
    : TcpConnection{std::move(socket)}, server_{std::move(server)}, parser_{server_->limits} {}

void Session::on_data(std::string_view bytes) {
  parser_.feed(bytes);
  Words words;
  for (;;) {
    if (is_ending_) break;
    const auto status = parser_.next(words);
    if (status == RespParser::Status::More) break;
    if (status == RespParser::Status::Error) {
      answer(reply::error(parser_.error()));
      is_ending_ = true;
      break;
    }
    run(words);
  }
  send_outgoing();
  write_ready();
  if (has_much_under_way()) pause_reading();
}

void Session::on_end_of_input() {
  is_ending_ = true;
  write_ready();
}

void Session::on_drain() { on_end_of_input(); }

void Session::run(Words& words) {
  const CommandInfo* const info = find_command(words[0]);
  if (std::string fault = fault_of(info, words); !fault.empty()) {
    if (transaction_) transaction_->is_spoilt = true;
    return answer(std::move(fault));
  }
  if (run_transaction(*info, words) || run_channels(*info, words) || run_here(*info, words)) return;
  run_on_shards(*info, words);
}

void Session::answer(std::string reply) { pending_.push(Sum::Reply, 0).only.text = std::move(reply); }

/// Of the command that was pushed last.
void Session::add_part(const CommandInfo& info, Words words, std::size_t shard, std::size_t part) {
  if (outgoing_.empty()) outgoing_.resize(server_->shards.size());
  std::size_t bytes = 0;
  for (const std::string& word : words) bytes += word.size();
  bytes_asked_ += bytes;
  outgoing_[shard].batch.parts.push_back({&info, std::move(words), resp3_});
  outgoing_[shard].places.push_back({pending_.last(), part, bytes});
}

void Session::send_outgoing() {
  for (std::size_t shard = 0; shard < outgoing_.size(); ++shard) {
    if (outgoing_[shard].places.empty()) continue;
    ask(server_->shards[shard], std::exchange(outgoing_[shard].batch, {}), kShardAnswers)
        .then([this, places = std::exchange(outgoing_[shard].places, {})](auto answers) {
          take_answers(places, std::move(answers));
        });
  }
}

void Session::take_answers(const std::vector<Place>& places, coppice::Result<Answers, coppice::AskError> answers) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    Pending& pending = pending_[places[i].command];
    pending.part(places[i].part) =
        answers ? std::move((*answers)[i])
                : Answer{"-UNAVAILABLE the shard failed: " + std::string{to_string(answers.error())} + "\r\n"};
    --pending.left;
    bytes_asked_ -= places[i].bytes;
  }
  write_ready();
  if (!has_much_under_way()) resume_reading();
}

bool Session::has_much_under_way() const noexcept {
  return pending_.size() > kPendingMost || bytes_asked_ > kBytesMost;
}

void Session::write_ready() {
  while (!pending_.empty() && pending_.front().left == 0) {
    Pending& ready = pending_.front();
    if (!ready.publishings.empty()) publish(ready);
    write(ready.reply());
    pending_.pop();
  }
  if (is_ending_ && pending_.empty()) finish();
}
