// Chat, part 3 of 3: timers, and publish and subscribe.
//
// It shows   a room that publishes what is said without knowing who reads; a reader that subscribes to all rooms;
//            somebody who says nothing for a while and is told to have left.
// It prints  expected.txt.
// Read       docs/tutorial/03-timers-and-topics.md; ../chat_2 before, tests/docs/chat_test.cpp after.

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <coppice/coppice.hpp>

#include "chat.hpp"

using namespace std::chrono_literals;

struct WaitForLeft {};

/// Prints what is said in every room, and tells whoever waits for it who has left.
class Reader : public coppice::Actor<Reader> {
 public:
  explicit Reader(coppice::InMemoryBroker* broker)
      : said_{broker->subscribe<chat::Said>("chat.*.said", self())},
        left_{broker->subscribe<chat::Left>("chat.*.left", self())} {}

  void handle(const chat::Said& said) { fmt::print("[{}] {}\n", said.room, said.line); }
  void handle(const chat::Left& left) {
    if (waiting_) waiting_->set(left.who);
    waiting_.reset();
  }
  coppice::Later<std::string> handle(WaitForLeft) {
    auto [promise, later] = reply_later<std::string>();
    waiting_.emplace(std::move(promise));
    return std::move(later);
  }

 private:
  coppice::Subscription said_;
  coppice::Subscription left_;
  std::optional<coppice::ReplyPromise<std::string>> waiting_;
};

int main() {
  coppice::ActorSystem system;
  coppice::InMemoryBroker broker{system};
  const auto readers =
      system.start(coppice::supervisor({.id = "readers"}, coppice::child<Reader>({.id = "reader"}, &broker)));
  if (!readers) return 1;  // and otherwise it has subscribed
  auto left = readers->child<Reader>("reader").value().ask(WaitForLeft{}, 30s);

  const auto storage =
      system.start(coppice::supervisor({.id = "storage"}, coppice::child<chat::Archive>({.id = "archive"})));
  if (!storage) return 1;
  const auto archive = storage->child<chat::Archive>("archive").value();
  const chat::RoomTimes times{.idle = 200ms, .digest = 1h};
  const auto started = system.start(
      coppice::supervisor({.id = "chat"}, coppice::child<chat::Room>({.id = "lobby"}, "lobby", archive, &broker, times),
                          coppice::child<chat::Room>({.id = "kitchen"}, "kitchen", archive, &broker)));
  if (!started) return 1;

  const auto lobby = started->child<chat::Room>("lobby").value();
  lobby.send(chat::Say{"ann", "nobody here?"});

  const coppice::Result<std::string, coppice::AskError> who = left.get();
  fmt::print("left: {}\n", who ? *who : to_string(who.error()));
  const bool in_order = system.shutdown().complete && system.ledger().balances();
  fmt::print("subscriptions after the shutdown: {}\n", broker.subscriptions());
  return who && *who == "ann" && in_order && broker.subscriptions() == 0 ? 0 : 1;
}
