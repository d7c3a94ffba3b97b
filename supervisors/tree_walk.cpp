#include "tree_walk.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "coppice/supervisors/dynamic_supervisor.hpp"

namespace coppice::detail {
namespace {

/// How often those that have not answered are looked at again: they may stand in a handler by then.
constexpr Duration kLookEvery = std::chrono::milliseconds{1};

/// In the order in which they were made.
std::vector<IntrusivePtr<Cell>> places_below(const Cell& supervisor) {
  std::vector<IntrusivePtr<Cell>> places;
  const Factory* const factory = supervisor.factory();
  if (factory == nullptr) return places;
  factory->visit_places(
      [](void* to, Cell& place) {
        static_cast<std::vector<IntrusivePtr<Cell>>*>(to)->push_back(IntrusivePtr<Cell>::of(place));
      },
      &places);
  std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) { return a->id() < b->id(); });
  return places;
}

}  // namespace

struct TreeWalk::LookTimer final : Timer {
  explicit LookTimer(TreeWalk& w) noexcept
      : Timer{&LookTimer::fire_look, [](Timer& t) noexcept { delete static_cast<LookTimer*>(&t); }},
        walk{IntrusivePtr<TreeWalk>::of(w)} {}
  static void fire_look(Timer& timer) noexcept { static_cast<LookTimer&>(timer).walk->look_again(); }
  IntrusivePtr<TreeWalk> walk;
};

IntrusivePtr<TreeWalk> TreeWalk::start(Cell& root, Duration within, Done done) {
  auto walk = IntrusivePtr<TreeWalk>::adopt(new TreeWalk{std::move(done)});
  walk->deadline_ = saturating_add(root.runtime()->clock->now(), within);
  walk->collect(root);
  walk->ask_all();
  return walk;
}

/// With a stack of its own: a tree may be nested deeper than the thread's.
void TreeWalk::collect(Cell& root) {
  struct Open {
    IntrusivePtr<Cell> cell;
    std::size_t parent;
    std::size_t level;
  };
  std::vector<Open> open;
  open.push_back({IntrusivePtr<Cell>::of(root), 0, 0});
  while (!open.empty()) {
    Open next = std::move(open.back());
    open.pop_back();
    const Cell& cell = *next.cell;
    const std::size_t index = nodes_.size();
    const std::uint32_t lives = cell.incarnation();
    std::string id = cell.name();
    if (id.empty()) id = "#" + std::to_string(cell.id());
    std::string path = index == 0 ? cell.path() : nodes_[next.parent].path + '/' + id;
    nodes_.push_back({.path = std::move(path),
                      .id = std::move(id),
                      .type = cell.ops().type->name,
                      .actor = cell.id(),
                      .is_supervisor = cell.ops().child_event != nullptr,
                      .phase = cell.phase(),
                      .restarts = lives > 1 ? lives - 1 : 0,
                      .last_error = cell.last_error(),
                      .parent = next.parent,
                      .level = next.level});
    auto places = places_below(cell);
    for (auto it = places.rbegin(); it != places.rend(); ++it) open.push_back({*it, index, next.level + 1});
    cells_.push_back(std::move(next.cell));
  }
}

void TreeWalk::ask_all() {
  depths_ = std::make_unique<Atomic<std::int64_t>[]>(cells_.size());
  for (std::size_t i = 0; i < cells_.size(); ++i) depths_[i].store(SupervisionTree::kUnknown, kRelaxed);
  missing_.store(cells_.size() + 1, kRelaxed);
  for (std::size_t i = 0; i < cells_.size(); ++i)
    ask_depth(*cells_[i], IntrusivePtr<DepthSink>::of(*this), static_cast<std::uint32_t>(i));
  const bool is_late = cells_.front()->runtime()->clock->now() >= deadline_;
  if (missing_.fetch_sub(1, kAcqRel) == 1 || is_late) return finish();
  auto timer = IntrusivePtr<Timer>::adopt(new LookTimer{*this});
  const Lock lock{mutex_};
  if (finished_.load(kAcquire)) return;
  timer_ = std::move(timer);
  arm_locked();
}

