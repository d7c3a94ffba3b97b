#include "broker_core.hpp"

#include <algorithm>
#include <utility>

#include "coppice/actor/send.hpp"

namespace coppice::detail {

// ---- one subscription ----

SubscriptionEntry::SubscriptionEntry(IntrusivePtr<BrokerCore> c, std::string p, const SubscriberOps& o) noexcept
    : core{std::move(c)}, pattern{std::move(p)}, ops{o} {}
SubscriptionEntry::~SubscriptionEntry() = default;

/// Whoever comes first takes the subscription out; the others find it gone.
void SubscriptionEntry::given_up() noexcept {
  if (core->remove(*this)) core->report(EventKind::Unsubscribed, pattern, holder.get());
}

// ---- changes ----

BrokerCore::BrokerCore(Runtime& r, BrokerOptions o)
    : runtime{IntrusivePtr<Runtime>::share(&r)}, options{std::move(o)} {}

/// What a topic retained before the subscription was there.
struct BrokerCore::Missed {
  std::uint64_t seen = 0;  // what came up to here has been delivered
  std::vector<IntrusivePtr<Publication>> values;
};

/// [Q4] The subscription comes into the tree in the very step that finds no retained value which it has not got. What
/// it has not got is delivered without the lock, and then it tries again.
Result<void, BrokerError> BrokerCore::add(const IntrusivePtr<SubscriptionEntry>& entry,
                                          const SubscribeOptions& subscribe) {
  Missed missed;
  for (;;) {
    if (const auto added = try_add(entry, subscribe, missed); !added || missed.values.empty()) return added;
    Cell& cell = *entry->holder;
    for (const auto& value : missed.values) {
      if (entry->queue) {
        IntrusivePtr<Publication> share{value};  // put() throws before it takes it
        static_cast<void>(entry->queue->put(cell, entry->ops, *share, Refusal::DeadLetter));
        static_cast<void>(share.detach());
        continue;
      }
      auto* const envelope = make_envelope<PublicationEnvelope>(entry->ops.direct);
      envelope->publication = IntrusivePtr<Publication>{value}.detach();
      static_cast<void>(coppice::detail::deliver(cell, envelope));
    }
    missed.values.clear();
  }
}

Result<void, BrokerError> BrokerCore::try_add(const IntrusivePtr<SubscriptionEntry>& entry,
                                              const SubscribeOptions& subscribe, Missed& missed) {
  if (runtime->is_abandoned()) return Error{BrokerError::Closed};
  Doomed doomed;
  const ReadMostlyLock::Change change{lock_};
  if (is_closed_) return Error{BrokerError::Closed};
  bool is_other_type = false;
  tree_.for_retained(entry->pattern, [&](const RetainedValue& retained) {
    is_other_type = is_other_type || !same_type(retained.value->ops->type, entry->ops.message);
    if (subscribe.retained && subscribe.group.empty() && retained.sequence > missed.seen)
      missed.values.push_back(retained.value);
  });
  if (is_other_type) {
    missed.values.clear();  // each of them is retained still
    return Error{BrokerError::WrongType};
  }
  Bucket& bucket = tree_.bucket(entry->pattern);
  struct Tidy {
    ~Tidy() {
      // The name goes with it, so the group must stay until then.
      if (const auto group = entry.group; group && entry.bucket == nullptr) {
        entry.group = {};
        tree.forget_if_empty(*group);
      }
      tree.forget_if_empty(bucket);
    }
    TopicTree& tree;
    Bucket& bucket;
    SubscriptionEntry& entry;
  } const tidy{tree_, bucket, *entry};
  if (!bucket.entries.empty() && !same_type(bucket.type, entry->ops.message)) {
    missed.values.clear();
    return Error{BrokerError::WrongType};
  }
  missed.seen = sequence_;
  if (!missed.values.empty()) return {};
  // All that needs memory first: what is held is in the tree.
  if (!subscribe.group.empty()) entry->group = tree_.group(subscribe.group);
  tree_.reserve(bucket);
  if (!hold(*entry, held_until(*entry->holder))) return Error{BrokerError::Closed};
  tree_.insert(bucket, entry, doomed);
  return {};
}

bool BrokerCore::remove(SubscriptionEntry& entry) noexcept {
  if (runtime->is_abandoned()) return false;
  Doomed doomed;
  const ReadMostlyLock::Change change{lock_};
  return tree_.remove(entry, doomed);
}

void BrokerCore::close() noexcept {
  if (runtime->is_abandoned()) return;
  std::vector<IntrusivePtr<Receivers>> receivers;
  std::vector<IntrusivePtr<Publication>> values;
  std::vector<IntrusivePtr<SubscriptionEntry>> entries;
  {
    const ReadMostlyLock::Change change{lock_};
    is_closed_ = true;
    entries = tree_.take_all(receivers, values);
  }
  for (const auto& entry : entries) let_go(*entry);
}

bool BrokerCore::forget(std::string_view topic) {
  IntrusivePtr<Publication> value;
  if (!is_topic(topic) || runtime->is_abandoned()) return false;
  const ReadMostlyLock::Change change{lock_};
  value = tree_.forget_retained(topic);
  return static_cast<bool>(value);
}

// ---- who gets it ----

IntrusivePtr<Receivers> BrokerCore::make_receivers(const Bucket& bucket) const {
  auto made = IntrusivePtr<Receivers>::adopt(new Receivers);
  made->keep = bucket.entries;
  bool one_system = true;
  for (const auto& entry : bucket.entries) {
    const Receiver receiver{entry->holder.get(), &entry->ops, entry->queue.get()};
    one_system = one_system && receiver.cell->runtime() == runtime.get();
    if (!entry->group) {
      made->each.push_back(receiver);
      if (receiver.queue == nullptr) ++made->counted_at_once;
      continue;
    }
    auto& groups = made->groups;
    auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.group == entry->group; });
    if (group == groups.end()) group = groups.insert(groups.end(), Receivers::Group{entry->group, {}});
    group->members.push_back(receiver);
  }
  if (!one_system) made->counted_at_once = 0;
  return made;
}

