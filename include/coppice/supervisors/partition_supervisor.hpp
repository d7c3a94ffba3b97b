#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "coppice/supervisors/supervisor.hpp"

namespace coppice {

struct PartitionSupervisorOptions {
  std::string id;
  Workers partitions = {};  ///< from 1; as many as the process may use processors by default
  AnyStrategy strategy = OneForOne{};
  Intensity intensity = {};
  Backoff backoff = {};
  Restart restart = Restart::Permanent;  ///< as a child of another supervisor, as is the next
  Shutdown shutdown = Shutdown::infinity();
  std::string name = {};  ///< unique among live actors, as ChildOptions::name
};

/// A supervisor of several children alike, each of which has its part of the keys: what one actor does for all, shared
/// out over several. Any specification will do, another supervisor's too: `partition_supervisor({.id = "sessions"},
/// dynamic_supervisor({.id = "sessions"}))`. Its children are called "1", "2" and so on.
[[nodiscard]] SupervisorSpec partition_supervisor(PartitionSupervisorOptions options, const ChildSpec& each);

namespace detail {

[[nodiscard]] Result<std::vector<AnyRef>, LookupError> partitions_of(const ActorRef<Supervisor>& supervisor);
/// Spreads numbers that lie close together.
[[nodiscard]] std::uint64_t mixed(std::uint64_t number) noexcept;

}  // namespace detail

/// The partitions of a partition supervisor: `sessions.for_key("bob").send(…)` always goes to the same one.
///
/// Threads    as a plain value; sends as ActorRef.
/// Ownership  refs: valid over restarts of the partitions and of their supervisor.
/// Source     Elixir's PartitionSupervisor: numbers go by remainder, all else by hash.
template <class A>
class Partitions {
 public:
  /// Unknown: it is no partition supervisor, or has ended. WrongType: its children are no A.
  [[nodiscard]] static Result<Partitions, LookupError> of(const ActorRef<Supervisor>& supervisor) {
    auto places = detail::partitions_of(supervisor);
    if (!places) return Error{places.error()};
    Partitions partitions;
    for (const AnyRef& place : places.value()) {
      partitions.refs_.push_back(place.as<A>());
      if (partitions.refs_.back().id() == 0) return Error{LookupError::WrongType};
    }
    return partitions;
  }

  [[nodiscard]] std::size_t size() const noexcept { return refs_.size(); }
  /// From 0.
  [[nodiscard]] const ActorRef<A>& operator[](std::size_t index) const { return refs_[index]; }
  [[nodiscard]] const std::vector<ActorRef<A>>& all() const noexcept { return refs_; }

  /// Whose key it is: a number's by its remainder, everything else's by std::hash.
  template <class Key>
  [[nodiscard]] const ActorRef<A>& for_key(const Key& key) const {
    if constexpr (std::is_integral_v<Key>) {
      return refs_[static_cast<std::size_t>(static_cast<std::uint64_t>(key) % refs_.size())];
    } else if constexpr (std::is_convertible_v<const Key&, std::string_view>) {
      return refs_[detail::mixed(std::hash<std::string_view>{}(key)) % refs_.size()];
    } else {
      return refs_[detail::mixed(std::hash<Key>{}(key)) % refs_.size()];
    }
  }

 private:
  Partitions() = default;
  std::vector<ActorRef<A>> refs_;  // not empty
};

}  // namespace coppice
