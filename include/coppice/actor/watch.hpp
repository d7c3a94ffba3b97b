#pragma once

#include <cstdint>

#include "coppice/actor/actor_ref.hpp"
#include "coppice/actor/exit_reason.hpp"
#include "coppice/actor/life_item.hpp"

namespace coppice {

/// A watched actor's life has ended. Comes once for each watch, after everything that life sent to the watcher.
/// Source: Erlang's monitors (DOWN).
struct Down {
  AnyRef actor;
  std::uint32_t incarnation = 0;  ///< of the life that ended; 0 when there was none (NoProc)
  ExitReason reason;
};

/// A linked actor has ended, or somebody sent an exit, and this one traps exits. Source: Erlang's links (EXIT).
struct ExitSignal {
  AnyRef from;
  ExitReason reason;
};

namespace detail {

/// One watch: in the watcher's list of what its life made, and in the target's list of who watches.
///
/// Threads    `withdrawn`, the LifeItem: the watcher's turn. The target's links: the target's turn.
struct WatchNode : PoolAllocated, LifeItem {
  WatchNode(Cell& from, Cell& to, const EnvelopeOps* down);
  WatchNode(const WatchNode&) = delete;
  WatchNode& operator=(const WatchNode&) = delete;
  ~WatchNode();
  void add_ref() noexcept { refs.add(); }
  void release() noexcept {
    if (refs.drop()) delete this;
  }
  RefCount refs;
  IntrusivePtr<Cell> watcher;
  IntrusivePtr<Cell> target;
  std::uint32_t watcher_incarnation;
  bool withdrawn = false;
  const EnvelopeOps* down_ops;
  WatchNode* previous_watch = nullptr;
  WatchNode* next_watch = nullptr;
  bool at_target = false;
  void* reserved;  // for the envelope of its Down: whoever ends needs no memory to say so
};

struct DownEnvelope : Envelope {
  DownEnvelope(const EnvelopeOps* operations, Down d, IntrusivePtr<WatchNode> w) noexcept
      : Envelope{operations}, down{std::move(d)}, watch{std::move(w)} {}
  ~DownEnvelope() = delete;
  union {
    Down down;
  };
  union {
    IntrusivePtr<WatchNode> watch;
  };
  /// False: unwatched meanwhile, or an earlier life's.
  [[nodiscard]] bool spend(Cell& cell) noexcept;
  static void destroy_down(Envelope& envelope);
  /// In the block that its watch has kept for it; the target's turn, or whoever answers in its place.
  [[nodiscard]] static DownEnvelope* make(IntrusivePtr<WatchNode> watch, Down down);
};

template <class A>
Outcome handle_down(Cell& cell, Envelope& envelope) {
  auto& self = static_cast<DownEnvelope&>(envelope);
  if (!self.spend(cell)) return Outcome::Stale;
  return call_handler(cell.state_of<A>(), cell, envelope, std::move(self.down));
}
template <class A>
inline constexpr EnvelopeOps kDownOps{
    &handle_down<A>, nullptr, &DownEnvelope::destroy_down, &kTypeInfo<Down>, nullptr, sizeof(DownEnvelope), false};

struct ExitEnvelope : Envelope {
  ExitEnvelope(const EnvelopeOps* operations, ExitSignal s, std::uint64_t key, std::uint32_t life) noexcept
      : Envelope{operations}, link{key}, incarnation{life}, exit{std::move(s)} {}
  ~ExitEnvelope() = delete;
  std::uint64_t link;  // LinkEnd::key(); 0: no link carried it
  std::uint32_t incarnation;
  union {
    ExitSignal exit;
  };
  /// False: unlinked meanwhile, or an earlier life's.
  [[nodiscard]] bool spend(Cell& cell) noexcept;
  static void destroy_exit(Envelope& envelope) { std::destroy_at(&static_cast<ExitEnvelope&>(envelope).exit); }
};
template <class A>
Outcome handle_exit(Cell& cell, Envelope& envelope) {
  auto& self = static_cast<ExitEnvelope&>(envelope);
  if (!self.spend(cell)) return Outcome::Stale;
  return call_handler(cell.state_of<A>(), cell, envelope, std::move(self.exit));
}
template <class A>
inline constexpr EnvelopeOps kExitOps{
    &handle_exit<A>,      nullptr, &ExitEnvelope::destroy_exit, &kTypeInfo<ExitSignal>, nullptr,
    sizeof(ExitEnvelope), false};

[[nodiscard]] IntrusivePtr<WatchNode> watch_cell(Cell& watcher, Cell& target, const EnvelopeOps* down_ops);
void unwatch_node(Cell& watcher, WatchNode& node);
void link_cells(Cell& self, Cell& other);
void unlink_cells(Cell& self, Cell& other);
/// For a child that has not been submitted yet: linked from its beginning.
void link_from_start(Cell& parent, Cell& child);
void send_exit(Cell& self, Cell& to, const ExitReason& reason);
void trap_exits(Cell& self, const EnvelopeOps* exit_ops);  // null: no longer

}  // namespace detail

/// What watch() answers; unwatch() takes it. A plain value: dropping it keeps the watch.
class WatchId {
 public:
  WatchId() noexcept = default;
  explicit WatchId(detail::IntrusivePtr<detail::WatchNode> node) noexcept : node_{std::move(node)} {}
  friend bool operator==(const WatchId&, const WatchId&) noexcept = default;

 private:
  template <class A>
  friend class Actor;
  detail::IntrusivePtr<detail::WatchNode> node_;
};

}  // namespace coppice
