#include "workloads.hpp"

namespace coppice::simulation {

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all{
      {"mesh", "supervised actors send each other numbered messages through mailboxes of all kinds, and crash",
       run_mesh},
      {"pressure", "actors, coroutines and a caller fill small mailboxes that block, in circles as well", run_pressure},
      {"tree", "a supervisor's children end in every way, against OTP's rules", run_tree},
      {"ending", "a busy tree is stopped, or its system shut down, at any moment", run_ending},
  };
  return all;
}

}  // namespace coppice::simulation
