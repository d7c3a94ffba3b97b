#include "coppice/brokers/in_memory_broker.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/mutex.hpp"
#include "coppice/actor/signals.hpp"

namespace coppice {

const char* to_string(BrokerError error) noexcept {
  switch (error) {
    case BrokerError::BadTopic: return "a topic is dot-separated words; * and a trailing > belong into patterns only";
    case BrokerError::WrongType: return "the topic has subscribers for another message type";
    case BrokerError::Closed: return "the broker or the subscriber is gone";
  }
  return "unknown";
}

namespace detail {
namespace {

/// Calls `each` with every word. False: there is none, or an empty one.
template <class F>
bool for_each_word(std::string_view topic, F&& each) {
  for (;;) {
    const std::size_t dot = topic.find('.');
    const std::string_view word = topic.substr(0, dot);
    if (word.empty() || !each(word, dot == std::string_view::npos)) return false;
    if (dot == std::string_view::npos) return true;
    topic.remove_prefix(dot + 1);
  }
}

bool is_pattern(std::string_view pattern) {
  return for_each_word(pattern, [](std::string_view word, bool last) { return word != ">" || last; });
}
bool is_topic(std::string_view topic) {
  return for_each_word(topic, [](std::string_view word, bool) { return word != ">" && word != "*"; });
}

struct TopicNode {
  std::map<std::string, std::unique_ptr<TopicNode>, std::less<>> words;  // "*" and ">" among them
  std::vector<std::shared_ptr<SubscriptionEntry>> here;
};

}  // namespace

/// Ties a subscription made from outside to the subscriber's place.
struct PlaceTie final : PlaceItem {
  explicit PlaceTie(std::weak_ptr<SubscriptionEntry> e) noexcept : entry{std::move(e)} {}
  void place_ended() noexcept override;
  std::weak_ptr<SubscriptionEntry> entry;
};

/// Ties a subscription that an actor made for itself to the life that made it.
struct LifeTie final : PoolAllocated, LifeItem {
  LifeTie(Cell& cell, std::weak_ptr<SubscriptionEntry> e) noexcept
      : LifeItem{&LifeTie::withdraw_tie}, owner{&cell}, entry{std::move(e)} {}
  static void withdraw_tie(LifeItem& item) noexcept;
  Cell* owner;  // the tie lives in its list
  std::weak_ptr<SubscriptionEntry> entry;
};

struct SubscriptionEntry {
  std::weak_ptr<BrokerCore> broker;
  std::string pattern;
  const TypeInfo* type;
  const EnvelopeOps* ops;
  IntrusivePtr<Cell> cell;
  Atomic<bool> active{true};
  IntrusivePtr<PlaceTie> place;  // of a place's subscription
  LifeTie* life = nullptr;       // of a life's; touched on that actor's turn only
};

/// Threads    any, under the mutex. Nothing is delivered under it.
class BrokerCore : public std::enable_shared_from_this<BrokerCore> {
 public:
  explicit BrokerCore(Runtime& r) noexcept : runtime{IntrusivePtr<Runtime>::share(&r)} {}

  [[nodiscard]] Result<void, BrokerError> add(const std::shared_ptr<SubscriptionEntry>& entry) {
    const Lock lock{mutex_};
    if (closed_) return Error{BrokerError::Closed};
    TopicNode* node = &root_;
    for_each_word(entry->pattern, [&](std::string_view word, bool) {
      auto& next = node->words[std::string{word}];
      if (next == nullptr) next = std::make_unique<TopicNode>();
      node = next.get();
      return true;
    });
    if (!node->here.empty() && !same_type(node->here.front()->type, entry->type)) return Error{BrokerError::WrongType};
    node->here.push_back(entry);
    ++count_;
    return {};
  }

