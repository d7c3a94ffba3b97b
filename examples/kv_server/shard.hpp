#pragma once

#include <coppice/actor/ticking_actor.hpp>
#include <coppice/coppice.hpp>

#include <stdexcept>
#include <utility>
#include <vector>

#include "store.hpp"

/// The parts of a client's commands that one shard has to do, in their order.
struct Batch {
  struct Part {
    Store::Arguments arguments;
    bool resp3 = false;
  };
  std::vector<Part> parts;
};
struct CrashShard {};

/// One part of the keys. A crash loses what is in it, as there is no disk below: the next life starts empty.
class Shard : public coppice::TickingActor<Shard> {
 public:
  Shard() : TickingActor{std::chrono::milliseconds{100}} {}
  void on_tick() { store_.expire_some(now()); }
  std::vector<Answer> handle(const Batch& batch) {
    std::vector<Answer> answers;
    answers.reserve(batch.parts.size());
    for (const Batch::Part& part : batch.parts) answers.push_back(store_.execute(part.arguments, now(), part.resp3));
    return answers;
  }
  void handle(CrashShard) { throw std::runtime_error{"DEBUG CRASH-SHARD"}; }

 private:
  Store store_;
};
