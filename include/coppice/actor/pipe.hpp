#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "coppice/actor/actor_ref.hpp"

namespace coppice {

namespace detail {

/// A message for one life of an actor.
template <class M>
struct PipeEnvelope : Envelope {
  PipeEnvelope(const EnvelopeOps* operations, std::uint32_t life, M&& m)
      : Envelope{operations}, incarnation{life}, message(std::move(m)) {}
  ~PipeEnvelope() = delete;
  std::uint32_t incarnation;
  union {
    M message;
  };
  static void destroy_piped(Envelope& envelope) { static_cast<PipeEnvelope&>(envelope).message.~M(); }
};

template <class A, class M>
Outcome handle_piped(Cell& cell, Envelope& envelope) {
  auto& self = static_cast<PipeEnvelope<M>&>(envelope);
  if (self.incarnation != cell.incarnation()) return Outcome::Stale;
  return call_handler(cell.state_of<A>(), cell, envelope, std::move(self.message));
}
template <class A, class M>
inline constexpr EnvelopeOps kPipeOps{
    &handle_piped<A, M>,     nullptr, &PipeEnvelope<M>::destroy_piped, &kTypeInfo<M>, nullptr,
    sizeof(PipeEnvelope<M>), false};

}  // namespace detail

/// One message to the life that made it, from wherever its value comes to be: made by Actor::pipe_to_self. As a reply, it
/// comes into a full mailbox too; after the life's end it is a dead letter (Cancelled).
///
/// Threads    one: whoever it was moved to.
/// Failure    dropped without a value it sends the message that it was made with, so that the actor always hears.
template <class M>
class [[nodiscard]] Pipe {
 public:
  Pipe(detail::Cell& cell, const detail::EnvelopeOps* ops, M if_dropped)
      : if_dropped_(std::move(if_dropped)),
        cell_{detail::IntrusivePtr<detail::Cell>::of(cell)},
        incarnation_{cell.incarnation()},
        ops_{ops} {}
  Pipe(Pipe&& other) noexcept(std::is_nothrow_move_constructible_v<M>) = default;
  Pipe& operator=(Pipe&&) = delete;
  ~Pipe() {
    if (!cell_) return;
    try {
      (*this)(std::move(if_dropped_));
    } catch (...) {  // moving it threw, or there is no memory: nobody is left to tell
    }
  }

  /// Sends the message. Once.
  void operator()(M message) {
    const auto cell = std::move(cell_);
    COPPICE_VERIFY(cell, "a Pipe carries one message");
    detail::deliver(*cell, detail::make_envelope<detail::PipeEnvelope<M>>(ops_, incarnation_, std::move(message)));
  }

 private:
  M if_dropped_;                             // first: if moving it throws, the other one still has its cell
  detail::IntrusivePtr<detail::Cell> cell_;  // null: spent, or moved from
  std::uint32_t incarnation_;
  const detail::EnvelopeOps* ops_;
};

}  // namespace coppice
