#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "coppice/actor/actor.hpp"
#include "coppice/base/unique_function.hpp"

namespace coppice {

class CancelSource;

namespace detail {

class CancelNode;
struct CancelCallback;

/// A counted pointer to a node; the count is in the .cpp.
class NodeHandle {
 public:
  NodeHandle() noexcept = default;
  explicit NodeHandle(CancelNode* counted) noexcept : node_{counted} {}
  NodeHandle(const NodeHandle& other) noexcept;
  NodeHandle(NodeHandle&& other) noexcept : node_{std::exchange(other.node_, nullptr)} {}
  NodeHandle& operator=(NodeHandle other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~NodeHandle();
  [[nodiscard]] CancelNode* get() const noexcept { return node_; }

 private:
  CancelNode* node_ = nullptr;
};

}  // namespace detail

/// A callback that waits for a cancellation. Destroyed or reset, it waits no longer.
///
/// Threads    one at a time. reset() and the destructor wait for one thing alone, as std::stop_callback's: while the
///            callback is running on another thread, until it has returned. After that it is not running and will not
///            run. On the thread that runs it, from inside of it, they return at once. An actor that shares what a
///            callback uses should let that be something that is quick.
/// Failure    nothing throws.
class [[nodiscard]] CancelRegistration {
 public:
  CancelRegistration() noexcept = default;
  CancelRegistration(CancelRegistration&& other) noexcept : callback_{std::exchange(other.callback_, nullptr)} {}
  CancelRegistration& operator=(CancelRegistration&& other) noexcept {
    if (this != &other) {
      reset();
      callback_ = std::exchange(other.callback_, nullptr);
    }
    return *this;
  }
  ~CancelRegistration() { reset(); }
  void reset() noexcept;

 private:
  friend class CancelToken;
  explicit CancelRegistration(detail::CancelCallback* counted) noexcept : callback_{counted} {}
  detail::CancelCallback* callback_ = nullptr;
};

/// Whether something has been called off: what long work looks at, and what callbacks hang on. A plain value, handed
/// down from whoever may cancel to whoever should notice. A token of no source is never cancelled.
///
/// Threads    any.
/// Ownership  counted; may outlive its source and its system.
/// Failure    nothing throws but std::bad_alloc, and what moving the callback throws.
/// [Z1] A callback runs at most once: exactly once if the token is cancelled while it is registered, on the thread that
///      cancels (the deadline's is the scheduler's), never under a lock. What it throws ends there: the others run.
/// [Z2] When cancel() of a token returns, it and everything below it are cancelled, and each callback has run that was
///      registered before and that no other cancel() has taken upon itself.
class CancelToken {
 public:
  CancelToken() noexcept = default;

  [[nodiscard]] bool is_cancelled() const noexcept;
  /// When it will be cancelled by itself, whoever set that; TimePoint::max(): never.
  [[nodiscard]] TimePoint deadline() const noexcept;
  /// Calls `callback` when it is cancelled: at once, here, if it has been.
  template <class F>
    requires std::is_invocable_v<std::decay_t<F>&>
  CancelRegistration on_cancel(F&& callback) const {
    return add(UniqueFunction<void()>(std::forward<F>(callback)));
  }
  friend bool operator==(const CancelToken& a, const CancelToken& b) noexcept { return a.node_.get() == b.node_.get(); }

 private:
  friend class CancelSource;
  explicit CancelToken(detail::NodeHandle node) noexcept : node_{std::move(node)} {}
  [[nodiscard]] CancelRegistration add(UniqueFunction<void()> callback) const;
  detail::NodeHandle node_;
};

/// The right to cancel a token and, with it, all that was made below it. Ending it cancels nothing.
///
/// Threads    any. Copies are of the same token.
/// Ownership  counted; a child keeps its parents, a parent does not keep its children.
/// Failure    as CancelToken.
class CancelSource {
 public:
  /// The root of a tree, under the system's clock.
  explicit CancelSource(const System& system);
  /// Below `parent`: cancelled with it, at once if it has been. Below a token of no source: a root without a clock.
  explicit CancelSource(const CancelToken& parent);

  [[nodiscard]] CancelToken token() const noexcept { return CancelToken{node_}; }
  /// Cancels and runs the callbacks: its own, those below, in the order in which they were registered for each token.
  /// Costs a lock for as long as it takes to mark all that is below. False: it had been cancelled.
  bool cancel() const noexcept;
  /// Cancels when the system's clock says so, on a thread of the scheduler, or here if it says so now. Of several
  /// deadlines the first counts. Armed as long as anybody has the source, a token, a callback or a child.
  void cancel_at(TimePoint deadline) const;
  void cancel_after(Duration delay) const;
  [[nodiscard]] bool is_cancelled() const noexcept { return token().is_cancelled(); }

 private:
  friend CancelToken cancel_with_life(detail::Cell& cell, const CancelToken& parent);
  explicit CancelSource(detail::NodeHandle node) noexcept : node_{std::move(node)} {}
  detail::NodeHandle node_;
};

[[nodiscard]] CancelToken cancel_with_life(detail::Cell& cell, const CancelToken& parent);

/// A token that is cancelled when the life that is on ends: hand it to what the actor starts elsewhere, and to its
/// children, which put their own below it: `cancel_with(*this, parents_token)`.
///
/// Callbacks run on the actor's turn, after on_stop and before the state is destroyed. When the actor is killed in a
/// handler that does not return they run on the killer's thread, while that handler still runs: it may look at the
/// token, and should. So let callbacks use nothing of the actor's that is not made for several threads.
///
/// Threads    the actor's turn, constructor included.
/// Ownership  each call makes a token, which the life keeps until its end: make one in the constructor. An actor that
///            makes none pays nothing.
template <class Self>
[[nodiscard]] CancelToken cancel_with(const Actor<Self>& actor, const CancelToken& parent = {}) {
  return cancel_with_life(detail::ActorAccess::cell(actor), parent);
}

}  // namespace coppice
