// A message is exactly what the handler takes: an int does not become a long on the way.
// expect: no handler for this message
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
