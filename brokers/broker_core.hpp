#pragma once

#include <cstdint>
#include <string_view>

#include "coppice/actor/monitor.hpp"
#include "coppice/base/intrusive_ptr.hpp"
#include "coppice/brokers/in_memory_broker.hpp"
#include "read_mostly_lock.hpp"
#include "topic_tree.hpp"

namespace coppice::detail {

/// What InMemoryBroker is made of, untyped. Lives as long as a subscription of it does.
///
/// Threads    any. Nothing is delivered under its lock, and nothing of a user's goes under it.
class BrokerCore final : public Counted {
 public:
  BrokerCore(Runtime& runtime, BrokerOptions options);

  [[nodiscard]] Result<void, BrokerError> add(const IntrusivePtr<SubscriptionEntry>& entry,
                                              const SubscribeOptions& options);
  /// True for the one caller that removed it.
  bool remove(SubscriptionEntry& entry) noexcept;
  void close() noexcept;

  /// Skip: subscriptions to another type are left out, and are no error.
  enum class OtherType : unsigned char { Refuse, Skip };
  [[nodiscard]] Result<void, BrokerError> match(std::string_view topic, const TypeInfo* type, Route& route,
                                                OtherType other = OtherType::Refuse);
  /// Makes it the topic's retained value in the same step.
  [[nodiscard]] Result<void, BrokerError> match_and_retain(std::string_view topic,
                                                           const IntrusivePtr<Publication>& publication, Route& route);
  Published deliver(std::string_view topic, const Route& route, IntrusivePtr<Publication> publication);
  /// A publication that nobody is there for.
  Published to_nobody(std::string_view topic, const TypeInfo* type, bool needs_subscriber) noexcept;

  [[nodiscard]] RetainedValue retained(std::string_view topic);
  bool forget(std::string_view topic);
  [[nodiscard]] std::uint64_t subscriptions();
  [[nodiscard]] std::uint64_t retained_values();
  void report(EventKind kind, std::string_view topic, const Cell* cell) const noexcept;

  const IntrusivePtr<Runtime> runtime;
  const BrokerOptions options;

 private:
  struct Missed;
  [[nodiscard]] Result<void, BrokerError> try_add(const IntrusivePtr<SubscriptionEntry>& entry,
                                                  const SubscribeOptions& options, Missed& missed);
  [[nodiscard]] Result<void, BrokerError> collect(std::string_view topic, const TypeInfo* type, Route& route,
                                                  OtherType other, bool& complete) const;
  void complete(std::string_view topic);
  [[nodiscard]] IntrusivePtr<Receivers> make_receivers(const Bucket& bucket) const;

  ReadMostlyLock lock_;
  TopicTree tree_;
  std::uint64_t sequence_ = 0;  // of the newest retained value
  bool is_closed_ = false;
};

}  // namespace coppice::detail
