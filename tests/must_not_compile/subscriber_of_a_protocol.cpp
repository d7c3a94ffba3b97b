// A ref of a protocol knows the actor's messages, not its class; how the class handles what is shared it does not know.
// expect: subscribe with the ActorRef of the class
#include <coppice/coppice.hpp>

struct Tick {};

struct Reader : coppice::Actor<Reader> {
  void handle(const Tick&) {}
};

using Known = coppice::Protocol<void(Tick)>;

#ifdef WRONG
void read(coppice::InMemoryBroker& broker, coppice::ActorRef<Known> reader) {
#else
void read(coppice::InMemoryBroker& broker, coppice::ActorRef<Reader> reader) {
#endif
  static coppice::Subscription ticks = broker.subscribe<Tick>("ticks", reader);
}
