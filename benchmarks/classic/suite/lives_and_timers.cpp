// A supervised crash until the next life works, and timers.

#include <numeric>

#include "../../support/alarms.hpp"
#include "../../support/crashes.hpp"
#include "suite.hpp"

namespace coppice::bench {
namespace {

/// From just before the throw to the first message of the new life, in its handler.
Measurements crash(const Request& request) {
  const std::vector<double> times = times_of_crashes({request.workers, 10, true}, request.size);
  const double mean = std::accumulate(times.begin(), times.end(), 0.0) / static_cast<double>(times.size());
  return {{"p50", median(times), "ns"}, {"mean", mean, "ns"}};
}

template <class What>
AlarmTimes ring_alarm(const Request& request, std::int64_t warm_up, bool rings) {
  Finish finish;
  AlarmTimes times;
  SystemOptions options = default_options(request.workers);
  if (request.size > options.timers_max) options.timers_max = static_cast<unsigned>(request.size);
  ActorSystem system{std::move(options)};
  const ActorRef<Alarm> alarm = system.spawn<Alarm>(&finish, &times);
  std::uint64_t sent = 0;
  for (const std::int64_t timers : {warm_up, request.size}) {
    if (timers == 0) continue;
    times.late.clear();
    alarm.send(What{timers});
    static_cast<void>(finish.wait());
    sent += 1 + (rings ? static_cast<std::uint64_t>(timers) : 0);
  }
  expect_all_handled(system, sent);
  return times;
}

Measurements timers(const Request& request) {
  const AlarmTimes times = ring_alarm<ArmFar>(request, warm(request.size), false);
  return {{"schedule", each(times.schedule, request.size), "ns"}, {"cancel", each(times.cancel, request.size), "ns"}};
}

/// Without a warm-up, which would take another second; the processor's time tells whether somebody spins.
Measurements timers_near(const Request& request) {
  const Nanoseconds used = processor_time();
  AlarmTimes times = ring_alarm<ArmNear>(request, 0, true);
  const double cpu = each(processor_time() - used, request.size);
  require(times.late.size() == static_cast<std::size_t>(request.size), "a timer did not ring");
  Measurements seen = lateness(times.late);
  seen.push_back({"cpu", cpu, "ns"});
  return seen;
}

}  // namespace

void add_lives_and_timers(Workloads& all) {
  for (const Workload& one : {Workload{"crash", &crash}, {"timers", &timers}, {"timers_near", &timers_near}})
    all.push_back(one);
}

}  // namespace coppice::bench
