// An actor is asked with a message that it has no handle() for.
// expect: (?s)(?=.*no handler for this message)(?=.*Remove)(?=.*Counter)
#include <coppice/coppice.hpp>

using namespace std::chrono_literals;

struct Add {
  int amount;
};
struct Remove {
  int amount;
};

struct Counter : coppice::Actor<Counter> {
  int total = 0;
  int handle(Add add) { return total += add.amount; }
};

void count(coppice::ActorRef<Counter> counter) {
#ifdef WRONG
  (void)counter.ask(Remove{1}, 1s);
#else
  (void)counter.ask(Add{1}, 1s);
#endif
}
