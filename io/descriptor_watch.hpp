#pragma once

#include <memory>

#include "coppice/actor/cell.hpp"

namespace coppice::detail {

/// What a descriptor was found to be since it was last asked.
struct Readiness {
  bool input = false;    // there may be some
  bool room = false;     // there may be some
  bool is_over = false;  // the peer sends no more, or there was an error: input goes on to an end
};

/// Tells an actor, by a message, that a socket of its may have input or room. It does not read: whoever does knows by a
/// short read that there is no more, and makes no further call to hear so.
///
/// Threads    the actor's turn.
/// Ownership  the descriptor is the caller's, and outlives this. `tell` gets the owner, on the actor's turn; a message
///            that is on its way when this ends comes all the same, if the life is the same.
class DescriptorWatch {
 public:
  using Tell = void (*)(void* owner);

  /// Throws if the kernel cannot watch it.
  [[nodiscard]] static std::unique_ptr<DescriptorWatch> make(Cell& cell, int descriptor, Tell tell, void* owner);
  /// Throws if nothing could be watched; for who wants to hear of it before the first descriptor is there.
  static void prepare(Cell& cell);

  DescriptorWatch() = default;
  DescriptorWatch(const DescriptorWatch&) = delete;
  DescriptorWatch& operator=(const DescriptorWatch&) = delete;
  virtual ~DescriptorWatch() = default;

  /// Tells when input comes, once. For who has read all that there was, or has not read yet.
  virtual void await_input() = 0;
  /// Tells when there is room, once. For whom a write has found none.
  virtual void await_room() = 0;
  [[nodiscard]] virtual Readiness take() noexcept = 0;
};

}  // namespace coppice::detail
