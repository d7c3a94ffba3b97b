#include "coppice/supervisors/partition_supervisor.hpp"

#include <utility>

#include "base/platform.hpp"
#include "supervisor_factory.hpp"

namespace coppice {

SupervisorSpec partition_supervisor(PartitionSupervisorOptions options, const ChildSpec& each) {
  const unsigned count = options.partitions.value_or(detail::usable_cpus());
  std::vector<ChildSpec> children;
  children.reserve(count);
  for (unsigned i = 1; i <= count; ++i) children.push_back(each.with_id(std::to_string(i)));
  SupervisorSpec spec{{.id = std::move(options.id),
                       .strategy = options.strategy,
                       .intensity = options.intensity,
                       .backoff = options.backoff,
                       .restart = options.restart,
                       .shutdown = options.shutdown,
                       .name = std::move(options.name)},
                      std::move(children)};
  if (count == 0) spec.find_fault_with("partitions is 0; it may be 1 or more");
  return spec;
}

namespace detail {

Result<std::vector<AnyRef>, LookupError> partitions_of(const ActorRef<Supervisor>& supervisor) {
  std::vector<AnyRef> places;
  for (;;) {
    AnyRef place = look_up_child(RefAccess::cell(supervisor), std::to_string(places.size() + 1));
    if (!place) break;
    places.push_back(std::move(place));
  }
  if (places.empty()) return Error{LookupError::Unknown};
  return places;
}

std::uint64_t mixed(std::uint64_t z) noexcept {  // SplitMix64's finalizer
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace detail
}  // namespace coppice
