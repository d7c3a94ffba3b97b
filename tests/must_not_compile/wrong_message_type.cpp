// An actor is sent a message that it has no handle() for.
// expect: (?s)(?=.*no handler for this message)(?=.*Remove)(?=.*Counter)
#include <coppice/coppice.hpp>

struct Add {
  int amount;
};
struct Remove {
  int amount;
};

struct Counter : coppice::Actor<Counter> {
  int total = 0;
  void handle(Add add) { total += add.amount; }
};

void count(coppice::ActorRef<Counter> counter) {
#ifdef WRONG
  counter.send(Remove{1});
#else
  counter.send(Add{1});
#endif
}
