#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using testing::TestSystem;

struct Note {
  std::string topic;
};

std::vector<std::string> words_of(const std::string& topic) {
  std::vector<std::string> words{""};
  for (const char c : topic) {
    if (c == '.') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

/// NATS's rules, word by word.
bool matches(const std::string& pattern, const std::string& topic) {
  const auto asked = words_of(pattern);
  const auto given = words_of(topic);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (asked[i] == ">") return given.size() > i;
    if (i >= given.size() || (asked[i] != "*" && asked[i] != given[i])) return false;
  }
  return asked.size() == given.size();
}

/// Few words, so that much matches.
class Topics {
 public:
  explicit Topics(unsigned seed) : random_{seed} {}
  [[nodiscard]] std::size_t below(std::size_t n) { return random_() % n; }
  [[nodiscard]] std::string topic() { return draw({"a", "b", "cc"}); }
  [[nodiscard]] std::string pattern() {
    std::string pattern = draw({"a", "b", "cc", "*", "*"});
    if (below(4) == 0) pattern += ".>";
    return below(20) == 0 ? ">" : pattern;
  }

 private:
  [[nodiscard]] std::string draw(const std::vector<std::string>& words) {
    std::string topic = words[below(words.size())];
    for (std::size_t more = below(5); more > 0; --more) topic += "." + words[below(words.size())];
    return topic;
  }
  std::mt19937 random_;
};

struct Reader : Actor<Reader> {
  explicit Reader(std::vector<std::string>* s) : seen{s} {}
  void handle(const Note& note) { seen->push_back(note.topic); }
  std::vector<std::string>* seen;
};

struct Subscriber {
  std::string pattern;
  std::unique_ptr<std::vector<std::string>> seen;
  std::vector<std::string> expected;
  Subscription subscription;
};

TEST_CASE("random patterns match what a naive matcher says while subscriptions come and go") {  // F36
  Topics topics{7};
  TestSystem system;
  InMemoryBroker broker{system};
  std::vector<Subscriber> live;
  std::vector<Subscriber> gone;
  std::map<std::string, std::size_t> retained;
  for (std::size_t step = 0; step < testing::scaled(3'000); ++step) {
    const std::size_t what = topics.below(10);
    if (what < 2) {
      Subscriber subscriber{topics.pattern(), std::make_unique<std::vector<std::string>>(), {}, {}};
      for (const auto& [topic, at] : retained) {
        if (matches(subscriber.pattern, topic)) subscriber.expected.push_back(topic);
      }
      subscriber.subscription = broker.subscribe<Note>(subscriber.pattern, system.spawn<Reader>(subscriber.seen.get()));
      REQUIRE(subscriber.subscription.is_active());
      live.push_back(std::move(subscriber));
    } else if (what == 2 && !live.empty()) {
      const std::size_t which = topics.below(live.size());
      live[which].subscription.cancel();
      gone.push_back(std::move(live[which]));
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
    } else if (what == 3 && !retained.empty()) {
      CHECK(broker.forget(retained.begin()->first));
      retained.erase(retained.begin());
    } else {
      const std::string topic = topics.topic();
      const bool retain = topics.below(8) == 0;
      std::uint64_t reached = 0;
      for (Subscriber& subscriber : live) {
        if (!matches(subscriber.pattern, topic)) continue;
        subscriber.expected.push_back(topic);
        ++reached;
      }
      const Published published =
          retain ? broker.publish(topic, Note{topic}, {.retain = true}) : broker.publish(topic, Note{topic});
      CHECK(published == Published{.delivered = reached});
      if (retain) retained[topic] = step;
      CHECK(broker.retained_topics() == retained.size());
    }
    CHECK(broker.subscriptions() == live.size());
  }
  system.run_until_idle();
  for (auto* const all : {&live, &gone}) {
    for (Subscriber& subscriber : *all) {
      // Retained ones come first, in no particular order.
      std::sort(subscriber.seen->begin(), subscriber.seen->end());
      std::sort(subscriber.expected.begin(), subscriber.expected.end());
      CAPTURE(subscriber.pattern);
      CHECK(*subscriber.seen == subscriber.expected);
    }
  }
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