  /// True for the one caller that removed it.
  bool remove(SubscriptionEntry& entry) {
    std::shared_ptr<SubscriptionEntry> keep;  // goes after the lock
    const Lock lock{mutex_};
    if (!entry.active.exchange(false, kAcqRel)) return false;
    std::vector<std::pair<TopicNode*, std::string>> path;
    TopicNode* node = &root_;
    for_each_word(entry.pattern, [&](std::string_view word, bool) {
      path.emplace_back(node, word);
      node = node->words.find(word)->second.get();
      return true;
    });
    const auto found =
        std::find_if(node->here.begin(), node->here.end(), [&](const auto& other) { return other.get() == &entry; });
    keep = *found;
    node->here.erase(found);
    --count_;
    // Branches that lead nowhere go, so that the tree is as large as what is subscribed.
    while (!path.empty()) {
      auto& [parent, word] = path.back();
      const auto child = parent->words.find(word);
      if (!child->second->words.empty() || !child->second->here.empty()) break;
      parent->words.erase(child);
      path.pop_back();
    }
    return true;
  }

  [[nodiscard]] Result<void, BrokerError> match(std::string_view topic, const TypeInfo* type,
                                                std::vector<Receiver>& receivers) const {
    if (!is_topic(topic)) return Error{BrokerError::BadTopic};
    const Lock lock{mutex_};
    std::vector<const TopicNode*> reached{&root_};
    bool wrong_type = false;
    const auto collect = [&](const TopicNode& node) {
      for (const auto& entry : node.here) {
        wrong_type = wrong_type || !same_type(entry->type, type);
        receivers.push_back({entry->cell, entry->ops});
      }
    };
    const auto follow = [](const TopicNode& node, std::string_view word) -> const TopicNode* {
      const auto found = node.words.find(word);
      return found == node.words.end() ? nullptr : found->second.get();
    };
    for_each_word(topic, [&](std::string_view word, bool) {
      std::vector<const TopicNode*> next;
      for (const TopicNode* node : reached) {
        if (const TopicNode* rest = follow(*node, ">")) collect(*rest);
        if (const TopicNode* exact = follow(*node, word)) next.push_back(exact);
        if (const TopicNode* any = follow(*node, "*")) next.push_back(any);
      }
      reached = std::move(next);
      return true;
    });
    for (const TopicNode* node : reached) collect(*node);
    if (!wrong_type) return {};
    receivers.clear();
    return Error{BrokerError::WrongType};
  }

  void close() {
    TopicNode old;  // its entries go after the lock
    const Lock lock{mutex_};
    closed_ = true;
    count_ = 0;
    deactivate_all();
    std::swap(old, root_);
  }

  [[nodiscard]] std::uint64_t count() const noexcept {
    const Lock lock{mutex_};
    return count_;
  }

  void report(EventKind kind, std::string_view topic, const Cell* cell) const {
    if (runtime->events == nullptr) return;
    const std::string path = cell == nullptr ? std::string{} : cell->path();
    runtime->events->record(Event{.kind = kind,
                                  .actor = cell == nullptr ? 0 : cell->id(),
                                  .incarnation = cell == nullptr ? 0 : cell->incarnation(),
                                  .path = path,
                                  .subject = topic,
                                  .text = {},
                                  .time = runtime->clock->now()});
  }

  const IntrusivePtr<Runtime> runtime;

 private:
  void deactivate_all() {
    std::vector<TopicNode*> left{&root_};
    while (!left.empty()) {
      TopicNode* const node = left.back();
      left.pop_back();
      for (const auto& entry : node->here) entry->active.store(false, kRelease);
      for (auto& [word, child] : node->words) left.push_back(child.get());
    }
  }

