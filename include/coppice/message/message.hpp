#pragma once

#include <concepts>
#include <type_traits>

namespace coppice {

/// What may be sent: any movable object type. No base class, no macro, no registration, no copy.
/// (A const or volatile type, a reference, an array and an abstract class may not.)
template <class M>
concept Message = std::is_object_v<M> && !std::is_array_v<M> && std::same_as<M, std::remove_cv_t<M>> &&
                  std::move_constructible<M> && std::destructible<M>;

/// What a send came to.
enum class Delivery : unsigned char {
  Accepted,  ///< in the mailbox: it will be handled, or end as a dead letter with a reason
  Dropped,   ///< the mailbox was full and drops the newest
  Rejected,  ///< the mailbox was full and rejects
  TimedOut,  ///< the mailbox blocks and stayed full until the deadline
  Closed,    ///< the place has ended, or never was
};
[[nodiscard]] const char* to_string(Delivery delivery) noexcept;

/// Why a message was not handled. Every message that is neither handled nor handed back has exactly one.
enum class DeadReason : unsigned char {
  Closed,         ///< sent to a place that had ended
  Rejected,       ///< sent to a full mailbox that rejects
  Dropped,        ///< sent to a full mailbox that drops the newest
  Stopped,        ///< waited in a mailbox when its place ended
  InHand,         ///< its handler threw: it is consumed, never delivered again
  Cancelled,      ///< a timer's, watch's or ask's message whose maker withdrew it or whose life ended
  DroppedOldest,  ///< made room for a newer one in a mailbox that drops the oldest
  Replaced,       ///< a newer one with its key took its place in a mailbox that keeps the latest
  TimedOut,       ///< sent to a mailbox that blocks and stayed full until the deadline
  Expired,        ///< waited for longer than the send allowed (SendOptions::expires_after)
  Unsupported,    ///< sent with a priority to a mailbox that has none
};
inline constexpr int kDeadReasons = 11;
[[nodiscard]] const char* to_string(DeadReason reason) noexcept;

}  // namespace coppice
