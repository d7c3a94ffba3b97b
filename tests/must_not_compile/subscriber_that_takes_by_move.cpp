// A publication is shared by its subscribers, so nobody may move from it.
// expect: the subscriber needs `handle\(const M&\)`
#include <coppice/coppice.hpp>

struct Tick {};

struct Reader : coppice::Actor<Reader> {
#ifdef WRONG
  void handle(Tick&&) {}
#else
  void handle(Tick) {}
#endif
};

void read(coppice::InMemoryBroker& broker, coppice::ActorRef<Reader> reader) {
  static coppice::Subscription ticks = broker.subscribe<Tick>("ticks", reader);
}
