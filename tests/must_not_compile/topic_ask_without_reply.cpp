// An ask over a topic has to say what it is answered with.
// expect: what is the reply's type\?
#include <coppice/coppice.hpp>

using namespace std::chrono_literals;

struct GetPrice {
#ifdef WRONG
  using Answer = int;
#else
  using Reply = int;
#endif
};

void ask(coppice::InMemoryBroker& broker) { (void)broker.ask("price", GetPrice{}, 1s); }
