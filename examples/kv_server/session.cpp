#include "session.hpp"

#include <iterator>
#include <utility>

using namespace std::chrono_literals;

namespace {

// Under way, of one client; beyond that nothing more is read from it.
constexpr std::size_t kPendingMost = 10'000;  // commands
constexpr std::size_t kAnsweredMost = std::size_t{4} << 20;
constexpr std::size_t kUnsentMost = std::size_t{1} << 20;
constexpr std::size_t kBytesMost = std::size_t{64} << 20;
constexpr std::size_t kRequestBytes = 36;                   // of a small one
constexpr std::size_t kPartsAtOnce = 8;                     // to a shard, of a pipeline
constexpr std::size_t kReplyMost = std::size_t{512} << 20;  // of several shards together; as of one
constexpr auto kShardAnswers = 5s;

}  // namespace

Session::Session(coppice::AcceptedSocket socket, std::shared_ptr<const ServerInfo> server)
    : TcpConnection{std::move(socket)}, server_{std::move(server)}, parser_{server_->limits} {}

void Session::on_data(std::string_view bytes) {
  if (is_ending_) return;
  if (!parser_.has_begun()) request_since_ = now();
  parser_.feed(bytes);
  if (pending_.empty()) pending_.expect(bytes.size() / kRequestBytes + 1);
  Words words;
  while (!is_ending_) {
    const auto status = parser_.next(words);
    if (status == RespParser::Status::More) break;
    if (status == RespParser::Status::Error) {
      answer(reply::error(parser_.error()));
      is_ending_ = true;
      break;
    }
    request_since_ = now();  // of the next
    run(words);
  }
  if (!is_ending_ && parser_.has_begun()) watch_request();
  write_ready();
  if (has_much_under_way()) pause_reading();
}

/// One timer at most, which is left alone when a request is whole in time: hardly any is not.
void Session::watch_request() {
  if (!request_timer_.is_active()) request_timer_ = send_after(server_->request_within, LookAtRequest{});
}

void Session::handle(LookAtRequest) {
  if (!parser_.has_begun() || is_ending_) return;
  const auto left = server_->request_within - (now() - request_since_);
  if (left > coppice::Duration::zero()) {
    request_timer_ = send_after(left, LookAtRequest{});
    return;
  }
  answer(reply::error("the request took too long to come"));
  is_ending_ = true;
  write_ready();
}

void Session::on_all_sent() { write_ready(); }

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
void Session::add_part(const CommandInfo& info, Words words, std::size_t shard, std::size_t part, bool is_joined) {
  if (outgoing_.empty()) outgoing_.resize(server_->shards.size());
  std::size_t bytes = 0;
  for (const std::string& word : words) bytes += word.size();
  bytes_asked_ += bytes;
  if (outgoing_[shard].places.empty() && pending_.size() > 1) {
    outgoing_[shard].batch.parts.reserve(kPartsAtOnce);
    outgoing_[shard].places.reserve(kPartsAtOnce);
  }
  outgoing_[shard].batch.parts.push_back({&info, std::move(words), resp3_, is_joined});
  outgoing_[shard].places.push_back({pending_.last(), part, bytes});
}

/// A shard is asked again when it has answered, so that what it gives back keeps its turn; and not while a client leaves
/// much of what it has asked for unread, but for what the others wait for.
void Session::send_outgoing() {
  if (unsent() >= kUnsentMost) return;
  for (std::size_t shard = 0; shard < outgoing_.size(); ++shard) {
    Outgoing& next = outgoing_[shard];
    if (next.is_asked || next.places.empty()) continue;
    if (answered_bytes_ > kAnsweredMost && next.places.front().command != pending_.first()) continue;
    next.is_asked = true;
    ask(server_->shards[shard], std::exchange(next.batch, {}), kShardAnswers)
        .then([this, shard, places = std::exchange(next.places, {})](auto answers) mutable {
          take_answers(shard, places, std::move(answers));
        });
  }
}

void Session::take_answer(const Place& place, Answer answer) {
  Pending& pending = pending_[place.command];
  --pending.left;
  bytes_asked_ -= place.bytes;
  if (pending.is_too_large) return;
  pending.answered_bytes += answer.text.size();
  answered_bytes_ += answer.text.size();
  pending.part(place.part) = std::move(answer);
  // Of a transaction, which has been done, its shard has seen to that.
  if (pending.sum == Sum::Transaction || pending.parts.empty() || pending.answered_bytes <= kReplyMost) return;
  answered_bytes_ -= pending.answered_bytes;
  pending.give_up();
}

void Session::take_answers(std::size_t shard, std::vector<Place>& places,
                           coppice::Result<Answers, coppice::AskError> answers) {
  Outgoing& next = outgoing_[shard];
  next.is_asked = false;
  const std::size_t count = answers ? answers->all.size() : places.size();
  for (std::size_t i = 0; i < count; ++i) {
    Answer part = answers
                      ? std::move(answers->all[i])
                      : Answer{"-UNAVAILABLE the shard failed: " + std::string{to_string(answers.error())} + "\r\n"};
    take_answer(places[i], std::move(part));
  }
  if (count < places.size()) {
    next.places.insert(next.places.begin(), places.begin() + static_cast<std::ptrdiff_t>(count), places.end());
    auto& parts = next.batch.parts;
    parts.insert(parts.begin(), std::make_move_iterator(answers->rest.begin()),
                 std::make_move_iterator(answers->rest.end()));
  }
  write_ready();
  if (!has_much_under_way()) resume_reading();
}

bool Session::has_much_under_way() const noexcept {
  return pending_.size() > kPendingMost || bytes_asked_ > kBytesMost;
}

/// What the peer does not take yet stays here: to write it would cost its memory twice. A large reply is written when all
/// before it has gone, or a peer that is no more than slower than that would have too much unsent, and be reset.
void Session::write_ready() {
  if (std::exchange(writes_, true)) return;  // all has been sent in the midst of it
  while (!pending_.empty() && pending_.front().left == 0 && unsent() < kUnsentMost) {
    Pending& ready = pending_.front();
    if (!ready.publishings.empty()) publish(ready);
    std::string text = ready.reply();
    if (unsent() != 0 && text.size() > kUnsentMost - unsent()) {
      ready.wait_with(std::move(text));
      break;
    }
    heard_bytes_ -= ready.heard_bytes;
    answered_bytes_ -= ready.answered_bytes;
    write(text);
    pending_.pop();
  }
  writes_ = false;
  send_outgoing();
  if (!pending_.empty()) return;
  outgoing_ = std::vector<Outgoing>{};  // there is none, and an idle connection shall hold little
  if (is_ending_) finish();
}
