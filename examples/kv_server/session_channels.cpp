#include <utility>

#include "session.hpp"

// SUBSCRIBE and its like, and PUBLISH.

namespace {

constexpr std::size_t kHeardBytesMost = std::size_t{32}
                                        << 20;  // that wait for a client: it is closed then, as by Redis
constexpr std::size_t kHearingMost = 100'000;   // channels and patterns of one client

}  // namespace

bool Session::run_channels(const CommandInfo& info, const Words& words) {
  switch (info.command) {
    case Command::Subscribe:
    case Command::Psubscribe: subscribe(info.command == Command::Psubscribe, words); return true;
    case Command::Unsubscribe:
    case Command::Punsubscribe: unsubscribe(info.command == Command::Punsubscribe, words); return true;
    case Command::Publish:  // in its turn: who hears of it finds done what was done before it
      pending_.push(Sum::Reply, 0).publishings.push_back({0, words[1], words[2]});
      return true;
    default: break;
  }
  if (resp3_ || !is_hearing() || info.command == Command::Quit || info.command == Command::Reset) return false;
  if (info.command == Command::Ping) {
    answer(reply::array(2) + reply::bulk("pong") + reply::bulk(words.size() == 1 ? "" : words[1]));
  } else {
    answer(reply::error("Can't execute '" + std::string{info.name} +
                        "': only (P)SUBSCRIBE / (P)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"));
  }
  return true;
}

void Session::subscribe(bool is_pattern, const Words& words) {
  if (!hearing_) hearing_ = std::make_unique<Hearing>();
  auto& heard = is_pattern ? hearing_->patterns : hearing_->channels;
  Channels& channels = *server_->channels;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (hearing_->size() >= kHearingMost) return answer(reply::error("a client may listen to no more"));
    if (!heard.contains(words[i]))
      heard.emplace(words[i],
                    is_pattern ? channels.listen_to_pattern(words[i], self()) : channels.listen(words[i], self()));
    confirm(is_pattern ? "psubscribe" : "subscribe", &words[i]);
  }
}

void Session::unsubscribe(bool is_pattern, const Words& words) {
  const char* const what = is_pattern ? "punsubscribe" : "unsubscribe";
  Hearing none;
  auto& hearing = hearing_ ? *hearing_ : none;
  auto& heard = is_pattern ? hearing.patterns : hearing.channels;
  for (std::size_t i = 1; i < words.size(); ++i) {
    heard.erase(words[i]);
    confirm(what, &words[i]);
  }
  if (words.size() > 1) return;
  if (heard.empty()) return confirm(what, nullptr);
  while (!heard.empty()) {
    const std::string name = heard.begin()->first;
    heard.erase(heard.begin());
    confirm(what, &name);
  }
}

void Session::confirm(std::string_view what, const std::string* name) {
  answer(reply::push(3, resp3_) + reply::bulk(what) + (name == nullptr ? reply::nothing(resp3_) : reply::bulk(*name)) +
         reply::number(static_cast<std::int64_t>(hearing_ ? hearing_->size() : 0)));
}

/// It waits for the answers before it: in RESP2 it would be taken for one of them.
void Session::handle(const ChannelMessage& message) {
  const bool is_by_pattern = message.pattern.has_value();
  if (is_ending_ || !hearing_) return;
  if (!(is_by_pattern ? hearing_->patterns.contains(*message.pattern) : hearing_->channels.contains(message.channel)))
    return;  // it was on its way when the client had enough
  std::string text = reply::push(is_by_pattern ? 4 : 3, resp3_);
  text += reply::bulk(is_by_pattern ? "pmessage" : "message");
  if (is_by_pattern) text += reply::bulk(*message.pattern);
  text += reply::bulk(message.channel) + reply::bulk(message.text);
  if (text.size() + heard_bytes_ > kHeardBytesMost) return close();
  Pending& pending = pending_.push(Sum::Reply, 0);
  heard_bytes_ += pending.heard_bytes = text.size();
  pending.only.text = std::move(text);
  write_ready();
}

void Session::publish(Pending& pending) {
  for (const Publishing& each : pending.publishings) {
    const std::uint64_t reached = server_->channels->publish(each.channel, each.text);
    pending.part(each.part).text = reply::number(static_cast<std::int64_t>(reached));
  }
}
