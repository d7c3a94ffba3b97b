// Who watches a group must have a handler for its events.
// expect: an actor that watches a group needs `void handle\(coppice::GroupEvent event\)`
#include <coppice/coppice.hpp>
#include <coppice/system/process_groups.hpp>

struct Watcher : coppice::Actor<Watcher> {
  explicit Watcher(coppice::ProcessGroups* groups) { static_cast<void>(groups->watch("pool", self())); }
#ifdef WRONG
  void handle(int) {}
#else
  void handle(coppice::GroupEvent) {}
#endif
};
