// A handler awaits something that would not resume it on its actor's turn.
// expect: (?s)(?=.*await_transform)(?=.*(deleted|not awaited in a handler))
#include <coppice/coppice.hpp>
#include <coppice/coroutine.hpp>

#include <coroutine>

using namespace std::chrono_literals;

struct Waiter : coppice::Actor<Waiter> {
  coppice::Task<> handle(int) {
    [[maybe_unused]] std::suspend_always foreign;
    auto sleep = sleep_for(1ms);
#ifdef WRONG
    co_await foreign;
#else
    co_await sleep;
#endif
  }
};
