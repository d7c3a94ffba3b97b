#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "coppice/actor/actor_ref.hpp"
#include "coppice/base/intrusive_ptr.hpp"
#include "coppice/message/message.hpp"

namespace coppice {

/// A message that nobody handled.
struct DeadLetter {
  DeadReason reason;
  AnyRef target;             ///< names no place where nobody had the name, or where a topic had no subscriber
  std::string_view message;  ///< its type
  AnyRef sender = {};        ///< where it said so: asks do, and sends with options
  std::string name = {};     ///< the name or the topic, where there is no target
};

namespace detail {

/// Hears of each dead letter, for parts that stand above the system.
///
/// Threads    several at a time: each on the thread that met the dead letter, which may be an actor's turn.
/// Failure    nothing throws. It must not block, and what it sends may become a dead letter again.
struct DeadLetterSink : Counted {
  virtual void heard(const DeadLetter& letter) noexcept = 0;
};
/// Of a system's runtime. Removed, it may be told once more by who is telling it at that moment.
void add_dead_letter_sink(Runtime& runtime, const IntrusivePtr<DeadLetterSink>& sink);
void remove_dead_letter_sink(Runtime& runtime, const DeadLetterSink& sink) noexcept;

}  // namespace detail
}  // namespace coppice
