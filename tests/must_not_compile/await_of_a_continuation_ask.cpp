// An ask with a message, which is for then(), is awaited. (GCC 12 would destroy the message twice.)
// expect: (?s)(?=.*await_transform)(?=.*(deleted|not awaited in a handler))
#include <coppice/coppice.hpp>
#include <coppice/coroutine.hpp>

#include <string>
#include <utility>

using namespace std::chrono_literals;

struct Buy {
  int amount;
  std::string what;
};
struct Shop : coppice::Actor<Shop> {
  int handle(Buy buy) { return buy.amount; }
};

struct Buyer : coppice::Actor<Buyer> {
  coppice::ActorRef<Shop> shop;
  coppice::Task<> handle(int amount) {
    auto with_message = ask(shop, Buy{amount, "apples"}, 1s);
    auto in_place = ask<Buy>(shop, 1s, amount, "apples");
#ifdef WRONG
    static_cast<void>(co_await std::move(with_message));
#else
    static_cast<void>(co_await std::move(in_place));
#endif
  }
};
