#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include "coppice/base/clock.hpp"
#include "coppice/base/fnv1a.hpp"
#include "coppice/base/type_info.hpp"

namespace coppice {

/// What a full mailbox does with one message more.
enum class Overflow : unsigned char {
  Reject,      ///< refuses it: Delivery::Rejected; try_send leaves it with the caller, send makes it a dead letter
  DropNewest,  ///< drops it: Delivery::Dropped and a dead letter
  DropOldest,  ///< takes it; the oldest that waits is a dead letter (of the lowest priority that waits, where there are
               ///< several). A message of a lower priority than all that wait is dropped itself
  Block,  ///< a thread waits, until Bounded::block_within at the latest (Delivery::TimedOut); a coroutine handler's
          ///< `co_await send` suspends; a plain handler's message is taken above the bound, and its actor is muted
          ///< when the handler returns: it handles nothing until this mailbox has room
};

/// How urgent a message is; travels with a send, to mailboxes of Order::Priority. First in, first out within one.
enum class Priority : unsigned char { Critical, High, Normal, Low };
inline constexpr int kPriorities = 4;

/// In which order a mailbox hands out what waits.
enum class Order : unsigned char {
  Fifo,      ///< first in, first out; a send with another priority than Normal is refused as Unsupported
  Priority,  ///< the most urgent first; see Bounded::passed_over_max
};

namespace detail {

/// The key of a message type, without the type.
struct KeyOps {
  const TypeInfo* message;
  std::uint64_t (*hash)(const void* message) noexcept;
  bool (*same)(const void* a, const void* b) noexcept;
};

template <class K>
concept MailboxKey =
    std::integral<K> || std::is_enum_v<K> || std::same_as<K, std::string> || std::same_as<K, std::string_view>;

template <auto Member>
struct KeyOfMember;
template <class M, class K, K M::* Member>
struct KeyOfMember<Member> {
  // Keys are compared under the mailbox's lock, where no code of a user's may run.
  static_assert(MailboxKey<K>, "KeepLatestBy takes a data member that is a number, an enum, a string or a string_view");
  static std::uint64_t hash(const void* message) noexcept {
    const K& key = static_cast<const M*>(message)->*Member;
    if constexpr (std::is_convertible_v<const K&, std::string_view>) {
      return Fnv1a{}.add(std::string_view{key}).value();
    } else {
      return (static_cast<std::uint64_t>(key) + 1) * 0x9e3779b97f4a7c15ULL;
    }
  }
  static bool same(const void* a, const void* b) noexcept {
    return static_cast<const M*>(a)->*Member == static_cast<const M*>(b)->*Member;
  }
  static constexpr KeyOps kOps{&kTypeInfo<M>, &hash, &same};
};

}  // namespace detail

/// An Overflow, or KeepLatestBy<&Message::member>.
class OverflowRule {
 public:
  constexpr OverflowRule(Overflow overflow) noexcept : overflow_{overflow} {}
  constexpr explicit OverflowRule(const detail::KeyOps* key) noexcept : overflow_{Overflow::DropOldest}, key_{key} {}
  [[nodiscard]] constexpr Overflow overflow() const noexcept { return overflow_; }
  [[nodiscard]] constexpr const detail::KeyOps* key() const noexcept { return key_; }
  friend bool operator==(const OverflowRule&, const OverflowRule&) = default;

 private:
  Overflow overflow_;
  const detail::KeyOps* key_ = nullptr;
};

/// Of the waiting messages of one type with equal keys only the newest is kept, whether or not the mailbox is full:
/// `Bounded{1'000, KeepLatestBy<&Tick::symbol>}`. It takes the place of the one that it replaces, which is a dead letter
/// (Replaced), so that a key which changes often does not starve. When more keys wait than fit, and for messages of
/// other types, as DropOldest.
template <auto Member>
inline constexpr OverflowRule KeepLatestBy{&detail::KeyOfMember<Member>::kOps};

/// An overflow rule of its own for some of the priorities: `{{Priority::Critical, Overflow::Block}}`.
class ForPriority {
 public:
  struct Rule {
    Priority priority;
    Overflow overflow;
  };
  constexpr ForPriority() noexcept = default;
  constexpr ForPriority(std::initializer_list<Rule> rules) noexcept {
    for (const Rule& rule : rules) {
      said_[static_cast<int>(rule.priority)] = true;
      rules_[static_cast<int>(rule.priority)] = rule.overflow;
    }
  }
  [[nodiscard]] constexpr Overflow or_else(Priority priority, Overflow otherwise) const noexcept {
    return said_[static_cast<int>(priority)] ? rules_[static_cast<int>(priority)] : otherwise;
  }
  [[nodiscard]] constexpr bool is_empty() const noexcept {
    for (const bool said : said_) {
      if (said) return false;
    }
    return true;
  }
  friend bool operator==(const ForPriority&, const ForPriority&) = default;

