// What is sent again and again is copied each time.
// expect: send_every
#include <memory>

#include <coppice/coppice.hpp>

using namespace std::chrono_literals;

struct Ticker : coppice::Actor<Ticker> {
  coppice::TimerHandle timer;
#ifdef WRONG
  using Tick = std::unique_ptr<int>;
#else
  using Tick = std::shared_ptr<int>;
#endif
  void handle(Tick) {}
  void on_start() { timer = send_every(1s, Tick{}); }
};
void use(coppice::System& system) { system.spawn<Ticker>(); }
