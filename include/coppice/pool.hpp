#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "coppice/patterns/router.hpp"
#include "coppice/supervisors/partition_supervisor.hpp"

/// A pool of workers: supervised children alike behind one router. Opt-in, beside the parts: it joins two that do not
/// know each other, supervisors and patterns.

namespace coppice {

struct PoolOptions {
  std::string id;
  Workers size = {};                   ///< from 1; as many as the process may use processors by default
  AnyStrategy strategy = OneForOne{};  ///< of restarts, not of routing
  Intensity intensity = {};
  Backoff backoff = {};
  ChildOptions worker = {};  ///< of each; its id is not looked at: they are called "1", "2" and so on
};

/// A supervisor of `size` workers of class A, each made from the arguments as const references: a child of another
/// supervisor, or the root. `pool<Worker>({.id = "workers", .size = 8}, arguments…)`.
template <class A, class... Args>
[[nodiscard]] SupervisorSpec pool(PoolOptions options, Args&&... args) {
  return partition_supervisor({.id = std::move(options.id),
                               .partitions = options.size,
                               .strategy = std::move(options.strategy),
                               .intensity = options.intensity,
                               .backoff = options.backoff},
                              child<A>(std::move(options.worker), std::forward<Args>(args)...));
}

/// A router over the workers of a pool. It may be made again and anywhere; each has loads and a turn of its own.
/// Unknown: it is no pool, or has ended. WrongType: its workers are no A.
template <class A, class Strategy = RoundRobin>
[[nodiscard]] Result<Router<A, Strategy>, LookupError> pool_router(const System& system,
                                                                   const ActorRef<Supervisor>& pool,
                                                                   Strategy strategy = {}) {
  const auto workers = Partitions<A>::of(pool);
  if (!workers) return Error{workers.error()};
  return Router<A, Strategy>{system, workers->all(), std::move(strategy)};
}

}  // namespace coppice
