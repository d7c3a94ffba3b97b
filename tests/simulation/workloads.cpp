#include "workloads.hpp"

namespace coppice::simulation {

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all{
      {"mesh", "supervised actors send each other numbered messages through mailboxes of all kinds, and crash",
       run_mesh},
      {"pressure", "actors, coroutines and a caller fill small mailboxes that block, in circles as well", run_pressure},
      {"tree", "a supervisor's children end in every way, against OTP's rules", run_tree},
      {"ending", "a busy tree is stopped, or its system shut down, at any moment", run_ending},
      {"asks", "clients and the outside ask servers that answer in every way or do not, close to the deadline",
       run_asks},
      {"timers", "actors arm timers of every kind and cancel them, and are paused, stopped and crashed", run_timers},
      {"topics", "subscribers of every kind come, go and crash while actors and the outside publish", run_topics},
      {"lives", "actors spawn, watch, link and end each other in every way, with names and children", run_lives},
      {"stash", "an actor puts messages aside, is paused and stepped, in mailboxes that reorder, expire and evict",
       run_stash},
  };
  return all;
}

}  // namespace coppice::simulation
