#pragma once

#include <cstdint>
#include <memory>

#include "base/mutex.hpp"
#include "coppice/actor/cell.hpp"
#include "coppice/io/tcp_listener.hpp"
#include "coppice/io/tcp_options.hpp"

namespace coppice::detail {

/// What a listener was made with; of all trees that are started from its spec.
struct ListenerPlan {
  TcpListenerOptions options;
  std::unique_ptr<ConnectionMaker> maker;
};

class ConnectionSlot;

/// What a listener's lives and its connections have in common: figures, and who is there.
///
/// Threads    any.
class ListenerState {
 public:
  explicit ListenerState(std::shared_ptr<ListenerPlan> p) noexcept : plan{std::move(p)} {}

  [[nodiscard]] TcpListenerStats stats() const;
  [[nodiscard]] std::uint64_t open() const;

  /// The listener's cell hears (by a Poke) when a connection goes, until stop_telling().
  void tell(Cell& listener);
  void stop_telling();
  /// From now on every connection is told to drain, those that are there at once.
  void drain_all();
  void forget_drain();

  const std::shared_ptr<ListenerPlan> plan;
  Atomic<std::uint16_t> port{0};  // relaxed: the listener's; others show it
  Atomic<std::uint64_t> refused{0};
  Atomic<std::uint64_t> aborted{0};
  Atomic<std::uint64_t> failures{0};

 private:
  friend class ConnectionSlot;
  mutable Mutex mutex_;
  ConnectionSlot* first_ = nullptr;
  TcpListenerStats stats_;  // but the three above
  IntrusivePtr<Cell> told_;
  bool drains_ = false;
};

/// One connection's place among its listener's, from its accept to the close of its descriptor.
///
/// Threads    one at a time; the listener looks at it under the lock.
class ConnectionSlot {
 public:
  explicit ConnectionSlot(std::shared_ptr<ListenerState> state);
  ConnectionSlot(const ConnectionSlot&) = delete;
  ConnectionSlot& operator=(const ConnectionSlot&) = delete;
  ~ConnectionSlot();

  /// The actor that has it, and how it is told to drain.
  void bind(Cell& cell, const EnvelopeOps& drain_ops);
  void ends(TcpEnd how) noexcept { end_ = how; }
  [[nodiscard]] const ListenerPlan& plan() const noexcept { return *state_->plan; }

 private:
  friend class ListenerState;
  std::shared_ptr<ListenerState> state_;
  IntrusivePtr<Cell> cell_;  // under the lock, as all that follows; null: it has no actor yet
  const EnvelopeOps* drain_ops_ = nullptr;
  ConnectionSlot* previous_ = nullptr;
  ConnectionSlot* next_ = nullptr;
  TcpEnd end_ = TcpEnd::Dropped;
};

}  // namespace coppice::detail
