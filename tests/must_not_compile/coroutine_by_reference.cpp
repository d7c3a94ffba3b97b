// A handler that is a coroutine takes its message by reference, which ends when the handler first waits.
// expect: (?s)(?=.*a coroutine handler takes its message by value)
#include <coppice/coppice.hpp>
#include <coppice/coroutine.hpp>

using namespace std::chrono_literals;

struct Add {
  int amount;
};
struct Counter : coppice::Actor<Counter> {
#ifdef WRONG
  coppice::Task<int> handle(Add&& add){
#else
  coppice::Task<int> handle(Add add) {
#endif
      co_await sleep_for(1ms);
  co_return add.amount;
}
}
;

void add(const coppice::ActorRef<Counter>& counter) { counter.send(Add{1}); }
