// A protocol's ref is made only from actors that handle all of it, with the replies that it says.
// expect: ActorRef<coppice::Protocol|no viable conversion|conversion from
#include <coppice/coppice.hpp>

struct Add {
  int amount;
};

struct Counter : coppice::Actor<Counter> {
  int handle(Add add) { return add.amount; }
};

#ifdef WRONG
using Client = coppice::ActorRef<coppice::Protocol<long(Add)>>;
#else
using Client = coppice::ActorRef<coppice::Protocol<int(Add)>>;
#endif

Client client(coppice::ActorRef<Counter> counter) { return counter; }
