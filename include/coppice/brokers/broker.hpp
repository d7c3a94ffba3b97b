#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "coppice/actor/actor_ref.hpp"
#include "coppice/mailbox/overflow.hpp"

namespace coppice {

/// Why a subscription or a publication was refused.
enum class BrokerError : unsigned char {
  BadTopic,   ///< empty, an empty word, or a wildcard where none may be
  WrongType,  ///< the topic has subscribers, or a retained value, of another message type
  Closed,     ///< the broker or the subscriber is gone
  BadOption,  ///< a bound of zero, or one that no subscription can have: that blocks, keeps the latest of each key, has
              ///< Order::Priority, is measured, or is out of its own bounds
  Full,       ///< the broker retains as many values as BrokerOptions::retained_max
};
[[nodiscard]] const char* to_string(BrokerError error) noexcept;

/// What a publication came to. May be ignored: what was dropped is a dead letter each.
struct Published {
  std::uint64_t delivered = 0;            ///< accepted by so many subscribers; of a group one
  std::uint64_t dropped = 0;              ///< refused by so many
  Result<void, BrokerError> status = {};  ///< an error: nothing was delivered, for this reason
  std::uint64_t displaced = 0;  ///< older publications that DropOldest subscribers dropped to make room for it
  friend bool operator==(const Published&, const Published&) = default;
};

/// What may be said of one subscription.
struct SubscribeOptions {
  /// So many publications of this subscription wait at most, and what happens to one more: Reject, DropNewest, or
  /// DropOldest, which keeps the newest. They then do not count against the actor's own mailbox. Not given: they wait
  /// in the mailbox as any message, under its bound. When DropOldest has dropped something, later publications move up:
  /// they may then be handled before other messages that their publisher sent in between.
  std::optional<Bounded> bound = std::nullopt;
  /// Of all subscriptions with this name that match a topic, one receives each publication, in turn; one that refuses
  /// is passed over if another accepts; nobody waits at one that blocks while another has room. Empty: none. Source:
  /// NATS's queue groups, also across patterns.
  std::string group = {};
  /// Whether values that topics retain are delivered first. Never to a group. Source: MQTT.
  bool retained = true;
};

/// What may travel with a publication. With options, it also says who sent it.
struct PublishOptions {
  AnyRef reply_to = {};              ///< whom receivers should answer: info().reply_to
  std::uint64_t correlation_id = 0;  ///< the publisher's mark: info().correlation_id
  bool retain = false;               ///< the topic keeps it, in place of the one before, for who subscribes later
  bool needs_subscriber = false;     ///< without a subscriber it is a dead letter; see BrokerOptions as well
};

/// One broker's side of a Subscription.
///
/// Threads    any.
class SubscriptionState {
 public:
  SubscriptionState() = default;
  SubscriptionState(const SubscriptionState&) = delete;
  SubscriptionState& operator=(const SubscriptionState&) = delete;
  virtual ~SubscriptionState() = default;
  virtual void cancel() noexcept = 0;  ///< again: does nothing
  [[nodiscard]] virtual bool is_active() const noexcept = 0;
};

/// Ends with the object, or with the actor that subscribed, whichever comes first. May outlive broker and system.
///
/// Threads    any, one at a time.
class [[nodiscard]] Subscription {
 public:
  Subscription() noexcept = default;
  explicit Subscription(std::shared_ptr<SubscriptionState> state) noexcept : state_{std::move(state)} {}
  explicit Subscription(BrokerError error) noexcept : status_{Error{error}} {}
  Subscription(Subscription&& other) noexcept : state_{std::exchange(other.state_, nullptr)}, status_{other.status_} {}
  Subscription& operator=(Subscription&& other) noexcept {
    if (this != &other) {
      cancel();
      state_ = std::exchange(other.state_, nullptr);
      status_ = other.status_;
    }
    return *this;
  }
  ~Subscription() { cancel(); }

  /// After it, no later publication is delivered.
  void cancel() noexcept {
    if (const auto state = std::exchange(state_, nullptr)) state->cancel();
  }
  [[nodiscard]] bool is_active() const noexcept { return state_ != nullptr && state_->is_active(); }
  /// Why it never was active.
  [[nodiscard]] Result<void, BrokerError> status() const noexcept { return status_; }

 private:
  std::shared_ptr<SubscriptionState> state_;
  Result<void, BrokerError> status_;
};

namespace detail {
/// Some actor, for the concept's sake.
struct BrokerProbe {
  void handle(const int&);
};
}  // namespace detail

/// Publish and subscribe over topics of dot-separated words; in a pattern `*` stands for one word and a trailing `>`
/// for one or more. (NATS's rules.) Another broker takes this one's place wherever code is written against the concept.
template <class B>
concept Broker = requires(B& broker, std::string_view topic, const ActorRef<detail::BrokerProbe>& ref) {
  { broker.template subscribe<int>(topic, ref) } -> std::same_as<Subscription>;
  { broker.publish(topic, 1) } -> std::same_as<Published>;
  { broker.subscriptions() } -> std::convertible_to<std::uint64_t>;
};

}  // namespace coppice
