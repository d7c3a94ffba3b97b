// A handler awaits something that would not resume it on its actor's turn.
// expect: (?s)(?=.*await_transform)(?=.*(deleted|not awaited in a handler))
#include <coppice/coppice.hpp>
#include <coppice/coroutine.hpp>

using namespace std::chrono_literals;

struct Waiter : coppice::Actor<Waiter> {
  coppice::Task<> handle(int) {
#ifdef WRONG
    co_await std::suspend_always{};
#else
    co_await sleep_for(1ms);
#endif
  }
};
