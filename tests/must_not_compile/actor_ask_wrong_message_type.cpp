// An actor asks another with a message that the other has no handle() for.
// expect: (?s)(?=.*no handler for this message)(?=.*Remove)(?=.*Counter)
#include <coppice/coppice.hpp>

using namespace std::chrono_literals;

struct Add {
  int amount;
};
struct Remove {
  int amount;
};

struct Counter : coppice::Actor<Counter> {
  int total = 0;
  int handle(Add add) { return total += add.amount; }
};

struct Asker : coppice::Actor<Asker> {
  coppice::ActorRef<Counter> counter;
  void handle(int amount) {
#ifdef WRONG
    ask(counter, Remove{amount}, 1s).then([](auto){});
#else
    ask(counter, Add{amount}, 1s).then([](auto) {});
#endif
  }
};
