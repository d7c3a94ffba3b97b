#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <coppice/coppice.hpp>

/// The chat service: the program in main.cpp and the tests in tests/docs/chat_test.cpp use the same actors.
namespace chat {

using Lines = std::vector<std::string>;

struct Say {
  std::string who;
  std::string text;
};
struct History {};

// What rooms publish: on chat.<room>.said, chat.<room>.left and chat.<room>.digest.
struct Said {
  std::string room;
  std::string line;
};
struct Left {
  std::string room;
  std::string who;
};
struct Digest {
  std::string room;
  std::uint64_t lines;
};

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

struct RoomTimes {
  coppice::Duration idle = std::chrono::seconds{30};   ///< who says nothing for so long has left
  coppice::Duration digest = std::chrono::minutes{1};  ///< how often the room says how many lines there were
};

class Room : public coppice::Actor<Room> {
 public:
  Room(std::string name, coppice::ActorRef<Archive> archive, coppice::InMemoryBroker* broker, RoomTimes times = {})
      : name_{std::move(name)}, archive_{std::move(archive)}, broker_{broker}, times_{times} {}

  void on_start() { digest_ = send_every(times_.digest, DigestDue{}); }

  void handle(const Say& say) {
    if (say.text.at(0) == '/') return;  // a command is not for the others; and a bug: an empty text throws
    present_[say.who] = send_after(times_.idle, IdleDue{say.who});  // the timer that was there before is cancelled
    ++lines_;
    const std::string line = say.who + ": " + say.text;
    archive_.send(Keep{name_, line});
    broker_->publish("chat." + name_ + ".said", Said{name_, line});
  }

  coppice::Later<Lines> handle(History) {
    auto [promise, later] = reply_later<Lines>();
    ask(archive_, Fetch{name_}, std::chrono::seconds{1})
        .then([owed = std::move(promise)](coppice::Result<Lines, coppice::AskError> lines) mutable {
          if (lines) owed.set(std::move(*lines));  // otherwise it is dropped, and the asker hears NoReply
        });
    return std::move(later);
  }

  struct IdleDue {
    std::string who;
  };
  void handle(const IdleDue& idle) {
    present_.erase(idle.who);
    broker_->publish("chat." + name_ + ".left", Left{name_, idle.who});
  }

  struct DigestDue {};
  void handle(DigestDue) { broker_->publish("chat." + name_ + ".digest", Digest{name_, std::exchange(lines_, 0)}); }

 private:
  std::string name_;
  coppice::ActorRef<Archive> archive_;
  coppice::InMemoryBroker* broker_;
  RoomTimes times_;
  std::map<std::string, coppice::TimerHandle> present_;
  std::uint64_t lines_ = 0;
  coppice::TimerHandle digest_;
};

}  // namespace chat
