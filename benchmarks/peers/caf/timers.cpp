// CAF: timers, which cannot be withdrawn one by one.

#include <chrono>
#include <vector>

#include "stage.hpp"

namespace coppice::bench {
namespace {

struct Alarm : Base {
  Alarm(caf::actor_config& c, Stage* s, Value n) : Base{c}, stage{s}, timers{n} {}
  behavior make_behavior() override {
    return {[this](Begin, Value least, Value range) {
              std::uint64_t seed = kSeed;
              late.reserve(static_cast<std::size_t>(timers));
              const Nanoseconds begun = now_ns();
              for (Value i = 0; i < timers; ++i) {
                const auto delay = least + static_cast<Value>(draw(seed) % static_cast<std::uint64_t>(range));
                delayed_send(this, std::chrono::nanoseconds{delay}, now_ns() + delay);
              }
              took = now_ns() - begun;
              if (least != 0) stage->finish.reach();
            },
            [this](Value due) {
              late.push_back(static_cast<double>(now_ns() - due));
              if (static_cast<Value>(late.size()) == timers) stage->finish.reach();
            }};
  }
  Stage* stage;
  Value timers;
  Nanoseconds took = 0;
  std::vector<double> late;
};
Measurements timers(const Request& request) {
  Stage stage{request.workers};
  Nanoseconds took = 0;
  std::vector<actor> alarms;  // to the end: what one has armed cannot be withdrawn
  for (const Value size : {warm(request.size), request.size}) {
    alarms.push_back(stage.spawn<Alarm>(&stage, size));
    caf::anon_send(alarms.back(), Begin{1}, Value{10'000'000'000}, Value{60'000'000'000});
    static_cast<void>(stage.finish.wait());
    took = caf::actor_cast<Alarm*>(alarms.back())->took;
  }
  stage.end(alarms);
  return time_of("schedule", took, request.size);
}
Measurements timers_near(const Request& request) {
  Stage stage{request.workers};
  const actor alarm = stage.spawn<Alarm>(&stage, request.size);
  const Nanoseconds used = processor_time();
  caf::anon_send(alarm, Begin{1}, Value{0}, Value{1'000'000'000});
  static_cast<void>(stage.finish.wait());
  Measurements seen = lateness(caf::actor_cast<Alarm*>(alarm)->late);
  seen.push_back({"cpu", each(processor_time() - used, request.size), "ns"});
  stage.end({alarm});
  return seen;
}

}  // namespace

void add_timers(Workloads& all) {
  for (const Workload& one : {Workload{"timers", &timers}, {"timers_near", &timers_near}}) all.push_back(one);
}

}  // namespace coppice::bench
