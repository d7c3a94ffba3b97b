#pragma once

#include <cstdint>

namespace coppice {

/// What a full mailbox does with one message more.
enum class Overflow : unsigned char {
  Reject,      ///< refuses it: Delivery::Rejected; try_send leaves it with the caller, send makes it a dead letter
  DropNewest,  ///< drops it: Delivery::Dropped and a dead letter
  DropOldest,  ///< drops the one that has waited longest, a dead letter, and takes the new one
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

/// What an actor's messages wait in: `Unbounded{}` or `Bounded{…}`; made from nothing, as SystemOptions::mailbox says
/// (there: unbounded).
class MailboxOptions {
 public:
  constexpr MailboxOptions() noexcept = default;
  constexpr MailboxOptions(Unbounded) noexcept : kind_{Kind::Unbounded} {}
  constexpr MailboxOptions(Bounded bound) noexcept : kind_{Kind::Bounded}, bound_{bound} {}

  /// The bound, or null where there is none.
  [[nodiscard]] constexpr const Bounded* bounded() const noexcept { return kind_ == Kind::Bounded ? &bound_ : nullptr; }
  [[nodiscard]] constexpr const MailboxOptions& or_else(const MailboxOptions& otherwise) const noexcept {
    return kind_ == Kind::Unsaid ? otherwise : *this;
  }
  friend bool operator==(const MailboxOptions&, const MailboxOptions&) = default;

 private:
  enum class Kind : unsigned char { Unsaid, Unbounded, Bounded };
  Kind kind_ = Kind::Unsaid;
  Bounded bound_{};
};

}  // namespace coppice
