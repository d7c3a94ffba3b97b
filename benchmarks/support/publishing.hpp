#pragma once

/// Publishing through InMemoryBroker, for more than one benchmark; see workloads.hpp.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "coppice/coppice.hpp"
#include "harness.hpp"

namespace coppice::bench {

struct Quote {
  std::int64_t price;
};

/// Who comes last says so.
struct Audience {
  explicit Audience(Finish* f) : finish{f} {}
  void expect(std::int64_t subscribers) { left.store(subscribers, std::memory_order_relaxed); }
  void one_is_done() {
    if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) finish->reach();
  }
  Finish* finish;
  std::atomic<std::int64_t> left{0};
};

struct Listener : Actor<Listener> {
  explicit Listener(Audience* a) : audience{a} {}
  void handle(const Quote& quote) {
    ++count;
    if (quote.price == 0) audience->one_is_done();  // the last of a run
  }
  Audience* audience;
  std::int64_t count = 0;
};

struct Quotes {
  std::int64_t count;
};

struct QuoteSource : Actor<QuoteSource> {
  QuoteSource(InMemoryBroker* b, std::int64_t a_turn, std::int64_t n) : broker{b}, each_turn{a_turn}, audience{n} {}
  void handle(Quotes quotes) {
    const std::int64_t now = std::min(quotes.count, each_turn);
    for (std::int64_t left = quotes.count; left > quotes.count - now; --left) {
      const Published published = broker->publish("quotes.tea", Quote{left - 1});
      require(static_cast<std::int64_t>(published.delivered) == audience, "a subscriber did not get a publication");
    }
    if (quotes.count > now) self().send(Quotes{quotes.count - now});
  }
  InMemoryBroker* broker;
  std::int64_t each_turn;
  std::int64_t audience;
};

/// An actor publishes to many that count.
class Publishing {
 public:
  Publishing(unsigned workers, std::int64_t subscribers, std::int64_t each_turn)
      : system_{default_options(workers)}, broker_{system_}, subscribers_{subscribers}, each_turn_{each_turn} {
    for (std::int64_t i = 0; i < subscribers; ++i)
      subscriptions_.push_back(broker_.subscribe<Quote>("quotes.*", system_.spawn<Listener>(&audience_)));
    source_ = system_.spawn<QuoteSource>(&broker_, each_turn, subscribers);
    come_to_rest(system_);
  }
  Nanoseconds run(std::int64_t publications) {
    audience_.expect(subscribers_);
    const Nanoseconds begun = now_ns();
    source_.send(Quotes{publications});
    const std::int64_t turns = (publications + each_turn_ - 1) / each_turn_;
    messages_ += static_cast<std::uint64_t>(publications * subscribers_ + turns);
    return finish_.wait() - begun;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  Finish finish_;
  Audience audience_{&finish_};
  ActorSystem system_;
  InMemoryBroker broker_;
  std::vector<Subscription> subscriptions_;
  ActorRef<QuoteSource> source_;
  std::int64_t subscribers_;
  std::int64_t each_turn_;
  std::uint64_t messages_ = 0;
};

/// Many subscriptions below one word; what is published comes from outside, and matches one of them.
class OneOfMany {
 public:
  explicit OneOfMany(std::size_t subscriptions) : system_{default_options(1)}, broker_{system_} {
    listener_ = system_.spawn<Listener>(&audience_);
    audience_.expect(1);
    subscriptions_.reserve(subscriptions);
    for (std::size_t i = 0; i < subscriptions; ++i)
      subscriptions_.push_back(broker_.subscribe<Quote>("quotes." + std::to_string(i), listener_));
    topic_ = "quotes." + std::to_string(subscriptions / 2);
  }
  void publish() {
    const Published published = broker_.publish(topic_, Quote{1});
    require(published.delivered == 1, "the publication did not arrive");
    ++messages_;
  }
  void publish_to_nobody() { keep(broker_.publish("quotes.none", Quote{1})); }
  void subscribe_and_cancel() { keep(broker_.subscribe<Quote>("quotes.*", listener_)); }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  Finish finish_;
  Audience audience_{&finish_};
  ActorSystem system_;
  InMemoryBroker broker_;
  ActorRef<Listener> listener_;
  std::vector<Subscription> subscriptions_;
  std::string topic_;
  std::uint64_t messages_ = 0;
};

}  // namespace coppice::bench
