#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "cell_life.hpp"
#include "coppice/actor/send.hpp"

// Links between actors, and exits that go along them or come without. Source: Erlang's links and exit signals.

namespace coppice::detail {

namespace {

/// All link numbers there are, of all systems: actors of two may be linked.
std::uint64_t new_link_number() noexcept {
  static constinit Atomic<std::uint64_t> last{0};
  return last.fetch_add(1, kRelaxed) + 1;
}

bool is_same_place(Cell& a, Cell& b) noexcept { return &live_cell(a) == &live_cell(b); }

/// For their owner to let go of after the lock: a count may be a cell's last, and behind that is user code.
template <class F>
[[nodiscard]] std::vector<LinkEnd> take_links(std::vector<LinkEnd>& links, F&& unwanted) {
  std::vector<LinkEnd> taken;
  taken.reserve(static_cast<std::size_t>(std::count_if(links.begin(), links.end(), unwanted)));  // all that may throw
  auto kept = links.begin();
  for (auto link = links.begin(); link != links.end(); ++link) {
    if (unwanted(*link)) {
      taken.push_back(std::move(*link));
    } else if (kept++ != link) {
      *std::prev(kept) = std::move(*link);
    }
  }
  links.erase(kept, links.end());
  return taken;
}
/// The same of one at most, without memory. Nobody's: there was none.
template <class F>
[[nodiscard]] LinkEnd take_link(std::vector<LinkEnd>& links, F&& unwanted) noexcept {
  LinkEnd taken;
  const auto found = std::find_if(links.begin(), links.end(), unwanted);
  if (found == links.end()) return taken;
  taken = std::move(*found);
  links.erase(found);
  return taken;
}

/// The link to `other` that is on, or the end.
auto find_link(std::vector<LinkEnd>& links, Cell& other) noexcept {
  return std::find_if(links.begin(), links.end(),
                      [&](const LinkEnd& link) { return !link.spent && is_same_place(*link.other, other); });
}

}  // namespace

/// The very signal that asked for the link carries the exit back: there may be no memory for another.
void CellLife::refuse_link(CellSignal* link, Cell& ended, const ExitReason& reason) noexcept {
  const IntrusivePtr<Cell> from = std::move(link->other);
  link->kind = CellSignal::Kind::LinkExit;
  link->reason = reason;
  link->other = IntrusivePtr<Cell>::share(&ended);
  link->link_theirs = std::exchange(link->link_mine, 0);
  from->signal(link);
}

void CellLife::on_link(std::unique_ptr<CellSignal> signal) noexcept {
  if (is_over()) return refuse_link(signal.release(), c, ExitReason::no_proc());
  CellExtras& x = extras();
  std::vector<LinkEnd> room;
  for (std::size_t places = 0;;) {
    surely([&] { room.reserve(places); });  // without the lock
    const std::lock_guard lock{x.outside};
    if (const auto known = find_link(x.links, *signal->other); known != x.links.end()) {
      known->theirs = signal->link_mine;
      return;
    }
    if (room.capacity() > x.links.size()) {
      for (LinkEnd& link : x.links) room.push_back(std::move(link));
      room.swap(x.links);
    }
    if (x.links.size() < x.links.capacity()) {
      x.links.push_back({.other = std::move(signal->other), .theirs = signal->link_mine});
      return;
    }
    places = 2 * x.links.size() + 1;
  }
}

/// What the other one had not heard of when it unlinked stays.
void CellLife::on_unlink(CellSignal& signal) noexcept {
  CellExtras& x = extras();
  LinkEnd gone;  // one at most: a number is one link's
  const std::lock_guard lock{x.outside};
  for (LinkEnd& link : x.links) {
    if (link.spent) continue;
    if (link.theirs == signal.link_mine) link.theirs = 0;
    if (link.mine == signal.link_theirs) link.mine = 0;
  }
  gone = take_link(x.links, [](const LinkEnd& link) { return link.key() == 0; });
}

/// `link`: the key of the one that it came along; 0: none.
void CellLife::tell_exit(const CellSignal& signal, std::uint64_t link) noexcept {
  Envelope* const told = surely([&] {
    ExitSignal exit{RefAccess::make<AnyRef>(signal.other), signal.reason};
    return make_envelope<ExitEnvelope>(extras().exit_ops, std::move(exit), link, c.incarnation());
  });
  deliver_surely(c, told);
}

void CellLife::on_link_exit(CellSignal& signal) noexcept {
  CellExtras& x = extras();
  const bool is_trapped = x.exit_ops != nullptr && !x.ending && !is_over();
  LinkEnd carrier;
  {
    const std::lock_guard lock{x.outside};
    const auto found = std::find_if(x.links.begin(), x.links.end(), [&](const LinkEnd& link) {
      const bool one_of_ours = link.mine != 0 && link.mine == signal.link_theirs;
      const bool one_of_theirs = link.theirs != 0 && link.theirs == signal.link_mine;
      return !link.spent && (one_of_ours || one_of_theirs);
    });
    if (found == x.links.end()) return;  // a link that is no longer there does not carry anything
    carrier = *found;
    if (is_trapped) {
      found->spent = true;
    } else {
      x.links.erase(found);
    }
  }
  // Both had linked and it ended before it heard of ours, which may come to its next life: that one is not linked.
  if (carrier.mine != 0 && carrier.mine != signal.link_theirs) {
    CellSignal* const unlink = surely([] { return make_signal(CellSignal::Kind::Unlink); });
    unlink->other = IntrusivePtr<Cell>::share(&c);
    unlink->link_mine = carrier.mine;
    carrier.other->signal(unlink);
  }
  if (x.ending || is_over()) return;
  if (is_trapped) return tell_exit(signal, carrier.key());
  if (signal.reason.kind() == ExitReason::Kind::Normal || !c.state_alive_) return;
  begin_end(signal.reason, c.is_supervised());
}

void CellLife::on_exit(CellSignal& signal) noexcept {
  CellExtras& x = extras();
  if (x.ending || is_over() || !c.state_alive_) return;
  if (x.exit_ops != nullptr) return tell_exit(signal, 0);
  const bool is_own = signal.other && is_same_place(*signal.other, c);
  if (signal.reason.kind() == ExitReason::Kind::Normal && !is_own) return;
  begin_end(signal.reason, c.is_supervised());
}

// ---- from the actor's side ----

void link_cells(Cell& self, Cell& other) {
  if (is_same_place(self, other)) return;
  CellExtras& x = self.extras();
  const std::uint64_t number = new_link_number();
  std::unique_ptr<CellSignal> link{make_signal(CellSignal::Kind::Link)};  // first: without memory, no half of a link
  {
    const std::lock_guard lock{x.outside};
    if (find_link(x.links, other) != x.links.end()) return;
    x.links.push_back({.other = IntrusivePtr<Cell>::share(&other), .mine = number});
  }
  link->other = IntrusivePtr<Cell>::share(&self);
  link->link_mine = number;
  other.signal(link.release());
}

void link_from_start(Cell& parent, Cell& child) {
  const std::uint64_t number = new_link_number();
  child.extras().links.push_back({.other = IntrusivePtr<Cell>::share(&parent), .theirs = number});
  CellExtras& x = parent.extras();
  const std::lock_guard lock{x.outside};
  x.links.push_back({.other = IntrusivePtr<Cell>::share(&child), .mine = number});
}

void unlink_cells(Cell& self, Cell& other) {
  CellExtras& x = self.extras();
  std::vector<LinkEnd> gone;
  // First: without memory they are linked. Of two actors one link at most is on.
  std::unique_ptr<CellSignal> unlink{make_signal(CellSignal::Kind::Unlink)};
  {
    const std::lock_guard lock{x.outside};
    // Those that are spent as well: what they carried is not handled any more.
    gone = take_links(x.links, [&](const LinkEnd& each) { return is_same_place(*each.other, other); });
  }
  for (const LinkEnd& link : gone) {
    if (link.spent) continue;
    unlink->other = IntrusivePtr<Cell>::share(&self);
    unlink->link_mine = link.mine;
    unlink->link_theirs = link.theirs;
    other.signal(unlink.release());
    break;
  }
}

bool ExitEnvelope::spend(Cell& cell) noexcept {
  if (incarnation != cell.incarnation()) return false;
  if (link == 0) return true;
  CellExtras& x = cell.extras();
  LinkEnd gone;
  const std::lock_guard lock{x.outside};
  gone = take_link(x.links, [this](const LinkEnd& each) { return each.spent && each.key() == link; });
  return static_cast<bool>(gone.other);
}

void trap_exits(Cell& self, const EnvelopeOps* exit_ops) { self.extras().exit_ops = exit_ops; }

void send_exit(Cell& self, Cell& to, const ExitReason& reason) {
  if (reason.kind() == ExitReason::Kind::Killed) {
    // (Oneself is not taken over: this handler is about to return.)
    if (is_same_place(self, to)) return self.signal(make_signal(CellSignal::Kind::Kill));
    Cell& target = live_cell(to);
    Runtime& runtime = *target.runtime();
    const auto ticket = IntrusivePtr<Ticket>::adopt(new Ticket{runtime});
    ticket->late = IntrusivePtr<Cell>::share(&target);
    // It may stand between two handlers when we look, and in one that hangs a moment later: so look again.
    if (!try_kill(target, ExitReason::killed(), ticket))
      ticket->kill_at(saturating_add(runtime.clock->now(), std::chrono::milliseconds{1}));
    return;
  }
  std::unique_ptr<CellSignal> exit{make_signal(CellSignal::Kind::Exit)};
  exit->reason = reason;
  exit->other = IntrusivePtr<Cell>::share(&self);
  to.signal(exit.release());
}

}  // namespace coppice::detail