 private:
  bool said_[kPriorities] = {};
  Overflow rules_[kPriorities] = {};
};

/// As many messages as memory holds.
struct Unbounded {
  Order order = Order::Fifo;
  unsigned passed_over_max = 16;  ///< as Bounded's
  bool measured = false;          ///< as Bounded's
  friend bool operator==(const Unbounded&, const Unbounded&) = default;
};

/// At most `capacity` messages wait (the one in hand has left). Exact however many threads send, but for what Block
/// takes above it. Replies, timers, Downs and system signals are exempt: a full mailbox still stops. A capacity of zero,
/// a passed_over_max of zero and a negative block_within are refused when the actor is spawned.
struct Bounded {
  std::uint64_t capacity = 1'000;
  OverflowRule overflow = Overflow::Reject;
  Duration block_within = std::chrono::seconds{5};  ///< how long a thread waits under Block; a send may say otherwise
  Order order = Order::Fifo;
  unsigned passed_over_max =
      16;  ///< Order::Priority: so often the oldest message of a level lets more urgent ones pass;
           ///< then its turn has come (two levels' at once: the lower one goes first)
  ForPriority for_priority = {};  ///< Order::Priority: overflow rules of some levels
  bool measured = false;          ///< keeps what ActorRef::mailbox_stats() answers; costs a clock reading each way
  friend bool operator==(const Bounded&, const Bounded&) = default;
};

/// What an actor's messages wait in: `Unbounded{}` or `Bounded{…}`; made from nothing, as SystemOptions::mailbox says
/// (there: unbounded).
///
/// A mailbox of Fifo order that rejects, drops the newest or blocks, and is not measured, is a lock-free list with two
/// counters. The others keep what waits under a brief lock.
class MailboxOptions {
 public:
  constexpr MailboxOptions() noexcept = default;
  constexpr MailboxOptions(Unbounded all) noexcept
      : kind_{Kind::Unbounded},
        bound_{.order = all.order, .passed_over_max = all.passed_over_max, .measured = all.measured} {}
  constexpr MailboxOptions(Bounded bound) noexcept : kind_{Kind::Bounded}, bound_{bound} {}

  /// The bound, or null where there is none.
  [[nodiscard]] constexpr const Bounded* bounded() const noexcept { return kind_ == Kind::Bounded ? &bound_ : nullptr; }
  /// Order and the rest; of an unbounded one the capacity means nothing.
  [[nodiscard]] constexpr const Bounded& rules() const noexcept { return bound_; }
  [[nodiscard]] constexpr const MailboxOptions& or_else(const MailboxOptions& otherwise) const noexcept {
    return kind_ == Kind::Unsaid ? otherwise : *this;
  }
  /// What is wrong with it, or null.
  [[nodiscard]] constexpr const char* fault() const noexcept {
    if (kind_ == Kind::Bounded && bound_.capacity == 0) return "a bounded mailbox needs a capacity of at least one";
    if (bound_.passed_over_max == 0) return "a mailbox's passed_over_max is 0; it may be 1 or more";
    if (bound_.block_within < Duration::zero()) return "a mailbox's block_within is negative; it may be zero or more";
    if (bound_.order == Order::Fifo && !bound_.for_priority.is_empty())
      return "a mailbox's for_priority needs Order::Priority";
    return nullptr;
  }
  friend bool operator==(const MailboxOptions&, const MailboxOptions&) = default;

 private:
  enum class Kind : unsigned char { Unsaid, Unbounded, Bounded };
  Kind kind_ = Kind::Unsaid;
  Bounded bound_{};
};

}  // namespace coppice
