#include "coppice/patterns/cancel_token.hpp"

#include <algorithm>

#include "base/mutex.hpp"
#include "base/platform.hpp"
#include "coppice/actor/life_item.hpp"
#include "coppice/system/system.hpp"

namespace coppice {

namespace detail {

namespace {

/// Where a thread's address stands for the thread.
thread_local char this_thread_mark;

}  // namespace

struct CallbackList {
  CancelCallback* first = nullptr;
  CancelCallback* last = nullptr;
};

/// One callback. In its token's list, then in that of who cancels, then running; it leaves each under the tree's lock.
struct CancelCallback : PoolAllocated {
  enum : std::uint32_t { kWaiting = 0, kRunning = 1, kDone = 2 };
  CancelCallback(NodeHandle n, UniqueFunction<void()> f) noexcept : node{std::move(n)}, run{std::move(f)} {}
  void add_ref() noexcept { refs.add(); }
  void release() noexcept {
    if (refs.drop()) delete this;
  }

  RefCount refs;
  NodeHandle node;
  UniqueFunction<void()> run;
  Atomic<std::uint32_t> progress{kWaiting};
  const char* runner = nullptr;  // under the lock, as the rest: whose thread runs it
  CallbackList* in = nullptr;    // holds a count
  CancelCallback* previous = nullptr;
  CancelCallback* next = nullptr;
};

/// What the tokens of one tree share. The lock is held for a few instructions, but by who cancels for as long as it
/// takes to mark what is below.
struct CancelTree : Counted {
  explicit CancelTree(IntrusivePtr<Runtime> r) noexcept : runtime{std::move(r)} {}
  const IntrusivePtr<Runtime> runtime;  // null: no clock
  Mutex mutex;
};

/// The deadline of a node. It does not keep the node: a token that nobody has any more needs none.
struct Deadline final : Timer {
  Deadline(IntrusivePtr<CancelTree> t, CancelNode& n) noexcept
      : Timer{&Deadline::fire_deadline, [](Timer& timer) noexcept { delete static_cast<Deadline*>(&timer); }},
        tree{std::move(t)},
        node{&n} {}
  static void fire_deadline(Timer& timer) noexcept;
  const IntrusivePtr<CancelTree> tree;
  CancelNode* node;  // under the lock; null: it has gone, or has another deadline
};

/// One token.
///
/// Ownership  counted by sources, tokens and callbacks. A child counts its parent; the parent's list of children does
///            not count them: who goes leaves it under the lock.
class CancelNode {
 public:
  CancelNode(IntrusivePtr<CancelTree> tree, NodeHandle parent) noexcept
      : tree_{std::move(tree)}, parent_{std::move(parent)} {
    CancelNode* const above = parent_.get();
    if (above == nullptr) return;
    const Lock lock{tree_->mutex};
    deadline_ = above->deadline_;
    is_cancelled_.store(above->is_cancelled(), kRelaxed);
    older_ = above->newest_child_;
    if (older_ != nullptr) older_->newer_ = this;
    above->newest_child_ = this;
  }
  ~CancelNode() {
    {
      const Lock lock{tree_->mutex};
      if (timer_) timer_->node = nullptr;
      if (older_ != nullptr) older_->newer_ = newer_;
      if (newer_ != nullptr) newer_->older_ = older_;
      if (CancelNode* const above = parent_.get(); above != nullptr && above->newest_child_ == this)
        above->newest_child_ = older_;
    }
    if (timer_) tree_->runtime->default_scheduler->disarm(*timer_);
  }
  CancelNode(const CancelNode&) = delete;
  CancelNode& operator=(const CancelNode&) = delete;

  void add_ref() noexcept { refs_.fetch_add(1, kRelaxed); }
  /// For who found it through the tree, under its lock: null when its last count has gone.
  [[nodiscard]] bool try_add_ref() noexcept {
    std::uint32_t count = refs_.load(kRelaxed);
    while (count != 0)
      if (refs_.compare_exchange_weak(count, count + 1, kRelaxed, kRelaxed)) return true;
    return false;
  }
  static void release(CancelNode* node) noexcept {
    // A chain of parents that only their children kept goes one by one, not each within the other.
    while (node != nullptr && node->refs_.fetch_sub(1, kAcqRel) == 1) {
      // The parent's count is taken over, so that its end comes in the next round.
      NodeHandle parent = node->parent_;
      CancelNode* const above = parent.get();
      delete node;
      if (above != nullptr) above->add_ref();
      parent = {};
      node = above;
    }
  }

