#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "coppice/actor/actor_ref.hpp"

namespace coppice {

/// Why a subscription or a publication was refused.
enum class BrokerError : unsigned char {
  BadTopic,   ///< empty, an empty word, or a wildcard where none may be
  WrongType,  ///< the topic has subscribers for another message type
  Closed,     ///< the broker or the subscriber is gone
};
[[nodiscard]] const char* to_string(BrokerError error) noexcept;

/// What a publication came to. May be ignored: what was dropped is a dead letter each.
struct Published {
  std::uint64_t delivered = 0;       ///< accepted by so many mailboxes
  std::uint64_t dropped = 0;         ///< refused by so many
  Result<void, BrokerError> status;  ///< an error: nothing was delivered, for this reason
  friend bool operator==(const Published&, const Published&) = default;
};

namespace detail {
struct SubscriptionEntry;
/// Some actor, for the concept's sake.
struct BrokerProbe {
  void handle(const int&);
};
}  // namespace detail

/// Ends with the object, or with the actor that subscribed, whichever comes first. May outlive broker and system.
///
/// Threads    any, one at a time.
class [[nodiscard]] Subscription {
 public:
  Subscription() noexcept = default;
  explicit Subscription(std::shared_ptr<detail::SubscriptionEntry> entry) noexcept;
  explicit Subscription(BrokerError error) noexcept : status_{Error{error}} {}
  Subscription(Subscription&& other) noexcept;
  Subscription& operator=(Subscription&& other) noexcept;
  ~Subscription();

  /// After it, no later publication is delivered.
  void cancel() noexcept;
  [[nodiscard]] bool is_active() const noexcept;
  /// Why it never was active.
  [[nodiscard]] Result<void, BrokerError> status() const noexcept { return status_; }

 private:
  std::shared_ptr<detail::SubscriptionEntry> entry_;
  Result<void, BrokerError> status_;
};

/// Publish and subscribe over topics of dot-separated words; in a pattern `*` stands for one word and a trailing `>`
/// for one or more. (NATS's rules.) Another broker takes this one's place wherever code is written against the concept.
template <class B>
concept Broker = requires(B& broker, std::string_view topic, const ActorRef<detail::BrokerProbe>& ref) {
  { broker.template subscribe<int>(topic, ref) } -> std::same_as<Subscription>;
  { broker.publish(topic, 1) } -> std::same_as<Published>;
  { broker.subscriptions() } -> std::convertible_to<std::uint64_t>;
};

}  // namespace coppice
