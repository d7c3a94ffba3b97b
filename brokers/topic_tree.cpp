#include "topic_tree.hpp"

#include <utility>

namespace coppice::detail {
namespace {

/// Whether `allows(word, is_last)` holds for each word, and none is empty.
template <class Allows>
bool all_words(std::string_view topic, Allows&& allows) noexcept {
  do {
    const std::string_view word = next_word(topic);
    if (word.empty() || !allows(word, topic.data() == nullptr)) return false;
  } while (topic.data() != nullptr);
  return true;
}

}  // namespace

bool is_pattern(std::string_view pattern) noexcept {
  return all_words(pattern, [](std::string_view word, bool last) { return word != ">" || last; });
}
bool is_topic(std::string_view topic) noexcept {
  return all_words(topic, [](std::string_view word, bool) { return word != ">" && word != "*"; });
}

/// One word further; made if need be.
TopicNode& TopicTree::next_node(TopicNode& node, std::string_view word) {
  const bool is_star = word == "*";
  const auto found = is_star ? node.words.end() : node.words.find(word);
  if (found != node.words.end()) return *found->second;
  if (is_star && node.star != nullptr) return *node.star;
  auto made = std::make_unique<TopicNode>();
  TopicNode& next = *made;
  next.parent = &node;
  if (is_star) {
    node.star = std::move(made);
  } else {
    next.word = node.words.try_emplace(std::string{word}, std::move(made)).first->first;
  }
  return next;
}

TopicNode& TopicTree::node_of(std::string_view topic) {
  TopicNode* node = &root_;
  try {
    while (topic.data() != nullptr) node = &next_node(*node, next_word(topic));
  } catch (...) {  // no memory for the rest of the branch
    prune(node);
    throw;
  }
  return *node;
}

TopicNode* TopicTree::find(std::string_view topic) const noexcept {
  const TopicNode* node = &root_;
  while (topic.data() != nullptr) {
    const auto found = node->words.find(next_word(topic));
    if (found == node->words.end()) return nullptr;
    node = found->second.get();
  }
  return const_cast<TopicNode*>(node);
}

Bucket& TopicTree::bucket(std::string_view pattern) {
  const bool has_rest = pattern == ">" || pattern.ends_with(".>");
  if (has_rest) pattern = pattern.size() == 1 ? std::string_view{} : pattern.substr(0, pattern.size() - 2);
  TopicNode& node = node_of(pattern);
  std::unique_ptr<Bucket>& bucket = has_rest ? node.rest : node.here;
  if (bucket == nullptr) {
    try {
      bucket = std::make_unique<Bucket>();
    } catch (...) {
      prune(&node);
      throw;
    }
    bucket->node = &node;
  }
  return *bucket;
}

void TopicTree::reserve(Bucket& bucket) {
  auto& entries = bucket.entries;
  if (entries.size() == entries.capacity()) entries.reserve(2 * entries.size() + 1);
}

void TopicTree::forget_if_empty(Bucket& bucket) noexcept {
  if (!bucket.entries.empty()) return;
  TopicNode* const node = bucket.node;
  (node->here.get() == &bucket ? node->here : node->rest) = nullptr;
  prune(node);
}

/// Branches that lead nowhere go, so that the tree is as large as what is in it.
void TopicTree::prune(TopicNode* node) noexcept {
  while (node->parent != nullptr && node->is_bare()) {
    TopicNode* const parent = node->parent;
    if (parent->star.get() == node) {
      parent->star = nullptr;
    } else {
      parent->words.erase(parent->words.find(node->word));
    }
    node = parent;
  }
}

void TopicTree::insert(Bucket& bucket, const IntrusivePtr<SubscriptionEntry>& entry, Doomed& doomed) {
  bucket.entries.push_back(entry);
  entry->bucket = &bucket;
  entry->index = bucket.entries.size() - 1;
  entry->is_active.store(true, kRelease);
  if (entry->group) ++entry->group->members;
  bucket.type = entry->ops.message;
  doomed.receivers = std::exchange(bucket.receivers, {});
  ++subscriptions_;
}

bool TopicTree::remove(SubscriptionEntry& entry, Doomed& doomed) noexcept {
  Bucket* const bucket = std::exchange(entry.bucket, nullptr);
  if (bucket == nullptr) return false;
  entry.is_active.store(false, kRelease);
  auto& entries = bucket->entries;
  doomed.entry = std::exchange(entries[entry.index], {});
  if (entry.index + 1 != entries.size()) {
    entries[entry.index] = std::move(entries.back());
    entries[entry.index]->index = entry.index;
  }
  entries.pop_back();
  doomed.receivers = std::exchange(bucket->receivers, {});
  if (entry.group && --entry.group->members == 0) {
    const auto found = groups_.find(entry.group->name);
    doomed.group = std::move(found->second);
    groups_.erase(found);
  }
  --subscriptions_;
  forget_if_empty(*bucket);
  return true;
}

IntrusivePtr<SubscriberGroup> TopicTree::group(const std::string& name) {
  if (const auto found = groups_.find(name); found != groups_.end()) return found->second;
  auto group = IntrusivePtr<SubscriberGroup>::adopt(new SubscriberGroup{name});
  groups_.emplace(name, group);
  return group;
}

void TopicTree::forget_if_empty(const SubscriberGroup& group) noexcept {
  if (group.members == 0) groups_.erase(groups_.find(group.name));
}

const RetainedValue* TopicTree::retained(std::string_view topic) const noexcept {
  const TopicNode* const node = find(topic);
  return node == nullptr ? nullptr : node->retained.get();
}

RetainedValue& TopicTree::retained_slot(std::string_view topic) {
  TopicNode& node = node_of(topic);
  if (node.retained == nullptr) {
    try {
      node.retained = std::make_unique<RetainedValue>();
    } catch (...) {
      prune(&node);
      throw;
    }
    ++retained_;
  }
  return *node.retained;
}

IntrusivePtr<Publication> TopicTree::forget_retained(std::string_view topic) noexcept {
  TopicNode* const node = find(topic);
  if (node == nullptr || node->retained == nullptr) return {};
  auto value = std::move(node->retained->value);
  node->retained = nullptr;
  --retained_;
  prune(node);
  return value;
}

std::vector<IntrusivePtr<SubscriptionEntry>> TopicTree::take_all(std::vector<IntrusivePtr<Receivers>>& receivers,
                                                                 std::vector<IntrusivePtr<Publication>>& values) {
  std::vector<IntrusivePtr<SubscriptionEntry>> all;
  all.reserve(subscriptions_);
  std::vector<TopicNode*> left{&root_};
  while (!left.empty()) {
    TopicNode* const node = left.back();
    left.pop_back();
    for (Bucket* const bucket : {node->here.get(), node->rest.get()}) {
      if (bucket == nullptr) continue;
      receivers.push_back(std::exchange(bucket->receivers, {}));
      for (auto& entry : bucket->entries) {
        entry->bucket = nullptr;
        entry->is_active.store(false, kRelease);
        all.push_back(std::move(entry));
      }
    }
    if (node->retained != nullptr) values.push_back(std::move(node->retained->value));
    if (node->star != nullptr) left.push_back(node->star.get());
    for (auto& [word, child] : node->words) left.push_back(child.get());
  }
  clear();
  return all;
}

/// Child after child, since a topic may be longer than the stack is deep.
void TopicTree::clear() noexcept {
  TopicNode* node = &root_;
  for (;;) {
    node->here = nullptr;
    node->rest = nullptr;
    node->retained = nullptr;
    if (node->star != nullptr) {
      node = node->star.get();
    } else if (!node->words.empty()) {
      node = node->words.begin()->second.get();
    } else if (TopicNode* const parent = node->parent) {
      if (parent->star.get() == node) {
        parent->star = nullptr;
      } else {
        parent->words.erase(parent->words.begin());
      }
      node = parent;
    } else {
      break;
    }
  }
  groups_.clear();
  subscriptions_ = retained_ = 0;
}

}  // namespace coppice::detail
