#include "coppice/patterns/router.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_set>

#include "base/mutex.hpp"
#include "coppice/base/fnv1a.hpp"

namespace coppice {

namespace detail {

/// The members at one time. Never changed: who joins or leaves puts another in its place.
struct RouteTable final : Counted {
  struct Point {
    std::uint64_t at;
    std::uint32_t member;
  };
  std::vector<IntrusivePtr<RouteMember>> members;
  std::vector<Point> ring;  // sorted
};

struct RouterCore::Guarded {
  BriefLock lock;  // of the pointer
  IntrusivePtr<RouteTable> table = IntrusivePtr<RouteTable>::adopt(new RouteTable);
  Mutex changes;  // who changes it, one after the other
  // Who has left with messages to do: whoever joins again still has them. Under `changes`.
  std::vector<IntrusivePtr<RouteMember>> former;
};

std::uint64_t stable_hash(std::uint64_t z) noexcept {
  z += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

std::uint64_t stable_hash(std::string_view bytes) noexcept { return stable_hash(Fnv1a{}.add(bytes).value()); }

Result<void, OptionError> check_virtual_nodes(std::uint32_t nodes) {
  constexpr std::uint32_t kMost = 10'000;  // a point takes 16 bytes, and each change sorts all of them
  if (nodes > 0 && nodes <= kMost) return {};
  return Error{OptionError{"virtual_nodes is " + std::to_string(nodes) + "; it may be 1 to 10000"}};
}

void move_load(RouteMember*& from, RouteMember* to) noexcept {
  if (to != nullptr) {
    to->add_ref();
    to->load.fetch_add(1, kRelaxed);
  }
  if (RouteMember* const before = std::exchange(from, to)) {
    before->load.fetch_sub(1, kRelaxed);
    before->release();
  }
}

namespace {

/// How a member stands, best first. A moment's view: a refusal tells the rest.
enum Tier : unsigned { kReady, kComingBack, kReadyButFull, kComingBackAndFull, kGone };

bool has_room(const Cell& cell) noexcept {
  const Bound* const bound = cell.bound();
  return bound == nullptr || bound->depth() < bound->capacity;
}

Tier tier_of(const RouteMember& member) noexcept {
  const Cell& cell = live_cell(RefAccess::cell(member.ref));
  if (cell.is_closed()) return kGone;
  const Phase phase = cell.phase();
  // The first life starts by itself; a later one may be a long time coming.
  const bool is_ready = phase == Phase::Running || phase == Phase::Starting;
  if (has_room(cell)) return is_ready ? kReady : kComingBack;
  return is_ready ? kReadyButFull : kComingBackAndFull;
}

}  // namespace

// ---- members ----

RouterCore::RouterCore(Runtime& runtime, std::uint32_t virtual_nodes)
    : runtime_{IntrusivePtr<Runtime>::of(runtime)}, virtual_nodes_{virtual_nodes}, guarded_{new Guarded} {}
RouterCore::~RouterCore() { delete guarded_; }

IntrusivePtr<RouteTable> RouterCore::table() const noexcept {
  const std::lock_guard lock{guarded_->lock};
  return guarded_->table;
}

bool RouterCore::join(const AnyRef& ref) {
  if (!ref) return false;
  const Lock changes{guarded_->changes};
  auto members = table()->members;
  for (const auto& member : members)
    if (member->ref == ref) return false;
  auto& former = guarded_->former;
  const auto again = std::find_if(former.begin(), former.end(), [&](const auto& member) { return member->ref == ref; });
  members.push_back(again != former.end() ? *again : IntrusivePtr<RouteMember>::adopt(new RouteMember{ref}));
  replace(std::move(members));
  if (again != former.end()) former.erase(again);
  return true;
}

void RouterCore::join_all(const std::vector<AnyRef>& refs) {
  std::vector<IntrusivePtr<RouteMember>> members;
  members.reserve(refs.size());
  std::unordered_set<AnyRef> seen;
  for (const AnyRef& ref : refs)
    if (ref && seen.insert(ref).second) members.push_back(IntrusivePtr<RouteMember>::adopt(new RouteMember{ref}));
  const Lock changes{guarded_->changes};
  replace(std::move(members));
}

bool RouterCore::leave(const AnyRef& ref) {
  const Lock changes{guarded_->changes};
  auto members = table()->members;
  const auto left =
      std::find_if(members.begin(), members.end(), [&](const auto& member) { return member->ref == ref; });
  if (left == members.end()) return false;
  // A sender that still has the table may add to its load, so it is kept whatever it has now; the next change looks
  // whether that is over.
  auto& former = guarded_->former;
  std::erase_if(former, [](const auto& member) { return member->is_last_count(); });
  former.push_back(*left);
  members.erase(left);
  replace(std::move(members));
  return true;
}

void RouterCore::replace(std::vector<IntrusivePtr<RouteMember>> members) {
  auto next = IntrusivePtr<RouteTable>::adopt(new RouteTable);
  next->members = std::move(members);
  for (std::uint32_t i = 0; virtual_nodes_ > 0 && i < next->members.size(); ++i) {
    const std::uint64_t name = stable_hash(next->members[i]->ref.path());
    for (std::uint32_t node = 0; node < virtual_nodes_; ++node)
      next->ring.push_back({stable_hash(name ^ stable_hash(std::uint64_t{node})), i});
  }
  std::sort(next->ring.begin(), next->ring.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  const std::lock_guard lock{guarded_->lock};
  std::swap(guarded_->table, next);
}

std::vector<AnyRef> RouterCore::members() const {
  const auto now = table();
  std::vector<AnyRef> refs;
  refs.reserve(now->members.size());
  for (const auto& member : now->members) refs.push_back(member->ref);
  return refs;
}

std::vector<AnyRef> RouterCore::members_with_room_first() const {
  // (std::stable_partition takes a buffer in a way that is deprecated, and clang says so.)
  std::vector<AnyRef> refs;
  std::vector<AnyRef> full;
  for (AnyRef& ref : members()) {
    std::vector<AnyRef>& to = has_room(live_cell(RefAccess::cell(ref))) ? refs : full;
    to.push_back(std::move(ref));
  }
  refs.insert(refs.end(), full.begin(), full.end());
  return refs;
}

std::uint64_t RouterCore::load(const AnyRef& ref) const noexcept {
  const Lock changes{guarded_->changes};
  const auto now = table();
  for (const auto* const list : {&now->members, &guarded_->former})
    for (const auto& member : *list)
      if (member->ref == ref) return member->load.load(kRelaxed);
  return 0;
}

// ---- messages ----

Delivery RouterCore::undeliverable(Envelope* envelope, Refusal refusal) noexcept {
  runtime_->count(Count::Sent);
  runtime_->count(Count::Refused);
  if (refusal == Refusal::HandBack) {
    runtime_->count(Count::HandedBack);
    return Delivery::Closed;
  }
  runtime_->dead_letter_to("a router without members", *envelope);
  destroy_envelope(envelope);
  return Delivery::Closed;
}

Delivery RouterCore::send(Envelope* envelope, const Chooser& chooser, std::uint64_t key, CountFor count_for,
                          Refusal refusal) {
  const auto now = table();
  const auto& members = now->members;
  if (members.empty()) return undeliverable(envelope, refusal);
  Refusals refusals;
  for (;;) {
    const Candidates among{*this, *now, key, refusals, nullptr};
    const std::uint32_t chosen = among.member(chooser.choose(chooser.strategy, among));
    RouteMember& member = *members[chosen];
    // Who takes nothing has closed or filled up since we looked: then we look among the others. Once nobody has room
    // left, or after as many tries as there are members, the mailbox itself has the last word.
    const bool is_last = among.tier_ > kComingBack || refusals.count() == members.size();
    if (count_for != nullptr) count_for(*envelope, &member);
    const Refusal handling = is_last ? refusal : Refusal::HandBack;
    Delivery delivery{};
    try {
      delivery = deliver(RefAccess::cell(member.ref), envelope, handling);
    } catch (...) {  // no memory: it has not been sent
      if (handling == Refusal::HandBack && count_for != nullptr) count_for(*envelope, nullptr);
      if (handling == Refusal::HandBack && refusal == Refusal::DeadLetter) destroy_envelope(envelope);
      throw;
    }
    if (delivery == Delivery::Accepted) return delivery;
    if (is_last && refusal == Refusal::DeadLetter) return delivery;
    if (count_for != nullptr) count_for(*envelope, nullptr);
    if (is_last) return delivery;
    refusals.add(chosen);
  }
}

IntrusivePtr<RouteMember> RouterCore::pick(const Chooser& chooser, std::uint64_t key) noexcept {
  const auto now = table();
  if (now->members.empty()) return {};
  const Candidates among{*this, *now, key, {}, nullptr};
  return now->members[among.member(chooser.choose(chooser.strategy, among))];
}

IntrusivePtr<RouteMember> RouterCore::pick_for(const Cell& asker, const Chooser& chooser, std::uint64_t key,
                                               AskError& why_not) noexcept {
  const auto now = table();
  const Candidates among{*this, *now, key, {}, &asker};
  if (among.size() > 0) return now->members[among.member(chooser.choose(chooser.strategy, among))];
  why_not = now->members.empty() ? AskError::Closed : AskError::Rejected;
  return {};
}

}  // namespace detail

// ---- whom a message may go to ----

Candidates::Candidates(detail::RouterCore& core, const detail::RouteTable& table, std::uint64_t key,
                       const detail::Refusals& refusals, const detail::Cell* never) noexcept
    : core_{core}, table_{table}, key_{key}, tier_{detail::kGone + 1U} {
  for (std::uint32_t i = 0; i < table.members.size(); ++i) {
    if (never != nullptr && &detail::live_cell(detail::RefAccess::cell(table.members[i]->ref)) == never) continue;
    unsigned tier = detail::tier_of(*table.members[i]);
    if (tier <= detail::kComingBack && refusals.has(i)) tier += detail::kReadyButFull;
    if (tier > tier_) continue;
    if (tier < tier_) {
      tier_ = tier;
      count_ = 0;
      many_.clear();
    }
    add(i);
  }
}

void Candidates::add(std::uint32_t member) noexcept {
  if (many_.empty()) {
    if (count_ < kFew) {
      few_[count_++] = member;
      return;
    }
    try {
      many_.reserve(table_.members.size());
    } catch (...) {  // no memory: the few will do
      return;
    }
    many_.assign(few_, few_ + count_);
  }
  many_.push_back(member);
}

std::uint64_t Candidates::load(std::size_t candidate) const noexcept {
  return table_.members[member(candidate)]->load.load(detail::kRelaxed);
}
std::uint64_t Candidates::turn() const noexcept { return core_.next_turn(); }
std::uint64_t Candidates::random() const noexcept { return core_.random(); }

std::size_t Candidates::owner() const noexcept {
  const auto& ring = table_.ring;
  const auto from = std::lower_bound(ring.begin(), ring.end(), key_,
                                     [](const auto& point, std::uint64_t key) { return point.at < key; });
  for (std::size_t step = 0; step < ring.size(); ++step) {
    const std::size_t at = (static_cast<std::size_t>(from - ring.begin()) + step) % ring.size();
    for (std::size_t i = 0; i < size(); ++i)
      if (member(i) == ring[at].member) return i;
  }
  return 0;  // a strategy without virtual nodes
}

std::size_t LeastLoaded::choose(const Candidates& among) const noexcept {
  const std::size_t count = among.size();
  const auto first = static_cast<std::size_t>(among.turn() % count);
  std::size_t best = first;
  std::uint64_t least = among.load(first);
  for (std::size_t step = 1; step < count && least > 0; ++step) {
    const std::size_t i = (first + step) % count;
    if (const std::uint64_t load = among.load(i); load < least) {
      least = load;
      best = i;
    }
  }
  return best;
}

}  // namespace coppice
