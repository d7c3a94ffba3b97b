#include "coppice/system/process_groups.hpp"

#include <iterator>
#include <map>
#include <utility>

#include "base/mutex.hpp"
#include "base/surely.hpp"
#include "coppice/actor/holding.hpp"
#include "coppice/actor/send.hpp"
#include "coppice/system/system.hpp"

namespace coppice {

const char* to_string(GroupError error) noexcept {
  switch (error) {
    case GroupError::Ended: return "the actor has ended, or is of another system";
    case GroupError::NotMember: return "the actor is not in this group";
    case GroupError::NotItself: return "an actor watches a group on its own turn only";
  }
  return "unknown";
}

namespace detail {

void GroupEventEnvelope::destroy_event(Envelope& envelope) {
  auto& self = static_cast<GroupEventEnvelope&>(envelope);
  std::destroy_at(&self.event);
  std::destroy_at(&self.watch);
}

namespace {

struct Group;
using Groups = std::map<std::string, Group, std::less<>>;
/// The actor's id, then the number of the join: the order of members() is the same in each run of one seed.
using MemberKey = std::pair<std::uint64_t, std::uint64_t>;

}  // namespace

/// One join, from the member's side. `group` is null once it is over.
struct Membership final : Holding {
  Membership(IntrusivePtr<GroupsCore> c, Cell& cell, MemberKey k);
  ~Membership() override;
  void given_up() noexcept override;
  const IntrusivePtr<GroupsCore> core;
  const MemberKey key;
  Groups::value_type* group = nullptr;  // the core's, under its lock
};

struct GroupWatcher final : GroupWatchNode {
  GroupWatcher(IntrusivePtr<GroupsCore> c, Cell& cell, const EnvelopeOps* operations, std::uint64_t n);
  ~GroupWatcher() override;
  void given_up() noexcept override;
  const IntrusivePtr<GroupsCore> core;
  const EnvelopeOps* const ops;
  const std::uint64_t number;
  Groups::value_type* group = nullptr;  // the core's, under its lock
};

namespace {

struct Group {
  std::map<MemberKey, IntrusivePtr<Membership>> members;
  std::map<std::uint64_t, IntrusivePtr<GroupWatcher>> watchers;  // in the order in which they came
  mutable GroupMembers snapshot;                                 // null: to be made anew
};

}  // namespace

/// Threads    any, under the mutex. Events go to mailboxes under it, so that their order is that of the changes; an
///            envelope that a mailbox refuses goes after it.
class GroupsCore final : public Counted {
 public:
  explicit GroupsCore(Runtime& r) noexcept : runtime{IntrusivePtr<Runtime>::share(&r)} {}

  [[nodiscard]] bool join(std::string_view name, Cell& cell, HoldFor until) {
    std::string key{name};
    static_cast<void>(cell.extras());  // hold() needs them, and must not have to look for memory
    Refused refused;
    const Lock lock{mutex_};
    if (is_closed_) return false;
    auto membership = IntrusivePtr<Membership>::adopt(
        new Membership{IntrusivePtr<GroupsCore>::of(*this), cell, {cell.id(), ++last_number_}});
    refused.keep = membership;  // it has a count of the cell
    auto& entry = *groups_.try_emplace(std::move(key)).first;
    const Tidy tidy{*this, entry};
    // All that needs memory first: without it nobody has joined.
    prepare(entry, GroupEvent::Kind::Joined, *membership, refused);
    const auto place = entry.second.members.emplace(membership->key, membership).first;
    if (!hold(*membership, until)) {
      entry.second.members.erase(place);
      return false;
    }
    membership->group = &entry;
    changed(entry, refused);
    return true;
  }

  [[nodiscard]] bool leave(std::string_view name, const Cell& cell) {
    IntrusivePtr<Membership> left;
    {
      Refused refused;
      const Lock lock{mutex_};
      const auto found = groups_.find(name);
      if (found == groups_.end()) return false;
      auto& members = found->second.members;
      const auto behind = members.upper_bound({cell.id(), ~std::uint64_t{0}});
      if (behind == members.begin()) return false;
      const auto newest = std::prev(behind);
      if (newest->first.first != cell.id()) return false;
      left = newest->second;
      prepare(*left->group, GroupEvent::Kind::Left, *left, refused);
      remove(*left, refused);
    }
    let_go(*left);
    return true;
  }