  mutable Mutex mutex_;
  TopicNode root_;
  std::uint64_t count_ = 0;
  bool closed_ = false;
};

namespace {

/// Whoever comes first takes the subscription out; the others find it gone.
void end_entry(SubscriptionEntry& entry) noexcept {
  const auto broker = entry.broker.lock();
  if (broker == nullptr || !broker->remove(entry)) return;
  broker->report(EventKind::Unsubscribed, entry.pattern, entry.cell.get());
}

}  // namespace

void PlaceTie::place_ended() noexcept {
  if (const auto live = entry.lock()) end_entry(*live);
}

void LifeTie::withdraw_tie(LifeItem& item) noexcept {
  auto* const tie = static_cast<LifeTie*>(&item);
  if (const auto live = tie->entry.lock()) {
    live->life = nullptr;
    end_entry(*live);
  }
  delete tie;
}

}  // namespace detail

using detail::SubscriptionEntry;

Subscription::Subscription(std::shared_ptr<SubscriptionEntry> entry) noexcept : entry_{std::move(entry)} {}
Subscription::Subscription(Subscription&& other) noexcept
    : entry_{std::exchange(other.entry_, nullptr)}, status_{other.status_} {}
Subscription& Subscription::operator=(Subscription&& other) noexcept {
  if (this != &other) {
    cancel();
    entry_ = std::exchange(other.entry_, nullptr);
    status_ = other.status_;
  }
  return *this;
}
Subscription::~Subscription() { cancel(); }

void Subscription::cancel() noexcept {
  const auto entry = std::exchange(entry_, nullptr);
  if (entry == nullptr) return;
  detail::end_entry(*entry);
  if (entry->place) detail::detach(*entry->cell, detail::IntrusivePtr<detail::PlaceItem>::share(entry->place.get()));
  // The life's list belongs to its turn; cancelled elsewhere, the tie stays until the life ends and then finds nothing
  // to do.
  if (detail::this_thread.cell == entry->cell.get() && entry->life != nullptr) {
    detail::LifeTie* const tie = std::exchange(entry->life, nullptr);
    if (detail::delist(*entry->cell, *tie)) delete tie;
  }
}

bool Subscription::is_active() const noexcept { return entry_ != nullptr && entry_->active.load(detail::kAcquire); }

InMemoryBroker::InMemoryBroker(System& system) : core_{std::make_shared<detail::BrokerCore>(system.runtime())} {}
InMemoryBroker::~InMemoryBroker() { core_->close(); }

Subscription InMemoryBroker::subscribe_untyped(std::string_view pattern, const detail::TypeInfo* type,
                                               const detail::EnvelopeOps* ops,
                                               const detail::IntrusivePtr<detail::Cell>& cell) {
  if (!detail::is_pattern(pattern)) return Subscription{BrokerError::BadTopic};
  if (!cell || cell->is_closed()) return Subscription{BrokerError::Closed};
  auto entry = std::make_shared<SubscriptionEntry>();
  entry->broker = core_;
  entry->pattern = pattern;
  entry->type = type;
  entry->ops = ops;
  entry->cell = cell;
  const bool own_turn = detail::this_thread.cell == cell.get();
  if (!own_turn) entry->place = detail::IntrusivePtr<detail::PlaceTie>::adopt(new detail::PlaceTie{entry});
  if (const auto added = core_->add(entry); !added) return Subscription{added.error()};
  if (own_turn) {
    entry->life = new detail::LifeTie{*cell, entry};
    detail::enlist(*cell, *entry->life);
  } else {
    detail::attach(*cell, detail::IntrusivePtr<detail::PlaceItem>::share(entry->place.get()));
  }
  core_->report(EventKind::Subscribed, pattern, cell.get());
  return Subscription{std::move(entry)};
}

Result<void, BrokerError> InMemoryBroker::match(std::string_view topic, const detail::TypeInfo* type,
                                                std::vector<detail::Receiver>& receivers) const {
  return core_->match(topic, type, receivers);
}

void InMemoryBroker::report_published(std::string_view topic) const {
  core_->report(EventKind::Published, topic, nullptr);
}
std::uint64_t InMemoryBroker::subscriptions() const noexcept { return core_->count(); }

}  // namespace coppice
