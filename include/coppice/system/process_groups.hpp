#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coppice/actor/actor_ref.hpp"
#include "coppice/actor/holding.hpp"
#include "coppice/base/result.hpp"

namespace coppice {

class System;

enum class GroupError : unsigned char {
  Ended,      ///< the actor's place is closed, the ref names none, or one of another system
  NotMember,  ///< leave: the actor is not in that group
  NotItself,  ///< watch: not called on the watcher's own turn
};
[[nodiscard]] const char* to_string(GroupError error) noexcept;

/// What a watcher of a group hears: one event for each join and each leave, in their order.
struct GroupEvent {
  enum class Kind : unsigned char { Joined, Left };
  Kind kind;
  std::string group;
  AnyRef member;
};

namespace detail {

class GroupsCore;

/// One watch of a group, from the watcher's side.
///
/// Threads    unwatch(), is_on(): the watcher's turn.
struct GroupWatchNode : Holding {
  explicit GroupWatchNode(Cell& watcher) noexcept;
  void unwatch() noexcept;
  /// False: unwatched meanwhile, or an earlier life's.
  [[nodiscard]] bool is_on(const Cell& watcher) const noexcept;

 private:
  const std::uint32_t incarnation_;
  bool is_withdrawn_ = false;
};

struct GroupEventEnvelope : Envelope {
  GroupEventEnvelope(const EnvelopeOps* operations, GroupEvent e, IntrusivePtr<GroupWatchNode> w) noexcept
      : Envelope{operations}, event{std::move(e)}, watch{std::move(w)} {}
  ~GroupEventEnvelope() = delete;
  union {
    GroupEvent event;
  };
  union {
    IntrusivePtr<GroupWatchNode> watch;
  };
  static void destroy_event(Envelope& envelope);
};

template <class A>
Outcome handle_group_event(Cell& cell, Envelope& envelope) {
  auto& self = static_cast<GroupEventEnvelope&>(envelope);
  if (!self.watch->is_on(cell)) return Outcome::Stale;
  return call_handler(cell.state_of<A>(), cell, envelope, std::move(self.event));
}
template <class A>
inline constexpr EnvelopeOps kGroupEventOps{
    &handle_group_event<A>,     nullptr, &GroupEventEnvelope::destroy_event, &kTypeInfo<GroupEvent>, nullptr,
    sizeof(GroupEventEnvelope), false};

}  // namespace detail

/// A moment's members of a group, in the order of their creation; who has joined twice is there twice. Never changes.
using GroupMembers = std::shared_ptr<const std::vector<AnyRef>>;

/// What watch() answers; unwatch() takes it. A plain value: dropping it keeps the watch, which ends with the life.
struct GroupWatch {
  GroupMembers members;  ///< when the watch began: the first event is the first change after that
  detail::IntrusivePtr<detail::GroupWatchNode> node;
};

/// Named groups of actors that come and go. One object is a scope: groups of two do not meet.
///
/// Threads    watch(), unwatch(): the watcher's turn. The rest: any.
/// Ownership  may end before its members and its system, and after them. Memberships end with it, silently.
/// Order      members() shows a join or leave from the moment the call returns. Watchers hear all of them, in their
///            order, which is the same for all.
/// Failure    nothing throws but std::bad_alloc.
/// Source     OTP's pg.
/// [G1] Memberships are counted: who joins twice is in until it has left twice. A group is there as long as it has
///      members, and needs no making.
/// [G2] A member is gone before the Down of its end, and a watcher has heard that it left before it gets that Down. Who
///      joined on its own turn is a member for its life; who was made to join, for its place.
/// [G3] No event is lost or doubled between a watch's snapshot and its first event.
class ProcessGroups {
 public:
  explicit ProcessGroups(System& system);
  ProcessGroups(const ProcessGroups&) = delete;
  ProcessGroups& operator=(const ProcessGroups&) = delete;
  ~ProcessGroups();

  Result<void, GroupError> join(std::string_view group, const AnyRef& actor);
  /// Undoes one join, the newest.
  Result<void, GroupError> leave(std::string_view group, const AnyRef& actor);

  /// Cheap: while nobody joins or leaves, everybody shares one list. Not null.
  [[nodiscard]] GroupMembers members(std::string_view group) const;
  /// Those of class A.
  template <class A>
  [[nodiscard]] std::vector<ActorRef<A>> members(std::string_view group) const {
    std::vector<ActorRef<A>> refs;
    for (const AnyRef& member : *members(group)) {
      if (auto ref = member.as<A>(); ref.id() != 0) refs.push_back(std::move(ref));
    }
    return refs;
  }
  /// The names of all groups that have members, sorted.
  [[nodiscard]] std::vector<std::string> groups() const;

  /// The members now, and from then on a GroupEvent for each change, as messages of the watcher: `groups.watch("pool",
  /// self())`. The group may be empty. It ends with the watcher's life.
  template <class A>
  [[nodiscard]] Result<GroupWatch, GroupError> watch(std::string_view group, const ActorRef<A>& watcher) {
    static_assert(Handles<A, GroupEvent>,
                  "an actor that watches a group needs `void handle(coppice::GroupEvent event)`");
    return watch_untyped(group, detail::RefAccess::cell(watcher), &detail::kGroupEventOps<A>);
  }
  /// No event of it is handled any more, also when it is in the mailbox already.
  void unwatch(const GroupWatch& watch) noexcept {
    if (watch.node) watch.node->unwatch();
  }

 private:
  [[nodiscard]] Result<GroupWatch, GroupError> watch_untyped(std::string_view group, detail::Cell& watcher,
                                                             const detail::EnvelopeOps* ops);
  detail::IntrusivePtr<detail::GroupsCore> core_;
};

}  // namespace coppice
