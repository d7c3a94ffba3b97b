// Chat, part 2 of 3: two trees of supervised actors.
//
// It shows   a crash that ends one life of one room; what must outlive a crash is kept by another actor; an actor
//            that asks another one and answers its own asker later.
// It prints  expected.txt.
// Read       docs/tutorial/02-supervision.md; ../chat_1 before, ../chat_3 after.

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <coppice/coppice.hpp>

using namespace std::chrono_literals;

using Lines = std::vector<std::string>;

struct Say {
  std::string who;
  std::string text;
};
struct History {};

struct Keep {
  std::string room;
  std::string line;
};
struct Fetch {
  std::string room;
};

/// Keeps what was said. Does nothing that can fail, so that it seldom crashes.
class Archive : public coppice::Actor<Archive> {
 public:
  void handle(Keep keep) { rooms_[keep.room].push_back(std::move(keep.line)); }
  Lines handle(const Fetch& fetch) { return rooms_[fetch.room]; }

 private:
  std::map<std::string, Lines> rooms_;
};

class Room : public coppice::Actor<Room> {
 public:
  Room(std::string name, coppice::ActorRef<Archive> archive) : name_{std::move(name)}, archive_{std::move(archive)} {}

  void handle(const Say& say) {
    if (say.text.at(0) == '/') return;  // a command is not for the others; and a bug: an empty text throws
    archive_.send(Keep{name_, say.who + ": " + say.text});
  }

  coppice::Later<Lines> handle(History) {
    auto [promise, later] = reply_later<Lines>();
    ask(archive_, Fetch{name_}, 5s)
        .then([owed = std::move(promise)](coppice::Result<Lines, coppice::AskError> lines) mutable {
          if (lines) owed.set(std::move(*lines));  // otherwise it is dropped, and the asker hears NoReply
        });
    return std::move(later);
  }

 private:
  std::string name_;
  coppice::ActorRef<Archive> archive_;
};

int main() {
  coppice::ActorSystem system;
  const auto storage = system.start(coppice::supervisor({.id = "storage"}, coppice::child<Archive>({.id = "archive"})));
  if (!storage) return 1;
  const auto archive = storage->child<Archive>("archive").value();

  const coppice::SupervisorSpec chat =
      coppice::supervisor({.id = "chat", .strategy = coppice::OneForOne{}, .intensity = {.restarts = 3, .within = 5s}},
                          coppice::child<Room>({.id = "lobby"}, "lobby", archive),
                          coppice::child<Room>({.id = "kitchen", .shutdown = 1s}, "kitchen", archive));
  fmt::print("{}", chat.to_string());
  const coppice::Result<coppice::ActorRef<coppice::Supervisor>, coppice::StartError> started = system.start(chat);
  if (!started) {
    fmt::print("cannot start: {}\n", started.error().text);
    return 1;
  }

  const coppice::ActorRef<Room> lobby = started->child<Room>("lobby").value();
  const coppice::ActorRef<Room> kitchen = started->child<Room>("kitchen").value();
  kitchen.send(Say{"cid", "coffee?"});
  lobby.send(Say{"ann", "hello"});
  lobby.send(Say{"bob", ""});  // ends the life of the room that is on
  lobby.send(Say{"ann", "bob, are you there?"});

  bool all_there = true;
  for (const auto& room : {lobby, kitchen}) {
    const auto lines = room.ask(History{}, 5s).get();
    if (!lines) return 1;
    fmt::print("{}, life {}:\n", room.path(), room.incarnation());
    for (const std::string& line : *lines) fmt::print("  {}\n", line);
    all_there = all_there && lines->size() == (room == lobby ? 2U : 1U);
  }

  const bool restarted = lobby.incarnation() == 2 && kitchen.incarnation() == 1;
  const bool in_order = system.shutdown().complete && system.ledger().balances();
  fmt::print("in hand when a handler threw: {}\n", system.ledger().dead(coppice::DeadReason::InHand));
  return all_there && restarted && in_order ? 0 : 1;
}