void TreeWalk::arm_locked() noexcept {
  if (finished_.load(kAcquire)) return;
  Cell& root = *cells_.front();
  const TimePoint soon = saturating_add(root.runtime()->clock->now(), kLookEvery);
  root.scheduler().arm(*timer_, std::min(soon, deadline_));
}

void TreeWalk::look_again() noexcept {
  for (std::size_t i = 0; i < cells_.size() && !finished_.load(kAcquire); ++i) {
    const auto which = static_cast<std::uint32_t>(i);
    if (wants(which)) look_for_depth(*cells_[i], *this, which);
  }
  if (cells_.front()->runtime()->clock->now() >= deadline_) return finish();
  const Lock lock{mutex_};
  arm_locked();
}

bool TreeWalk::wants(std::uint32_t which) const noexcept {
  return !finished_.load(kAcquire) && depths_[which].load(kRelaxed) == SupervisionTree::kUnknown;
}

void TreeWalk::depth_is(std::uint32_t which, std::uint64_t depth) noexcept {
  std::int64_t unknown = SupervisionTree::kUnknown;
  if (!depths_[which].compare_exchange_strong(unknown, static_cast<std::int64_t>(depth), kAcqRel, kRelaxed)) return;
  if (missing_.fetch_sub(1, kAcqRel) == 1) finish();
}

void TreeWalk::finish() noexcept {
  if (finished_.exchange(true, kAcqRel)) return;
  IntrusivePtr<Timer> timer;
  {
    const Lock lock{mutex_};
    timer = std::move(timer_);  // they hold each other: the circle ends here
    if (timer) cells_.front()->scheduler().disarm(*timer);
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) nodes_[i].mailbox_depth = depths_[i].load(kAcquire);
  try {
    std::exchange(done_, nullptr)(SupervisionTree{std::move(nodes_)});
  } catch (...) {  // nobody waits any more
  }
}

Result<SupervisionTree, CallError> read_tree(const AnyRef& root, Duration within) {
  if (this_thread.cell != nullptr) return Error{CallError{.kind = CallError::Kind::Blocking}};
  Cell* cell = &RefAccess::cell(root);
  while (Cell* const next = cell->successor()) cell = next;
  if (cell->has_ended() || cell->id() == 0 || cell->is_closed())
    return Error{CallError{.kind = CallError::Kind::Closing}};
  struct Answer : Counted {
    Atomic<std::uint32_t> ready{0};
    std::optional<SupervisionTree> tree;
  };
  Runtime& runtime = *cell->runtime();
  const auto answer = IntrusivePtr<Answer>::adopt(new Answer);
  const auto keep = IntrusivePtr<Runtime>::of(runtime);
  const TimePoint deadline = saturating_add(runtime.clock->now(), within);
  const auto walk = TreeWalk::start(*cell, within, [answer, keep](SupervisionTree tree) {
    answer->tree = std::move(tree);
    answer->ready.store(1, kRelease);
    keep->wake(answer->ready);
  });
  while (answer->ready.load(kAcquire) == 0) {
    if (!runtime.wait(answer->ready, 0, deadline)) {
      walk->finish();
      break;
    }
  }
  while (answer->ready.load(kAcquire) == 0) runtime.wait(answer->ready, 0, TimePoint::max());
  return std::move(*answer->tree);
}

bool print_tree_of(const AnyRef& root, std::FILE* to, Duration within) {
  const auto tree = read_tree(root, within);
  return tree && tree->print(to);
}

namespace {

void answer_with_tree(Cell& root, Duration within, ReplyPromise<SupervisionTree> promise) {
  TreeWalk::start(root, within, [to = std::move(promise)](SupervisionTree tree) mutable {
    static_cast<void>(to.set(std::move(tree)));
  });
}

}  // namespace
}  // namespace coppice::detail

namespace coppice {

Later<SupervisionTree> Supervisor::handle(GetTree call) {
  auto [promise, later] = reply_later<SupervisionTree>();
  detail::answer_with_tree(cell(), call.within, std::move(promise));
  return std::move(later);
}

Later<SupervisionTree> DynamicSupervisor::handle(GetTree call) {
  auto [promise, later] = reply_later<SupervisionTree>();
  detail::answer_with_tree(cell(), call.within, std::move(promise));
  return std::move(later);
}

}  // namespace coppice