  void given_up(Membership& membership) noexcept {
    const auto keep = IntrusivePtr<Membership>::of(membership);
    Refused refused;
    const Lock lock{mutex_};
    if (membership.group == nullptr) return;
    surely([&] { prepare(*membership.group, GroupEvent::Kind::Left, membership, refused); });
    remove(membership, refused);
  }

  [[nodiscard]] GroupMembers members(std::string_view name) const {
    const Lock lock{mutex_};
    const auto found = groups_.find(name);
    if (found == groups_.end()) return nobody_;
    return snapshot_of(found->second);
  }

  [[nodiscard]] std::vector<std::string> groups() const {
    std::vector<std::string> names;
    const Lock lock{mutex_};
    for (const auto& [name, group] : groups_) {
      if (!group.members.empty()) names.push_back(name);
    }
    return names;
  }

  [[nodiscard]] Result<GroupWatch, GroupError> watch(std::string_view name, Cell& cell, const EnvelopeOps* ops) {
    std::string key{name};
    static_cast<void>(cell.extras());  // as in join()
    IntrusivePtr<GroupWatcher> watcher;
    const Lock lock{mutex_};
    if (is_closed_) return Error{GroupError::Ended};
    watcher = IntrusivePtr<GroupWatcher>::adopt(
        new GroupWatcher{IntrusivePtr<GroupsCore>::of(*this), cell, ops, ++last_number_});
    auto& entry = *groups_.try_emplace(std::move(key)).first;
    const Tidy tidy{*this, entry};
    GroupWatch watch{snapshot_of(entry.second), IntrusivePtr<GroupWatchNode>::share(watcher.get())};
    const auto place = entry.second.watchers.emplace(watcher->number, watcher).first;
    if (!hold(*watcher, HoldFor::Life)) {
      entry.second.watchers.erase(place);
      return Error{GroupError::Ended};
    }
    watcher->group = &entry;
    return watch;
  }

  void forget(GroupWatcher& watcher) noexcept {
    IntrusivePtr<GroupWatcher> gone;
    const Lock lock{mutex_};
    auto* const entry = std::exchange(watcher.group, nullptr);
    if (entry == nullptr) return;
    const auto found = entry->second.watchers.find(watcher.number);
    gone = std::move(found->second);
    entry->second.watchers.erase(found);
    forget_if_empty(*entry);
  }

  void close() noexcept {
    Groups old;
    {
      const Lock lock{mutex_};
      is_closed_ = true;
      old.swap(groups_);
      for (auto& [name, group] : old) {
        for (auto& [key, membership] : group.members) membership->group = nullptr;
        for (auto& [number, watcher] : group.watchers) watcher->group = nullptr;
      }
    }
    for (auto& [name, group] : old) {
      for (auto& [key, membership] : group.members) let_go(*membership);
      for (auto& [number, watcher] : group.watchers) let_go(*watcher);
    }
  }

  const IntrusivePtr<Runtime> runtime;

 private:
  /// What is destroyed after the lock: an envelope that nobody took, a count that may be the last.
  struct Refused {
    Refused() = default;
    Refused(const Refused&) = delete;
    Refused& operator=(const Refused&) = delete;
    ~Refused() {
      for (Envelope* const envelope : envelopes) {
        if (envelope != nullptr) destroy_envelope(envelope);
      }
    }
    std::vector<Envelope*> envelopes;
    IntrusivePtr<Membership> keep;
    GroupMembers stale;
  };

  /// Forgets a group that has come to nothing, also where something throws.
  struct Tidy {
    ~Tidy() { core.forget_if_empty(entry); }
    GroupsCore& core;
    Groups::value_type& entry;
  };

  void remove(Membership& membership, Refused& refused) noexcept {
    auto& entry = *std::exchange(membership.group, nullptr);
    const auto found = entry.second.members.find(membership.key);
    refused.keep = std::move(found->second);
    entry.second.members.erase(found);
    changed(entry, refused);
    forget_if_empty(entry);
  }

  /// What changed() is going to tell each watcher.
  void prepare(Groups::value_type& entry, GroupEvent::Kind kind, Membership& membership, Refused& refused) {
    auto& [name, group] = entry;
    refused.envelopes.reserve(group.watchers.size());
    std::size_t made = refused.envelopes.size();  // by a try before, which found no memory for the rest
    for (const auto& [number, watcher] : group.watchers) {
      if (made != 0) {
        --made;
        continue;
      }
      GroupEvent event{kind, name, RefAccess::make<AnyRef>(membership.holder)};
      refused.envelopes.push_back(make_envelope<GroupEventEnvelope>(
          watcher->ops, std::move(event), IntrusivePtr<GroupWatchNode>::share(watcher.get())));
    }
  }

