// A message is exactly what the handler takes: an int does not become a long on the way.
// expect: (?s)(?=.*no handler for this message)(?=.*\bint\b)(?=.*Counter)
#include <coppice/coppice.hpp>

struct Counter : coppice::Actor<Counter> {
  long total = 0;
  void handle(long amount) { total += amount; }
};

void count(coppice::ActorRef<Counter> counter) {
#ifdef WRONG
  counter.send(1);
#else
  counter.send(1L);
#endif
}
