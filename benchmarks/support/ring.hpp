#pragma once

/// A token that goes around a ring of actors; ping-pong is a ring of two. See workloads.hpp.

#include <cstdint>
#include <utility>
#include <vector>

#include "coppice/coppice.hpp"
#include "harness.hpp"

namespace coppice::bench {

struct Token {
  std::int64_t hops_left;
};

struct Neighbour;
struct Meet {
  ActorRef<Neighbour> next;
};

struct Neighbour : Actor<Neighbour> {
  explicit Neighbour(Finish* f) : finish{f} {}
  void handle(Meet meet) { next = std::move(meet.next); }
  void handle(Token token) {
    if (token.hops_left == 0) return finish->reach();
    next.send(Token{token.hops_left - 1});
  }
  Finish* finish;
  ActorRef<Neighbour> next;
};

class Ring {
 public:
  Ring(unsigned workers, std::size_t size, const MailboxOptions& mailbox = {})
      : system_{default_options(workers)}, actors_(size) {
    for (auto& actor : actors_) actor = system_.spawn<Neighbour>({.mailbox = mailbox}, &finish_);
    for (std::size_t i = 0; i < size; ++i) actors_[i].send(Meet{actors_[(i + 1) % size]});
    messages_ = size;
    come_to_rest(system_);
  }
  Nanoseconds run(std::int64_t hops) {
    const Nanoseconds begun = now_ns();
    actors_.front().send(Token{hops - 1});
    messages_ += static_cast<std::uint64_t>(hops);
    return finish_.wait() - begun;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  Finish finish_;
  ActorSystem system_;
  std::vector<ActorRef<Neighbour>> actors_;
  std::uint64_t messages_ = 0;
};

}  // namespace coppice::bench
