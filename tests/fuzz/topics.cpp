#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "brokers/broker_core.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "fuzz/input.hpp"

// The tree of topics against lists that are searched from end to end. An input is lines: a letter that says what to do,
// and a pattern or a topic, which need not be one.

namespace coppice::detail {
namespace {

using fuzz::expect;
using fuzz::Input;
using Words = std::vector<std::string>;

Words words_of(std::string_view topic) {
  Words words{""};
  for (const char c : topic) {
    if (c == '.') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

bool model_is_pattern(const Words& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i].empty() || (words[i] == ">" && i + 1 != words.size())) return false;
  }
  return true;
}
bool model_is_topic(const Words& words) {
  return std::all_of(words.begin(), words.end(), [](const auto& w) { return !w.empty() && w != "*" && w != ">"; });
}
/// NATS's rules, word by word.
bool matches(const Words& pattern, const Words& topic) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == ">") return topic.size() > i;
    if (i >= topic.size() || (pattern[i] != "*" && pattern[i] != topic[i])) return false;
  }
  return pattern.size() == topic.size();
}

struct Note {};
struct Hearer : Actor<Hearer> {
  void handle(const Note&) {}
};
const SubscriberOps& ops() { return kSubscriberOps<Hearer, Note>; }

class Pair {
 public:
  void play(char what, std::string_view text) {
    const Words words = words_of(text);
    expect(is_pattern(text) == model_is_pattern(words), "is_pattern() differs");
    expect(is_topic(text) == model_is_topic(words), "is_topic() differs");
    if ((what == 's' || what == 'g') && is_pattern(text)) subscribe(text, words, what == 'g');
    if (what == 'u') unsubscribe(text);
    if (what == 'r' && is_topic(text)) retain(text, words);
    if (what == 'f' && is_topic(text)) forget(text);
    if (is_topic(text)) match(text, words);
    if (is_pattern(text)) look_for_retained(text, words);
    expect(tree_.subscriptions() == subscribed_.size(), "subscriptions() differs");
    expect(tree_.retained_values() == retained_.size(), "retained_values() differs");
  }
  /// One after the other, or all at once: then nothing may be left that matches.
  void end(bool at_once) {
    if (at_once) {
      std::vector<IntrusivePtr<Receivers>> receivers;
      std::vector<IntrusivePtr<Publication>> values;
      expect(tree_.take_all(receivers, values).size() == subscribed_.size(), "take_all() leaves some");
      for (const auto& one : subscribed_) expect(!one.entry->is_active.load(kRelaxed), "who was taken out is active");
    } else {
      while (!subscribed_.empty()) unsubscribe(subscribed_.back().text);
      while (!retained_.empty()) forget(std::string{retained_.back().text});
    }
    expect(tree_.subscriptions() == 0 && tree_.retained_values() == 0, "something is left");
    tree_.for_retained(">", [](const auto&) { fuzz::fail("a retained value is left"); });
    tree_.for_matches("a", [](const auto&) -> bool { fuzz::fail("a bucket is left"); });
  }

 private:
  struct Subscribed {
    std::string text;
    Words words;
    IntrusivePtr<SubscriptionEntry> entry;
  };
  struct Kept {
    std::string text;
    Words words;
    std::uint64_t sequence;
  };

  /// Of a group: it is named after the first word.
  void subscribe(std::string_view text, const Words& words, bool in_group) {
    auto entry = IntrusivePtr<SubscriptionEntry>::adopt(
        new SubscriptionEntry{IntrusivePtr<BrokerCore>{}, std::string{text}, ops()});
    if (in_group) {
      entry->group = tree_.group(words.front());
      const auto members = std::count_if(subscribed_.begin(), subscribed_.end(), [&](const auto& one) {
        return one.entry->group && one.words.front() == words.front();
      });
      expect(entry->group->members == static_cast<std::uint64_t>(members), "a group has other members");
    }
    Doomed doomed;
    tree_.insert(tree_.bucket(text), entry, doomed);
    expect(entry->is_active.load(kRelaxed), "who subscribed is not active");
    subscribed_.push_back({std::string{text}, words, std::move(entry)});
  }
  /// The first with that pattern.
  void unsubscribe(std::string_view text) {
    const auto found =
        std::find_if(subscribed_.begin(), subscribed_.end(), [&](const auto& one) { return one.text == text; });
    if (found == subscribed_.end()) return;
    const Subscribed gone = std::move(*found);
    subscribed_.erase(found);
    Doomed doomed;
    expect(tree_.remove(*gone.entry, doomed), "who subscribed is not in the tree");
    expect(doomed.entry.get() == gone.entry.get(), "another one was taken out");
    Doomed twice;
    expect(!tree_.remove(*gone.entry, twice), "it was taken out twice");
  }
  void retain(std::string_view text, const Words& words) {
    tree_.retained_slot(text).sequence = ++sequence_;
    const auto found = kept(text);
    if (found == retained_.end()) {
      retained_.push_back({std::string{text}, words, sequence_});
    } else {
      found->sequence = sequence_;
    }
  }
  void forget(std::string_view text) {
    static_cast<void>(tree_.forget_retained(text));
    if (const auto found = kept(text); found != retained_.end()) retained_.erase(found);
  }
  [[nodiscard]] std::vector<Kept>::iterator kept(std::string_view text) {
    return std::find_if(retained_.begin(), retained_.end(), [&](const auto& one) { return one.text == text; });
  }

  void match(std::string_view topic, const Words& words) {
    std::vector<const SubscriptionEntry*> found;
    tree_.for_matches(topic, [&](const Bucket& bucket) {
      expect(!bucket.entries.empty(), "a bucket without subscriptions is kept");
      for (const auto& entry : bucket.entries) found.push_back(entry.get());
      return true;
    });
    std::vector<const SubscriptionEntry*> expected;
    for (const auto& one : subscribed_) {
      if (matches(one.words, words)) expected.push_back(one.entry.get());
    }
    std::sort(found.begin(), found.end());
    std::sort(expected.begin(), expected.end());
    expect(found == expected, "other subscriptions match");
    const RetainedValue* const value = tree_.retained(topic);
    const auto known = kept(topic);
    expect((value == nullptr) == (known == retained_.end()), "retained() differs");
    expect(value == nullptr || value->sequence == known->sequence, "retained() is another value");
  }
  void look_for_retained(std::string_view pattern, const Words& words) {
    std::vector<std::uint64_t> found;
    tree_.for_retained(pattern, [&](const RetainedValue& value) { found.push_back(value.sequence); });
    std::vector<std::uint64_t> expected;
    for (const auto& one : retained_) {
      if (matches(words, one.words)) expected.push_back(one.sequence);
    }
    std::sort(found.begin(), found.end());
    std::sort(expected.begin(), expected.end());
    expect(found == expected, "other retained values match");
  }

  std::vector<Subscribed> subscribed_;
  std::vector<Kept> retained_;
  std::uint64_t sequence_ = 0;
  TopicTree tree_;
};

}  // namespace
}  // namespace coppice::detail

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  coppice::fuzz::Input input{data, size};
  const bool at_once = input.one_in(2);
  coppice::detail::Pair pair;
  for (int lines = 0; !input.is_over() && lines < 200; ++lines) {
    const auto what = static_cast<char>(input.byte());
    pair.play(what, input.until('\n'));
  }
  pair.end(at_once);
  return 0;
}
