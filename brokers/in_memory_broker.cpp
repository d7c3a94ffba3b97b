#include "coppice/brokers/in_memory_broker.hpp"

#include <memory>
#include <utility>

#include "broker_core.hpp"
#include "dead_letter_topic.hpp"

namespace coppice {

const char* to_string(BrokerError error) noexcept {
  switch (error) {
    case BrokerError::BadTopic: return "a topic is dot-separated words; * and a trailing > belong into patterns only";
    case BrokerError::WrongType: return "the topic has subscribers, or a retained value, of another message type";
    case BrokerError::Closed: return "the broker or the subscriber is gone";
    case BrokerError::BadOption:
      return "a subscription's bound is one or more, first in first out, does not block and is not measured";
    case BrokerError::Full: return "the broker retains as many values as BrokerOptions::retained_max";
  }
  return "unknown";
}

namespace {

using detail::IntrusivePtr;
using detail::SubscriptionEntry;

class InMemorySubscription final : public SubscriptionState {
 public:
  explicit InMemorySubscription(IntrusivePtr<SubscriptionEntry> entry) noexcept : entry_{std::move(entry)} {}
  void cancel() noexcept override {
    entry_->given_up();
    detail::let_go(*entry_);
  }
  bool is_active() const noexcept override { return entry_->is_active.load(detail::kAcquire); }

 private:
  const IntrusivePtr<SubscriptionEntry> entry_;
};

/// A subscription keeps its publications in their order, and lets nobody wait.
bool is_possible(const Bounded& bound) noexcept {
  return MailboxOptions{bound}.fault() == nullptr && bound.overflow.overflow() != Overflow::Block &&
         bound.overflow.key() == nullptr && bound.order == Order::Fifo && !bound.measured;
}

}  // namespace

InMemoryBroker::InMemoryBroker(System& system, BrokerOptions options)
    : core_{IntrusivePtr<detail::BrokerCore>::adopt(new detail::BrokerCore{system.runtime(), std::move(options)})} {
  if (core_->options.dead_letters.empty() || !status()) return;
  dead_letters_ =
      IntrusivePtr<detail::DeadLetterSink>::adopt(new detail::DeadLetterTopic{core_, core_->options.dead_letters});
  detail::add_dead_letter_sink(*core_->runtime, dead_letters_);
}

InMemoryBroker::~InMemoryBroker() {
  if (dead_letters_) detail::remove_dead_letter_sink(*core_->runtime, *dead_letters_);
  core_->close();
}

Result<void, BrokerError> InMemoryBroker::status() const noexcept {
  const std::string& topic = core_->options.dead_letters;
  if (!topic.empty() && !detail::is_topic(topic)) return Error{BrokerError::BadTopic};
  return {};
}

Subscription InMemoryBroker::subscribe_untyped(std::string_view pattern, const detail::SubscriberOps& ops,
                                               const IntrusivePtr<detail::Cell>& cell,
                                               const SubscribeOptions& options) {
  if (!detail::is_pattern(pattern)) return Subscription{BrokerError::BadTopic};
  if (options.bound && !is_possible(*options.bound)) return Subscription{BrokerError::BadOption};
  if (!cell) return Subscription{BrokerError::Closed};
  detail::Cell& live = detail::live_cell(*cell);
  if (live.is_closed()) return Subscription{BrokerError::Closed};
  auto entry = IntrusivePtr<SubscriptionEntry>::adopt(new SubscriptionEntry{core_, std::string{pattern}, ops});
  entry->holder = IntrusivePtr<detail::Cell>::of(live);
  if (options.bound)
    entry->queue = IntrusivePtr<detail::SubscriptionQueue>::adopt(new detail::SubscriptionQueue{*options.bound});
  auto state = std::make_shared<InMemorySubscription>(entry);
  if (const auto added = core_->add(entry, options); !added) return Subscription{added.error()};
  core_->report(EventKind::Subscribed, pattern, &live);
  return Subscription{std::move(state)};
}

Result<void, BrokerError> InMemoryBroker::match(std::string_view topic, const detail::TypeInfo* type,
                                                detail::Route& route) const {
  return core_->match(topic, type, route);
}

Published InMemoryBroker::publish_to_nobody(std::string_view topic, const detail::TypeInfo* type,
                                            bool needs_subscriber) {
  return core_->to_nobody(topic, type, needs_subscriber);
}

Published InMemoryBroker::deliver(std::string_view topic, detail::Route& route,
                                  IntrusivePtr<detail::Publication> publication) {
  return core_->deliver(topic, route, std::move(publication));
}

Published InMemoryBroker::publish_with(std::string_view topic, IntrusivePtr<detail::Publication> publication,
                                       const PublishOptions& options) {
  const detail::TypeInfo* const type = publication->ops->type;
  auto extras = std::make_unique<detail::PublicationExtras>();
  extras->sender = IntrusivePtr<detail::Cell>::share(detail::this_thread.cell).detach();
  extras->reply_to = detail::RefAccess::share(options.reply_to).detach();
  extras->correlation_id = options.correlation_id;
  extras->sent_at = detail::turn_now(*core_->runtime);
  publication->extras = std::move(extras);
  detail::Route route;
  Published result{.status = options.retain ? core_->match_and_retain(topic, publication, route)
                                            : core_->match(topic, type, route)};
  if (!result.status) return result;
  if (route.is_empty()) return core_->to_nobody(topic, type, options.needs_subscriber);
  return core_->deliver(topic, route, std::move(publication));
}

void InMemoryBroker::publish_question(std::string_view topic, IntrusivePtr<detail::Publication> publication,
                                      const IntrusivePtr<detail::AskCore>& ask, Duration within) {
  detail::Route route;
  if (!core_->match(topic, publication->ops->type, route)) {
    ask->fail(AskError::Rejected);
    return;
  }
  if (route.is_empty()) {
    ask->fail(AskError::Closed);
    return;
  }
  auto extras = std::make_unique<detail::PublicationExtras>();
  extras->sender = IntrusivePtr<detail::Cell>::share(detail::this_thread.cell).detach();
  extras->reply_to = IntrusivePtr<detail::Cell>::share(detail::this_thread.cell).detach();
  extras->sent_at = detail::turn_now(*core_->runtime);
  extras->deadline = detail::saturating_add(extras->sent_at, within);
  extras->ask = ask;
  publication->extras = std::move(extras);
  static_cast<void>(core_->deliver(topic, route, std::move(publication)));
}

IntrusivePtr<detail::Publication> InMemoryBroker::retained_untyped(std::string_view topic, const detail::TypeInfo* type,
                                                                   std::uint64_t& sequence) const {
  detail::RetainedValue retained = core_->retained(topic);
  if (!retained.value || !detail::same_type(retained.value->ops->type, type)) return {};
  sequence = retained.sequence;
  return std::move(retained.value);
}

bool InMemoryBroker::forget(std::string_view topic) { return core_->forget(topic); }
detail::Runtime& InMemoryBroker::system_runtime() const noexcept { return *core_->runtime; }
std::uint64_t InMemoryBroker::subscriptions() const noexcept { return core_->subscriptions(); }
std::uint64_t InMemoryBroker::retained_topics() const noexcept { return core_->retained_values(); }

}  // namespace coppice
