#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "coppice/actor/actor_ref.hpp"
#include "coppice/actor/holding.hpp"
#include "coppice/actor/named_ref.hpp"
#include "coppice/system/system.hpp"

namespace coppice {

namespace detail {

/// What all registries have in common: the lock, and whose actors may be in.
class RegistryBase : public Counted {
 public:
  explicit RegistryBase(Runtime& runtime);
  ~RegistryBase() override;
  /// The cell to register, or null: it is another system's.
  [[nodiscard]] Cell* cell_of(const AnyRef& actor) const noexcept;

  class Locked {
   public:
    explicit Locked(const RegistryBase& base) : base_{base} { base_.lock(); }
    ~Locked() { base_.unlock(); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;

   private:
    const RegistryBase& base_;
  };

 private:
  struct State;
  void lock() const;
  void unlock() const noexcept;
  const std::unique_ptr<State> state_;
};

}  // namespace detail

enum class Keys : unsigned char {
  Unique,     ///< a key has one actor at most
  Duplicate,  ///< a key has any number of entries, of one actor too
};

/// For registries whose entries have no values.
struct NoValue {};

/// Which actors are to be found under which keys, each entry with a value: the general form of names. Keys are of any
/// type that is copied and ordered by `<`.
///
/// Threads    every function: any.
/// Ownership  may end before its actors and its system, and after them.
/// Order      a lookup shows what a register_key() or unregister_key() did from the moment that call returns; entries of
///            one key stand in the order of their actors' creation, then of registration.
/// Failure    nothing throws but std::bad_alloc and what copying keys and values throws; comparing keys must not. Keys
///            are copied and compared under the registry's lock, where they may not use it; no other code of a user's
///            runs there.
/// Source     Elixir's Registry.
/// [K1] Under Keys::Unique one of many that register one key at once gets it, and the others are told who.
/// [K2] An actor's entries are gone before the Down of its end: of its life for what it registered on its own turn, of
///      its place for what others registered.
template <class Key, class Value = NoValue>
class Registry {
  class Table;

 public:
  struct Entry {
    AnyRef actor;
    Value value;
  };

  explicit Registry(System& system, Keys keys = Keys::Unique)
      : table_{detail::IntrusivePtr<Table>::adopt(new Table{system.runtime(), keys})} {}
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  ~Registry() { table_->close(); }

  /// Taken says who has the key: under Keys::Unique, perhaps the actor itself.
  Result<void, NameError> register_key(const Key& key, const AnyRef& actor, Value value = {}) {
    return table_->add(key, actor, std::make_shared<const Value>(std::move(value)));
  }
  /// All entries of that actor under that key; how many there were.
  std::size_t unregister_key(const Key& key, const AnyRef& actor) { return table_->remove_of(key, actor); }
  /// Puts a value in place of those that the actor's entries under that key have; how many.
  std::size_t update_value(const Key& key, const AnyRef& actor, Value value) {
    return table_->update(key, actor, std::make_shared<const Value>(std::move(value)));
  }

  [[nodiscard]] std::vector<Entry> lookup(const Key& key) const {
    std::vector<Entry> entries;
    dispatch(key, [&](const AnyRef& actor, const Value& value) { entries.push_back({actor, value}); });
    return entries;
  }
  /// The actor under a unique key; of duplicates, the first.
  template <class A>
  [[nodiscard]] Result<ActorRef<A>, LookupError> find(const Key& key) const {
    const auto entries = table_->snapshot(key);
    if (entries.empty()) return Error{LookupError::Unknown};
    auto ref = entries.front().first.template as<A>();
    if (ref.id() == 0) return Error{LookupError::WrongType};
    return ref;
  }
  /// Calls `each(const AnyRef&, const Value&)` for every entry that is there now, in the caller's thread and outside of
  /// the lock; how many.
  template <class F>
  std::size_t dispatch(const Key& key, F&& each) const {
    const auto entries = table_->snapshot(key);
    for (const auto& [actor, value] : entries) each(actor, *value);
    return entries.size();
  }

  /// The keys that the actor is registered under, in the order of registration; one of several entries several times.
  [[nodiscard]] std::vector<Key> keys(const AnyRef& actor) const { return table_->keys_of(actor); }
  /// The values of its entries under that key.
  [[nodiscard]] std::vector<Value> values(const Key& key, const AnyRef& actor) const {
    std::vector<Value> values;
    for (const auto& [holder, value] : table_->snapshot(key)) {
      if (holder == actor) values.push_back(*value);
    }
    return values;
  }
  /// Entries.
  [[nodiscard]] std::size_t count() const { return table_->count(); }

 private:
  detail::IntrusivePtr<Table> table_;
};

template <class Key, class Value>
class Registry<Key, Value>::Table final : public detail::RegistryBase {
 public:
  using Shared = std::shared_ptr<const Value>;
  Table(detail::Runtime& runtime, Keys keys) : RegistryBase{runtime}, is_unique_{keys == Keys::Unique} {}