  // acquire: partner of the release in mark(): what was before a cancellation is seen by who sees it.
  [[nodiscard]] bool is_cancelled() const noexcept { return is_cancelled_.load(kAcquire); }
  [[nodiscard]] const IntrusivePtr<CancelTree>& tree() const noexcept { return tree_; }
  [[nodiscard]] TimePoint deadline() const noexcept {
    const Lock lock{tree_->mutex};
    TimePoint first = deadline_;
    for (const CancelNode* above = parent_.get(); above != nullptr; above = above->parent_.get())
      first = std::min(first, above->deadline_);
    return first;
  }

  bool cancel() noexcept;
  void cancel_at(TimePoint when);
  /// False: it has been cancelled, and the callback is to run now.
  [[nodiscard]] bool add(CancelCallback& callback) noexcept;
  static void remove(CancelCallback& callback) noexcept;

 private:
  static void link(CallbackList& list, CancelCallback& callback, const Lock&) noexcept {
    callback.in = &list;
    callback.previous = list.last;
    callback.next = nullptr;
    (list.last != nullptr ? list.last->next : list.first) = &callback;
    list.last = &callback;
  }
  static void unlink(CancelCallback& callback, const Lock&) noexcept {
    CallbackList& list = *callback.in;
    (callback.previous != nullptr ? callback.previous->next : list.first) = callback.next;
    (callback.next != nullptr ? callback.next->previous : list.last) = callback.previous;
    callback.in = nullptr;
  }
  /// Marks this and all below, and gathers their callbacks.
  void mark(CallbackList& to, const Lock& lock) noexcept;
  void run_all(CallbackList& list) noexcept;

