// A private handle() is no handler.
// expect: (?s)(?=.*no handler for this message)(?=.*Add)(?=.*Counter)
#include <coppice/coppice.hpp>

struct Add {
  int amount;
};

class Counter : public coppice::Actor<Counter> {
#ifdef WRONG
 private:
#else
 public:
#endif
  void handle(Add add) { total_ += add.amount; }

 private:
  int total_ = 0;
};

void count(coppice::ActorRef<Counter> counter) { counter.send(Add{1}); }