  void changed(Groups::value_type& entry, Refused& refused) noexcept {
    auto& group = entry.second;
    refused.stale = std::move(group.snapshot);
    group.snapshot = nullptr;
    auto envelope = refused.envelopes.begin();
    for (const auto& [number, watcher] : group.watchers) {
      // Handed back by a watcher that is ending at this moment: nobody's message, so no dead letter.
      // Where its mailbox has no memory for it, there will be.
      if (surely([&] { return deliver(*watcher->holder, *envelope, Refusal::HandBack); }) == Delivery::Accepted)
        *envelope = nullptr;
      ++envelope;
    }
  }

  void forget_if_empty(Groups::value_type& entry) noexcept {
    if (!entry.second.members.empty() || !entry.second.watchers.empty()) return;
    groups_.erase(groups_.find(entry.first));
  }

  [[nodiscard]] GroupMembers snapshot_of(const Group& group) const {
    if (group.members.empty()) return nobody_;
    if (group.snapshot == nullptr) {
      auto fresh = std::make_shared<std::vector<AnyRef>>();
      fresh->reserve(group.members.size());
      for (const auto& [key, membership] : group.members) fresh->push_back(RefAccess::make<AnyRef>(membership->holder));
      group.snapshot = std::move(fresh);
    }
    return group.snapshot;
  }

  mutable Mutex mutex_;
  Groups groups_;
  const GroupMembers nobody_ = std::make_shared<const std::vector<AnyRef>>();
  std::uint64_t last_number_ = 0;
  bool is_closed_ = false;
};

Membership::Membership(IntrusivePtr<GroupsCore> c, Cell& cell, MemberKey k) : core{std::move(c)}, key{k} {
  holder = IntrusivePtr<Cell>::of(cell);
}
Membership::~Membership() = default;
void Membership::given_up() noexcept { core->given_up(*this); }

GroupWatchNode::GroupWatchNode(Cell& watcher) noexcept : incarnation_{watcher.incarnation()} {
  holder = IntrusivePtr<Cell>::of(watcher);
}

void GroupWatchNode::unwatch() noexcept {
  if (this_thread.cell != holder.get()) return;
  is_withdrawn_ = true;
  const auto keep = IntrusivePtr<GroupWatchNode>::of(*this);
  let_go(*this);
  given_up();
}

bool GroupWatchNode::is_on(const Cell& watcher) const noexcept {
  return !is_withdrawn_ && incarnation_ == watcher.incarnation();
}

GroupWatcher::GroupWatcher(IntrusivePtr<GroupsCore> c, Cell& watcher, const EnvelopeOps* operations, std::uint64_t n)
    : GroupWatchNode{watcher}, core{std::move(c)}, ops{operations}, number{n} {}
GroupWatcher::~GroupWatcher() = default;
void GroupWatcher::given_up() noexcept { core->forget(*this); }

}  // namespace detail

ProcessGroups::ProcessGroups(System& system)
    : core_{detail::IntrusivePtr<detail::GroupsCore>::adopt(new detail::GroupsCore{system.runtime()})} {}
ProcessGroups::~ProcessGroups() { core_->close(); }

Result<void, GroupError> ProcessGroups::join(std::string_view group, const AnyRef& actor) {
  detail::Cell& cell = detail::live_cell(detail::RefAccess::cell(actor));
  if (cell.runtime() != core_->runtime.get() || !core_->join(group, cell, detail::held_until(cell)))
    return Error{GroupError::Ended};
  return {};
}

Result<void, GroupError> ProcessGroups::leave(std::string_view group, const AnyRef& actor) {
  const detail::Cell& cell = detail::live_cell(detail::RefAccess::cell(actor));
  if (cell.runtime() != core_->runtime.get() || !core_->leave(group, cell)) return Error{GroupError::NotMember};
  return {};
}

GroupMembers ProcessGroups::members(std::string_view group) const { return core_->members(group); }
std::vector<std::string> ProcessGroups::groups() const { return core_->groups(); }

Result<GroupWatch, GroupError> ProcessGroups::watch_untyped(std::string_view group, detail::Cell& watcher,
                                                            const detail::EnvelopeOps* ops) {
  if (detail::this_thread.cell != &watcher) return Error{GroupError::NotItself};
  if (watcher.runtime() != core_->runtime.get()) return Error{GroupError::Ended};
  return core_->watch(group, watcher, ops);
}

}  // namespace coppice
