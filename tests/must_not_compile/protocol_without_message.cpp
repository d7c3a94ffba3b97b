// A ref that knows the messages only takes those that its protocol lists.
// expect: (?s)(?=.*no handler for this message)(?=.*Remove)
#include <coppice/coppice.hpp>

struct Add {
  int amount;
};
struct Reset {};
struct Remove {};

void count(coppice::ActorRef<coppice::Protocol<int(Add), void(Reset)>> counter) {
#ifdef WRONG
  counter.send(Remove{});
#else
  counter.send(Reset{});
#endif
}
