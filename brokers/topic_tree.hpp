#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "coppice/actor/holding.hpp"
#include "coppice/base/intrusive_ptr.hpp"
#include "coppice/brokers/broker.hpp"
#include "coppice/brokers/publication.hpp"
#include "subscription_queue.hpp"

namespace coppice::detail {

class BrokerCore;
struct Bucket;
struct TopicNode;

/// Whoever subscribed under one group's name, and whose turn it is.
struct SubscriberGroup final : Counted {
  explicit SubscriberGroup(std::string n) : name{std::move(n)} {}
  const std::string name;
  Atomic<std::uint64_t> turn{0};
  std::uint64_t members = 0;  // the tree's, under the broker's lock
};

/// One subscription.
///
/// Threads    what the tree writes: under the broker's lock.
/// Ownership  counted: by the tree, by its holder, by its Subscription, by receivers made of it.
struct SubscriptionEntry final : Holding {
  SubscriptionEntry(IntrusivePtr<BrokerCore> c, std::string p, const SubscriberOps& o) noexcept;
  ~SubscriptionEntry() override;
  void given_up() noexcept override;

  const IntrusivePtr<BrokerCore> core;
  const std::string pattern;
  const SubscriberOps& ops;
  IntrusivePtr<SubscriptionQueue> queue;  // null: it waits in the mailbox as any message
  IntrusivePtr<SubscriberGroup> group;    // null: it gets everything
  Atomic<bool> is_active{false};
  Bucket* bucket = nullptr;  // the tree's, as the next; null: it is not in it
  std::size_t index = 0;
};

/// Where one publication goes.
struct Receiver {
  Cell* cell;
  const SubscriberOps* ops;
  SubscriptionQueue* queue;
};

/// The subscriptions of one bucket at one moment. Never changed, so publishers read it without a lock.
///
/// Ownership  counted: by its bucket until that changes, and by who delivers to it.
struct Receivers final : Counted {
  struct Group {
    IntrusivePtr<SubscriberGroup> group;
    std::vector<Receiver> members;
  };
  std::vector<Receiver> each;
  std::vector<Group> groups;
  std::vector<IntrusivePtr<SubscriptionEntry>> keep;  // all of them
  std::uint64_t counted_at_once = 0;  // of `each`, those that go into mailboxes; 0 as well: not all are of one system
};

/// The subscriptions with one pattern.
struct Bucket {
  const TypeInfo* type = nullptr;
  TopicNode* node = nullptr;
  std::vector<IntrusivePtr<SubscriptionEntry>> entries;
  IntrusivePtr<Receivers> receivers;  // null: to be made anew
};

struct RetainedValue {
  IntrusivePtr<Publication> value;
  std::uint64_t sequence = 0;
};

struct WordHash {
  using is_transparent = void;
  [[nodiscard]] std::size_t operator()(std::string_view word) const noexcept {
    return std::hash<std::string_view>{}(word);
  }
};

/// One word of a topic, after those of its parents.
struct TopicNode {
  using Words = std::unordered_map<std::string, std::unique_ptr<TopicNode>, WordHash, std::equal_to<>>;
  TopicNode* parent = nullptr;
  std::string_view word;  // the parent's key; empty: of the root, or a star
  Words words;
  std::unique_ptr<TopicNode> star;          // patterns with * for the next word
  std::unique_ptr<Bucket> here;             // patterns that end here
  std::unique_ptr<Bucket> rest;             // patterns that end here with >
  std::unique_ptr<RetainedValue> retained;  // of the topic that ends here
  [[nodiscard]] bool is_bare() const noexcept {
    return words.empty() && star == nullptr && here == nullptr && rest == nullptr && retained == nullptr;
  }
};

[[nodiscard]] bool is_topic(std::string_view topic) noexcept;
[[nodiscard]] bool is_pattern(std::string_view pattern) noexcept;

/// What goes when the lock has been released: it may be the last to hold something of a user's.
struct Doomed {
  IntrusivePtr<SubscriptionEntry> entry;
  IntrusivePtr<Receivers> receivers;
  IntrusivePtr<SubscriberGroup> group;
};

/// Subscriptions and retained values by topic. A word is looked up in a hash table, so that a publication costs its
/// words, its stars and what it matches, however many subscriptions there are beside it.
///
/// Threads    const functions: several readers, or one who changes. All under the broker's lock.
/// Failure    no recursion: a topic may be as long as memory.
class TopicTree {
 public:
  TopicTree() = default;
  TopicTree(const TopicTree&) = delete;
  TopicTree& operator=(const TopicTree&) = delete;
  ~TopicTree() { clear(); }

  /// The bucket of a pattern, made if need be; forget_if_empty() undoes that.
  [[nodiscard]] Bucket& bucket(std::string_view pattern);
  void forget_if_empty(Bucket& bucket) noexcept;
  /// Room for one entry more: without it insert() needs memory.
  void reserve(Bucket& bucket);
  void insert(Bucket& bucket, const IntrusivePtr<SubscriptionEntry>& entry, Doomed& doomed);
  /// False: it is not in the tree.
  bool remove(SubscriptionEntry& entry, Doomed& doomed) noexcept;

