// What became of a message that stays with the caller must be looked at.
// expect: nodiscard|unused-result
// flags: -Werror=unused-result
#include <coppice/coppice.hpp>

struct Counter : coppice::Actor<Counter> {
  void handle(int) {}
};

void count(coppice::ActorRef<Counter> counter, int amount) {
#ifdef WRONG
  counter.try_send(amount);
#else
  counter.send(amount);
#endif
}
