#include "workloads.hpp"

namespace coppice::simulation {

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all{
      {"mesh", "supervised actors send each other numbered messages through mailboxes of all kinds, and crash", run_mesh},
  };
  return all;
}

}  // namespace coppice::simulation
