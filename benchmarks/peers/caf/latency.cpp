// A thread that is no actor sends messages when they are due.

#include "../../support/open_loop.hpp"
#include "stage.hpp"

namespace coppice::bench {
namespace {

class Timed : public Base {
 public:
  Timed(caf::actor_config& config, Latencies* l) : Base{config}, latencies{l} {}
  behavior make_behavior() override {
    return {[this](Value due) {
      work_a_microsecond();
      latencies->note(due);
    }};
  }
  Latencies* latencies;
};

Measurements latency(const Request& request) {
  Latencies latencies;
  Stage stage{request.workers};
  const actor timed = stage.spawn<Timed>(&latencies);
  Measurements seen = latencies_of(request.size, latencies, [&](Nanoseconds at) { caf::anon_send(timed, Value{at}); });
  stage.end({timed});
  return seen;
}

}  // namespace

void add_latency(Workloads& all) { all.push_back({"latency", &latency}); }

}  // namespace coppice::bench