  Atomic<std::uint32_t> refs_{1};
  Atomic<bool> is_cancelled_{false};
  const IntrusivePtr<CancelTree> tree_;
  const NodeHandle parent_;
  // Under the lock, as the rest.
  TimePoint deadline_ = TimePoint::max();
  IntrusivePtr<Deadline> timer_;
  CallbackList callbacks_;
  CancelNode* newest_child_ = nullptr;
  CancelNode* older_ = nullptr;
  CancelNode* newer_ = nullptr;
};

void CancelNode::mark(CallbackList& to, const Lock& lock) noexcept {
  CancelNode* node = this;
  for (;;) {
    if (!node->is_cancelled()) {
      node->is_cancelled_.store(true, kRelease);
      while (CancelCallback* const callback = node->callbacks_.first) {
        unlink(*callback, lock);
        link(to, *callback, lock);
      }
    }
    // Down first, then on to the next sibling, or the next of the nearest one above that has one.
    if (node->newest_child_ != nullptr) {
      node = node->newest_child_;
      continue;
    }
    while (node != this && node->older_ == nullptr) node = node->parent_.get();
    if (node == this) return;
    node = node->older_;
  }
}

bool CancelNode::cancel() noexcept {
  CallbackList due;
  IntrusivePtr<Deadline> timer;
  {
    const Lock lock{tree_->mutex};
    if (is_cancelled()) return false;
    mark(due, lock);
    timer = std::move(timer_);
    if (timer) timer->node = nullptr;
  }
  if (timer) tree_->runtime->default_scheduler->disarm(*timer);
  run_all(due);
  return true;
}

void CancelNode::run_all(CallbackList& list) noexcept {
  const IntrusivePtr<CancelTree> tree = tree_;  // a callback may drop the last handle of this node
  for (;;) {
    CancelCallback* callback;
    {
      const Lock lock{tree->mutex};
      callback = list.first;
      if (callback == nullptr) return;
      unlink(*callback, lock);  // its list's count is ours now
      callback->runner = &this_thread_mark;
      callback->progress.store(CancelCallback::kRunning, kRelaxed);
    }
    try {
      callback->run();
    } catch (...) {  // [Z1] nobody's handler: there is no life to end
    }
    callback->progress.store(CancelCallback::kDone, kRelease);  // partner: the acquire in remove()
    wake_all(callback->progress);
    callback->release();
  }
}

bool CancelNode::add(CancelCallback& callback) noexcept {
  const Lock lock{tree_->mutex};
  if (is_cancelled()) return false;
  callback.add_ref();
  link(callbacks_, callback, lock);
  return true;
}

void CancelNode::remove(CancelCallback& callback) noexcept {
  {
    const Lock lock{callback.node.get()->tree_->mutex};
    if (callback.in != nullptr) {
      unlink(callback, lock);
      callback.release();  // the list's count; the caller has another
      return;
    }
    if (callback.runner == &this_thread_mark) return;
  }
  while (callback.progress.load(kAcquire) == CancelCallback::kRunning)
    wait_on(callback.progress, CancelCallback::kRunning, kForever);
}

void CancelNode::cancel_at(TimePoint when) {
  Runtime* const runtime = tree_->runtime.get();
  COPPICE_VERIFY(runtime != nullptr, "a deadline for a CancelSource that was made without a system");
  if (when <= runtime->clock->now()) return static_cast<void>(cancel());
  const auto timer = IntrusivePtr<Deadline>::adopt(new Deadline{tree_, *this});
  IntrusivePtr<Deadline> before;
  {
    const Lock lock{tree_->mutex};
    if (is_cancelled() || when >= deadline_) return;
    deadline_ = when;
    before = std::exchange(timer_, timer);
    if (before) before->node = nullptr;
  }
  if (before) runtime->default_scheduler->disarm(*before);
  runtime->default_scheduler->arm(*timer, when);
}

void Deadline::fire_deadline(Timer& timer) noexcept {
  auto& self = static_cast<Deadline&>(timer);
  NodeHandle keep;
  {
    const Lock lock{self.tree->mutex};
    if (self.node == nullptr || !self.node->try_add_ref()) return;
    keep = NodeHandle{self.node};
  }
  keep.get()->cancel();
}

NodeHandle::NodeHandle(const NodeHandle& other) noexcept : node_{other.node_} {
  if (node_ != nullptr) node_->add_ref();
}
NodeHandle::~NodeHandle() { CancelNode::release(node_); }

namespace {

NodeHandle make_node(IntrusivePtr<CancelTree> tree, NodeHandle parent) {
  return NodeHandle{new CancelNode{std::move(tree), std::move(parent)}};
}

NodeHandle node_below(const NodeHandle& parent) {
  if (parent.get() != nullptr) return make_node(parent.get()->tree(), parent);
  return make_node(IntrusivePtr<CancelTree>::adopt(new CancelTree{{}}), {});
}

/// Cancels with a life: as a thing that it made when it ends in order, as one that it holds outside when it is killed.
struct LifeEnd final : Holding, LifeItem {
  LifeEnd(Cell& cell, CancelSource s) noexcept : LifeItem{&LifeEnd::withdraw_token}, source{std::move(s)} {
    holder = IntrusivePtr<Cell>::of(cell);
  }
  static void withdraw_token(LifeItem& item) noexcept {
    auto& self = static_cast<LifeEnd&>(item);
    let_go(self);
    self.source.cancel();
    self.release();
  }
  void given_up() noexcept override { source.cancel(); }
  const CancelSource source;
};

}  // namespace
}  // namespace detail

void CancelRegistration::reset() noexcept {
  detail::CancelCallback* const callback = std::exchange(callback_, nullptr);
  if (callback == nullptr) return;
  detail::CancelNode::remove(*callback);
  callback->release();
}

bool CancelToken::is_cancelled() const noexcept { return node_.get() != nullptr && node_.get()->is_cancelled(); }

TimePoint CancelToken::deadline() const noexcept {
  return node_.get() == nullptr ? TimePoint::max() : node_.get()->deadline();
}

CancelRegistration CancelToken::add(UniqueFunction<void()> callback) const {
  if (node_.get() == nullptr) return {};
  auto* const made = new detail::CancelCallback{node_, std::move(callback)};
  CancelRegistration registration{made};
  if (node_.get()->add(*made)) return registration;
  try {
    made->run();
  } catch (...) {  // [Z1] as if it had come a moment earlier
  }
  return {};
}

CancelSource::CancelSource(const System& system)
    : node_{detail::make_node(detail::IntrusivePtr<detail::CancelTree>::adopt(
                                  new detail::CancelTree{detail::IntrusivePtr<detail::Runtime>::of(system.runtime())}),
                              {})} {}
CancelSource::CancelSource(const CancelToken& parent) : node_{detail::node_below(parent.node_)} {}

bool CancelSource::cancel() const noexcept {
  const auto keep = node_;  // a callback may end this source
  return keep.get()->cancel();
}
void CancelSource::cancel_at(TimePoint deadline) const {
  const auto keep = node_;
  keep.get()->cancel_at(deadline);
}
void CancelSource::cancel_after(Duration delay) const {
  const detail::Runtime* const runtime = node_.get()->tree()->runtime.get();
  COPPICE_VERIFY(runtime != nullptr, "a deadline for a CancelSource that was made without a system");
  cancel_at(detail::saturating_add(runtime->clock->now(), delay));
}

CancelToken cancel_with_life(detail::Cell& cell, const CancelToken& parent) {
  using detail::IntrusivePtr;
  CancelSource source =
      parent == CancelToken{}
          ? CancelSource{detail::make_node(IntrusivePtr<detail::CancelTree>::adopt(new detail::CancelTree{
                                               IntrusivePtr<detail::Runtime>::share(cell.runtime())}),
                                           {})}
          : CancelSource{parent};
  auto* const end = new detail::LifeEnd{cell, source};  // the list of what the life made has its count
  detail::enlist(cell, *end);
  // Refused by one that handles what waits before it ends: it cannot be found from outside any more, but lives.
  static_cast<void>(detail::hold(*end, detail::HoldFor::Life));
  return source.token();
}

}  // namespace coppice
