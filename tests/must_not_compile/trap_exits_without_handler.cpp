// Who traps exits must have a handler for them.
// expect: an actor that traps exits needs `void handle\(coppice::ExitSignal exit\)`
#include <coppice/coppice.hpp>

struct Trapper : coppice::Actor<Trapper> {
  Trapper() { trap_exits(); }
#ifdef WRONG
  void handle(int) {}
#else
  void handle(coppice::ExitSignal) {}
#endif
};
