// The mailbox alone, without actors and threads: pushes, pops, and the way from idle to idle.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "../support/batches.hpp"
#include "coppice/mailbox/mailbox.hpp"

namespace {

using namespace coppice::bench;
using coppice::detail::Link;
using coppice::detail::Mailbox;
using coppice::detail::Pushed;
using coppice::detail::Rest;

struct alignas(16) Letter : Link {
  std::int64_t number = 0;
};

/// A mailbox whose owner is this thread, and letters to put into it again and again.
class Post {
 public:
  explicit Post(std::size_t letters) : letters_(letters) {
    for (std::size_t i = 0; i < letters; ++i) letters_[i].number = static_cast<std::int64_t>(i);
  }
  Nanoseconds push_all() {
    const Nanoseconds begun = now_ns();
    for (Letter& letter : letters_) {
      if (mailbox_.push(letter) == Pushed::Activate) ++activations_;
    }
    pushed_ += letters_.size();
    return now_ns() - begun;
  }
  Nanoseconds pop_all() {
    const Nanoseconds begun = now_ns();
    std::int64_t expected = 0;
    while (Link* const link = mailbox_.next()) {
      keep(mailbox_.take(link));
      require(static_cast<Letter*>(link)->number == expected++, "letters came out of order");
    }
    popped_ += static_cast<std::uint64_t>(expected);
    return now_ns() - begun;
  }
  /// To an idle owner, who takes it and is idle again.
  void there_and_idle() {
    if (mailbox_.push(letters_.front()) == Pushed::Activate) ++activations_;
    ++pushed_;
    if (Link* const link = mailbox_.next()) {
      keep(mailbox_.take(link));
      ++popped_;
    }
    rest();
  }
  void rest() {
    Link* freed = nullptr;
    if (!mailbox_.rest_quickly(freed)) require(mailbox_.try_rest(false, freed) == Rest::Idle, "the owner cannot rest");
  }
  void finish(std::uint64_t activations) {
    require(pushed_ == popped_, "a letter is missing");
    require(activations_ == activations, "the owner was not woken once for each time that it was idle");
    require(mailbox_.is_idle(), "the owner is not idle");
  }

 private:
  Mailbox mailbox_;
  std::vector<Letter> letters_;
  std::uint64_t pushed_ = 0;
  std::uint64_t popped_ = 0;
  std::uint64_t activations_ = 0;
};

void in_and_out(benchmark::State& state, Nanoseconds (Post::*timed)(), Nanoseconds (Post::*before)(),
                Nanoseconds (Post::*after)()) {
  Post post{static_cast<std::size_t>(state.range(0))};
  std::uint64_t rounds = 0;
  for (auto _ : state) {
    if (before != nullptr) static_cast<void>((post.*before)());
    set_time(state, (post.*timed)());
    if (after != nullptr) static_cast<void>((post.*after)());
    post.rest();
    ++rounds;
  }
  post.finish(rounds);
  report_ns(state, state.range(0));
}

/// Argument: letters that wait when all are pushed.
void push(benchmark::State& state) { in_and_out(state, &Post::push_all, nullptr, &Post::pop_all); }
void pop(benchmark::State& state) { in_and_out(state, &Post::pop_all, &Post::push_all, nullptr); }

void push_pop_and_rest(benchmark::State& state) {
  Post post{1};
  std::uint64_t rounds = 0;
  for (auto _ : state) {
    post.there_and_idle();
    ++rounds;
  }
  post.finish(rounds);
}

BENCHMARK(push)->Arg(100)->Arg(10'000)->UseManualTime();
BENCHMARK(pop)->Arg(100)->Arg(10'000)->UseManualTime();
BENCHMARK(push_pop_and_rest);

}  // namespace
