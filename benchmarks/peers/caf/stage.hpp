#pragma once

/// The suite's programs for CAF 0.17, with bench_classic's command line. The scheduler is CAF's default, work stealing, with
/// as many threads as workers; actors are dynamically typed event-based ones in the class form, whose behaviour is made
/// once; a reply is a handler's return value; what is published is one shared message. The sizes of integers tell
/// messages apart: that costs CAF less than types of one's own, which it would want to be able to serialize.

#include <atomic>
#include <caf/all.hpp>
#include <utility>
#include <vector>

#include "../../support/driver.hpp"

namespace coppice::bench {

using caf::actor;
using caf::behavior;
using Base = caf::event_based_actor;

using Begin = std::uint32_t;
using Value = std::int64_t;
using Reply = std::int32_t;

/// A system and what its actors tell the main thread.
struct Stage {
  explicit Stage(unsigned workers) : configuration{workers}, system{configuration} {}
  struct Configuration : caf::actor_system_config {
    explicit Configuration(unsigned workers) { set("scheduler.max-threads", static_cast<std::size_t>(workers)); }
  };
  template <class A, class... Args>
  actor spawn(Args&&... args) {
    return system.spawn<A>(std::forward<Args>(args)...);
  }
  void end(const std::vector<actor>& actors) {
    for (const actor& one : actors) caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
    system.await_all_actors_done();
  }
  Configuration configuration;
  caf::actor_system system;
  Finish finish;
  std::atomic<std::int64_t> handled{0};
};

inline std::int64_t warm(std::int64_t size) { return size < 10 ? 1 : size / 10; }

void add_messages(Workloads& all);
void add_creation(Workloads& all);
void add_meetings(Workloads& all);
void add_searches(Workloads& all);
void add_timers(Workloads& all);
void add_latency(Workloads& all);
void add_echo(Workloads& all);

}  // namespace coppice::bench