/// Incomplete: the receivers of some bucket are to be made first, by who may change the tree.
Result<void, BrokerError> BrokerCore::collect(std::string_view topic, const TypeInfo* type, Route& route,
                                              OtherType other, bool& is_complete) const {
  is_complete = true;
  bool is_other_type = false;
  tree_.for_matches(topic, [&](const Bucket& bucket) {
    if (!same_type(bucket.type, type)) {
      is_other_type = true;
      return other == OtherType::Skip;
    }
    is_complete = static_cast<bool>(bucket.receivers);
    if (is_complete) route.add(bucket.receivers);
    return is_complete;
  });
  if (is_other_type && other == OtherType::Refuse) return Error{BrokerError::WrongType};
  return {};
}

void BrokerCore::complete(std::string_view topic) {
  tree_.for_matches(topic, [&](Bucket& bucket) {
    if (!bucket.receivers) bucket.receivers = make_receivers(bucket);
    return true;
  });
}

Result<void, BrokerError> BrokerCore::match(std::string_view topic, const TypeInfo* type, Route& route,
                                            OtherType other) {
  if (!is_topic(topic)) return Error{BrokerError::BadTopic};
  if (runtime->is_abandoned()) return Error{BrokerError::Closed};  // the lock may be another thread's for ever
  const auto checked = [&](bool& is_complete) -> Result<void, BrokerError> {
    const auto collected = collect(topic, type, route, other, is_complete);
    if (!collected || !is_complete) route.clear();
    if (!collected) return collected;
    const RetainedValue* const retained = tree_.retained_values() == 0 ? nullptr : tree_.retained(topic);
    if (retained != nullptr && other == OtherType::Refuse && !same_type(retained->value->ops->type, type)) {
      route.clear();
      return Error{BrokerError::WrongType};
    }
    return {};
  };
  bool is_complete = false;
  {
    Lock lock;
    lock_.lock_to_read(lock);
    if (is_closed_) return Error{BrokerError::Closed};
    if (const auto result = checked(is_complete); !result || is_complete) return result;
  }
  const ReadMostlyLock::Change change{lock_};
  if (is_closed_) return Error{BrokerError::Closed};
  complete(topic);
  return checked(is_complete);
}

Result<void, BrokerError> BrokerCore::match_and_retain(std::string_view topic,
                                                       const IntrusivePtr<Publication>& publication, Route& route) {
  if (!is_topic(topic)) return Error{BrokerError::BadTopic};
  if (runtime->is_abandoned()) return Error{BrokerError::Closed};
  const TypeInfo* const type = publication->ops->type;
  IntrusivePtr<Publication> before;
  const ReadMostlyLock::Change change{lock_};
  if (is_closed_) return Error{BrokerError::Closed};
  const RetainedValue* const retained = tree_.retained(topic);
  if (retained != nullptr && !same_type(retained->value->ops->type, type)) return Error{BrokerError::WrongType};
  if (retained == nullptr && tree_.retained_values() >= options.retained_max) return Error{BrokerError::Full};
  complete(topic);
  bool is_complete = false;
  if (const auto collected = collect(topic, type, route, OtherType::Refuse, is_complete); !collected) {
    route.clear();
    return collected;
  }
  RetainedValue& slot = tree_.retained_slot(topic);
  before = std::exchange(slot.value, publication);
  slot.sequence = ++sequence_;
  return {};
}

RetainedValue BrokerCore::retained(std::string_view topic) {
  if (!is_topic(topic) || runtime->is_abandoned()) return {};
  Lock lock;
  lock_.lock_to_read(lock);
  const RetainedValue* const value = tree_.retained(topic);
  return value == nullptr ? RetainedValue{} : *value;
}

std::uint64_t BrokerCore::subscriptions() {
  if (runtime->is_abandoned()) return 0;
  Lock lock;
  lock_.lock_to_read(lock);
  return tree_.subscriptions();
}

std::uint64_t BrokerCore::retained_values() {
  if (runtime->is_abandoned()) return 0;
  Lock lock;
  lock_.lock_to_read(lock);
  return tree_.retained_values();
}

void BrokerCore::report(EventKind kind, std::string_view topic, const Cell* cell) const noexcept {
  if (runtime->events == nullptr) return;
  try {
    const std::string path = cell == nullptr ? std::string{} : cell->path();
    runtime->events->record(Event{.kind = kind,
                                  .actor = cell == nullptr ? 0 : cell->id(),
                                  .incarnation = cell == nullptr ? 0 : cell->incarnation(),
                                  .path = path,
                                  .subject = topic,
                                  .text = {},
                                  .time = runtime->clock->now()});
  } catch (...) {  // what it tells has happened all the same
  }
}

}  // namespace coppice::detail
