// Who watches must have a handler for the Down.
// expect: an actor that watches needs `void handle\(coppice::Down down\)`
#include <coppice/coppice.hpp>

struct Other : coppice::Actor<Other> {
  void handle(int) {}
};

struct Watcher : coppice::Actor<Watcher> {
  explicit Watcher(coppice::ActorRef<Other> other) { watch(other); }
#ifdef WRONG
  void handle(int) {}
#else
  void handle(coppice::Down) {}
#endif
};
