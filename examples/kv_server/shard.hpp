#pragma once

#include <coppice/actor/ticking_actor.hpp>
#include <coppice/coppice.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "shard_log.hpp"
#include "store.hpp"

/// The parts of clients' commands that one shard has to do, in their order: nothing comes between them, and the log gets
/// them as one.
struct Batch {
  struct Part {
    const CommandInfo* command;
    Words words;
    bool resp3 = false;
    bool is_joined = false;  ///< of the same transaction as the one before it
  };
  std::vector<Part> parts;
};
/// In their order. With many bytes of them the rest is not done yet, and comes back.
struct Answers {
  std::vector<Answer> all;
  std::vector<Batch::Part> rest;
};
struct CrashShard {};
/// Answered when it has its keys: with an empty text, or with what is wrong with its log.
struct GetReady {};

/// What a shard writes its changes to.
struct ShardDisk {
  coppice::ActorRef<ShardLog> log;
  bool waits = false;  ///< an answer leaves when what it shows is on the disk
};

/// One part of the keys. A life begins with what the log holds; until that is there, commands are put aside. Without a
/// log a crash loses what is in it: the next life starts empty.
///
/// With ShardDisk::waits no answer, to a reading command neither, shows what a crash could still take back.
class Shard : public coppice::TickingActor<Shard> {
 public:
  explicit Shard(const std::optional<ShardDisk>& disk);
  void on_tick() { store_.expire_some(now()); }

  coppice::Later<Answers> handle(Batch batch);
  coppice::Later<std::string> handle(GetReady question);
  void handle(Written written);
  void handle(CrashShard);
  void handle(const coppice::Down& down);

 private:
  /// Answers that wait for the log.
  struct Waiting {
    std::uint64_t number;
    coppice::ReplyPromise<Answers> promise;
    Answers answers;
  };

  void load();
  void take(coppice::Result<LoadedLog, coppice::AskError> loaded);
  [[nodiscard]] Answers execute(Batch& batch);
  [[nodiscard]] Answer execute(const Batch::Part& part, coppice::TimePoint at);

  std::optional<ShardDisk> disk_;
  Store store_;
  bool loads_ = false;
  bool crashes_ = false;  // when it has loaded
  std::string damage_;    // why there are no keys to be had
  std::string refusal_;   // why nothing is changed
  coppice::TimePoint refused_until_ = coppice::TimePoint::max();
  std::uint64_t sent_ = 0;     // the number of the last Append
  std::uint64_t written_ = 0;  // of the last one that is in the log
  std::deque<Waiting> waiting_;
};
