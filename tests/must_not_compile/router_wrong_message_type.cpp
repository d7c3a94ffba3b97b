// A router takes what its members handle, exactly.
// expect: (?s)(?=.*no handler for this message)(?=.*Wrong)(?=.*Worker)
#include <coppice/coppice.hpp>
#include <coppice/patterns/router.hpp>

struct Job {};
struct Wrong {};
struct Worker : coppice::Actor<Worker> {
  void handle(Job) {}
};

void route(const coppice::Router<Worker>& router) {
#ifdef WRONG
  router.send(Wrong{});
#else
  router.send(Job{});
#endif
}