  Result<void, NameError> add(const Key& key, const AnyRef& actor, Shared value) {
    detail::Cell* const cell = cell_of(actor);
    if (cell == nullptr) return Error{NameError{NameError::Kind::Ended, {}}};
    const auto item = detail::IntrusivePtr<Item>::adopt(new Item{*this, key, *cell, std::move(value)});
    static_cast<void>(cell->extras());  // hold() needs them, and must not have to look for memory
    const Locked lock{*this};
    const auto known = by_key_.find(key);
    if (is_unique_ && known != by_key_.end()) {
      return Error{
          NameError{NameError::Kind::Taken, detail::RefAccess::make<AnyRef>(known->second.begin()->second->holder)}};
    }
    if (is_closed_) return Error{NameError{NameError::Kind::Ended, {}}};
    // Copying the key may throw, and so may the rest: what is in is taken out again.
    item->id = {cell->id(), ++last_number_};
    const auto entries = known != by_key_.end() ? known : by_key_.try_emplace(key).first;
    const auto take_out = [&] {
      entries->second.erase(item->id);
      if (entries->second.empty()) by_key_.erase(entries);
    };
    try {
      entries->second.emplace(item->id, item);
      by_actor_.emplace(item->id, item);
    } catch (...) {
      take_out();
      throw;
    }
    if (detail::hold(*item, detail::held_until(*cell))) {
      item->is_in = true;
      return {};
    }
    take_out();
    by_actor_.erase(item->id);
    return Error{NameError{NameError::Kind::Ended, {}}};
  }

  std::size_t remove_of(const Key& key, const AnyRef& actor) {
    std::vector<detail::IntrusivePtr<Item>> gone;
    {
      const Locked lock{*this};
      for_each_of(key, actor, [&](const detail::IntrusivePtr<Item>& item) { gone.push_back(item); });
      for (const auto& item : gone) erase(*item);
    }
    for (const auto& item : gone) detail::let_go(*item);
    return gone.size();
  }

  std::size_t update(const Key& key, const AnyRef& actor, const Shared& value) {
    std::vector<Shared> old;  // goes after the lock
    const Locked lock{*this};
    for_each_of(key, actor,
                [&](const detail::IntrusivePtr<Item>& item) { old.push_back(std::exchange(item->value, value)); });
    return old.size();
  }

  [[nodiscard]] std::vector<std::pair<AnyRef, Shared>> snapshot(const Key& key) const {
    std::vector<std::pair<AnyRef, Shared>> entries;
    const Locked lock{*this};
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return entries;
    entries.reserve(found->second.size());
    for (const auto& [id, item] : found->second)
      entries.emplace_back(detail::RefAccess::make<AnyRef>(item->holder), item->value);
    return entries;
  }

  [[nodiscard]] std::vector<Key> keys_of(const AnyRef& actor) const {
    std::vector<Key> keys;
    const Locked lock{*this};
    for (auto at = by_actor_.lower_bound({actor.id(), 0}); at != by_actor_.end() && at->first.first == actor.id(); ++at)
      keys.push_back(at->second->key);
    return keys;
  }

  [[nodiscard]] std::size_t count() const {
    const Locked lock{*this};
    return by_actor_.size();
  }

  void close() {
    std::map<Id, detail::IntrusivePtr<Item>> old;
    {
      const Locked lock{*this};
      is_closed_ = true;
      old.swap(by_actor_);
      by_key_.clear();
      for (auto& [id, item] : old) item->is_in = false;
    }
    for (auto& [id, item] : old) detail::let_go(*item);
  }

 private:
  /// The actor's id, then the number of the registration.
  using Id = std::pair<std::uint64_t, std::uint64_t>;
  struct Item final : detail::Holding {
    Item(Table& t, const Key& k, detail::Cell& cell, Shared v)
        : table{detail::IntrusivePtr<Table>::of(t)}, key{k}, value{std::move(v)} {
      holder = detail::IntrusivePtr<detail::Cell>::of(cell);
    }
    void given_up() noexcept override { table->forget(*this); }
    const detail::IntrusivePtr<Table> table;
    const Key key;
    Shared value;  // this and the rest: under the table's lock
    Id id{};
    bool is_in = false;
  };

  template <class F>
  void for_each_of(const Key& key, const AnyRef& actor, F&& each) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    auto& items = found->second;
    for (auto at = items.lower_bound({actor.id(), 0}); at != items.end() && at->first.first == actor.id(); ++at)
      each(at->second);
  }
  /// Somebody else must have a count.
  void erase(Item& item) {
    item.is_in = false;
    by_actor_.erase(item.id);
    const auto found = by_key_.find(item.key);
    found->second.erase(item.id);
    if (found->second.empty()) by_key_.erase(found);
  }
  void forget(Item& item) noexcept {
    const auto keep = detail::IntrusivePtr<Item>::of(item);
    const Locked lock{*this};
    if (item.is_in) erase(item);
  }

  const bool is_unique_;
  bool is_closed_ = false;
  std::uint64_t last_number_ = 0;
  std::map<Key, std::map<Id, detail::IntrusivePtr<Item>>> by_key_;
  std::map<Id, detail::IntrusivePtr<Item>> by_actor_;
};

}  // namespace coppice
