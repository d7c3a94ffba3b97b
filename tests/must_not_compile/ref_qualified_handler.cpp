// A ref-qualified handle() is no handler.
// expect: (?s)(?=.*no handler for this message)(?=.*Add)(?=.*Counter)
#include <coppice/coppice.hpp>

struct Add {
  int amount;
};

struct Counter : coppice::Actor<Counter> {
  int total = 0;
#ifdef WRONG
  void handle(Add add) & { total += add.amount; }
#else
  void handle(Add add) { total += add.amount; }
#endif
};

void count(coppice::ActorRef<Counter> counter) { counter.send(Add{1}); }