  /// Calls each(bucket) for all that match; stops when it answers false.
  template <class Each>
  void for_matches(std::string_view topic, Each&& each) const;

  [[nodiscard]] const RetainedValue* retained(std::string_view topic) const noexcept;
  /// The slot of a topic, made if need be; forget_retained() removes it.
  [[nodiscard]] RetainedValue& retained_slot(std::string_view topic);
  /// Answers the value, for its last count to go after the lock.
  IntrusivePtr<Publication> forget_retained(std::string_view topic) noexcept;
  /// Calls each(value) for each retained value whose topic matches.
  template <class Each>
  void for_retained(std::string_view pattern, Each&& each) const;

  [[nodiscard]] std::uint64_t subscriptions() const noexcept { return subscriptions_; }
  [[nodiscard]] std::uint64_t retained_values() const noexcept { return retained_; }

  /// The group of that name, made if need be. It goes with its last member.
  [[nodiscard]] IntrusivePtr<SubscriberGroup> group(const std::string& name);
  void forget_if_empty(const SubscriberGroup& group) noexcept;

  /// Takes everything out.
  [[nodiscard]] std::vector<IntrusivePtr<SubscriptionEntry>> take_all(std::vector<IntrusivePtr<Receivers>>& receivers,
                                                                      std::vector<IntrusivePtr<Publication>>& values);

 private:
  [[nodiscard]] TopicNode& node_of(std::string_view topic);
  [[nodiscard]] static TopicNode& next_node(TopicNode& node, std::string_view word);
  [[nodiscard]] TopicNode* find(std::string_view topic) const noexcept;
  void prune(TopicNode* node) noexcept;
  void clear() noexcept;

  TopicNode root_;
  std::unordered_map<std::string, IntrusivePtr<SubscriberGroup>> groups_;
  std::uint64_t subscriptions_ = 0;
  std::uint64_t retained_ = 0;
};

/// The next word of a topic; what is behind it stays. Null data: there was none left.
[[nodiscard]] inline std::string_view next_word(std::string_view& topic) noexcept {
  const std::size_t dot = topic.find('.');
  const std::string_view word = topic.substr(0, dot);
  topic = dot == std::string_view::npos ? std::string_view{} : topic.substr(dot + 1);
  return word;
}

/// Places that a walk has yet to go to. Of most topics there are one or two.
template <class Place>
class Branches {
 public:
  void push(Place place) {
    if (used_ < kFew) {
      few_[used_++] = place;
    } else {
      more_.push_back(place);
    }
  }
  [[nodiscard]] bool pop(Place& place) noexcept {
    if (!more_.empty()) {
      place = more_.back();
      more_.pop_back();
      return true;
    }
    if (used_ == 0) return false;
    place = few_[--used_];
    return true;
  }

 private:
  static constexpr std::size_t kFew = 8;
  Place few_[kFew];
  std::size_t used_ = 0;
  std::vector<Place> more_;
};

/// A node, and the words that are still to come. Null data: none.
struct TopicPlace {
  const TopicNode* node = nullptr;
  std::string_view rest;
};

template <class Each>
void TopicTree::for_matches(std::string_view topic, Each&& each) const {
  Branches<TopicPlace> branches;
  for (TopicPlace at{&root_, topic}; at.node != nullptr;) {
    const TopicNode& node = *at.node;
    at.node = nullptr;
    if (at.rest.data() == nullptr) {
      if (node.here != nullptr && !each(*node.here)) return;
    } else {
      if (node.rest != nullptr && !each(*node.rest)) return;
      const std::string_view word = next_word(at.rest);
      if (const auto found = node.words.find(word); found != node.words.end()) at.node = found->second.get();
      if (const TopicNode* const star = node.star.get()) {
        if (at.node == nullptr) {
          at.node = star;
        } else {
          branches.push({star, at.rest});
        }
      }
    }
    if (at.node == nullptr && !branches.pop(at)) return;
  }
}

template <class Each>
void TopicTree::for_retained(std::string_view pattern, Each&& each) const {
  if (retained_ == 0) return;
  Branches<TopicPlace> branches;
  for (TopicPlace at{&root_, pattern}; at.node != nullptr;) {
    const TopicNode& node = *at.node;
    at.node = nullptr;
    if (at.rest.data() == nullptr) {
      if (node.retained != nullptr) each(*node.retained);
    } else {
      const std::string_view here = at.rest;
      const std::string_view word = next_word(at.rest);
      if (word == ">") {
        // All below: each is reached with the same > before it, and takes itself as well.
        for (const auto& [_, child] : node.words) {
          if (child->retained != nullptr) each(*child->retained);
          branches.push({child.get(), here});
        }
      } else if (word == "*") {
        for (const auto& [_, child] : node.words) branches.push({child.get(), at.rest});
      } else if (const auto found = node.words.find(word); found != node.words.end()) {
        at.node = found->second.get();
      }
    }
    if (at.node == nullptr && !branches.pop(at)) return;
  }
}

}  // namespace coppice::detail
