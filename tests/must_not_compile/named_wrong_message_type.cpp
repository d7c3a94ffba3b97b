// A message is sent to a name whose actor has no handle() for it.
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

void count(const coppice::NamedRef<Counter>& counter) {
#ifdef WRONG
  counter.send(Remove{1});
#else
  counter.send(Add{1});
#endif
}
