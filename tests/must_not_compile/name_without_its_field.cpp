// Options are given by name: a bare string in braces is not silently the actor's name.
// expect: (?s)(?=.*no matching (member )?function)(?=.*spawn)(?=.*Counter)
#include <coppice/coppice.hpp>

struct Counter : coppice::Actor<Counter> {
  void handle(int) {}
};

void start(coppice::System& system) {
#ifdef WRONG
  system.spawn<Counter>({"counter"});
#else
  system.spawn<Counter>({});
#endif
}
