#pragma once

#include <cstdint>
#include <variant>

namespace coppice {

/// What a full mailbox does with one message more.
enum class Overflow : unsigned char {
  Reject,      ///< refuses it: Delivery::Rejected; try_send leaves it with the caller, send makes it a dead letter
  DropNewest,  ///< drops it: Delivery::Dropped and a dead letter
};

/// As many messages as memory holds.
struct Unbounded {
  friend bool operator==(const Unbounded&, const Unbounded&) = default;
};

/// At most `capacity` messages wait (the one in hand has left). Exact however many threads send. Replies, timers, Downs
/// and system signals are exempt: a full mailbox still stops. A capacity of zero is refused when the actor is spawned.
struct Bounded {
  std::uint64_t capacity = 1'000;
  Overflow overflow = Overflow::Reject;
  friend bool operator==(const Bounded&, const Bounded&) = default;
};

/// What an actor's messages wait in.
using MailboxOptions = std::variant<Unbounded, Bounded>;

}  // namespace coppice
