#include "cell_life.hpp"

#include <cstddef>
#include <utility>

#include "base/thread.hpp"
#include "coppice/actor/spawn_options.hpp"
#include "coppice/actor/stash.hpp"

namespace coppice::detail {
namespace {

constexpr TypeInfo kHookType{"a hook"};
constexpr EnvelopeOps kHookOps{nullptr, nullptr, nullptr, &kHookType, nullptr, 0, false};

}  // namespace

constinit Envelope hook_in_hand{&kHookOps};

// ---- visits ----

bool CellLife::enter() noexcept {
  for (;;) {
    auto free = Cell::Claim::Free;
    // acq_rel: what a killer that thought better of it did is before us; what we do is before the next claim.
    if (c.claim_.compare_exchange_strong(free, Cell::Claim::Owner, kAcqRel, kAcquire)) return true;
    if (free == Cell::Claim::Taken) return false;
    yield_thread();  // a killer decides this moment
  }
}

void CellLife::leave() noexcept { c.claim_.store(Cell::Claim::Free, kRelease); }

OwnerGuard::OwnerGuard(Cell& cell) noexcept : cell_{cell}, is_ours_{CellLife{cell}.enter()} {}
OwnerGuard::~OwnerGuard() {
  if (is_ours_) CellLife{cell_}.leave();
}

bool CellLife::attend(unsigned& signals_left) noexcept {
  if (!enter()) return zombie_return();
  c.attention_ = false;
  if (c.unborn_) {
    c.unborn_ = false;
    start_life();
  }
  resume_ready();
  for (; !over_ && !zombie_; --signals_left) {
    LaneSignal* const signal = next_signal();
    if (signal == nullptr) break;
    if (signals_left == 0) {  // others wait too; from here the next activation goes on
      extras().taken_signals = signal;
      c.attention_ = true;
      break;
    }
    handle(signal);
  }
  put_back();
  if (CellExtras* const x = c.extras_if_any(); over_ && x != nullptr) {
    // Those that were taken before the end hear of it. Who comes later finds nobody: settle_visit().
    while (LaneSignal* const signal = x->taken_signals) {
      x->taken_signals = static_cast<LaneSignal*>(signal->next_signal);
      answer_at_end(c, signal, x->reason);
    }
  }
  return settle_visit();
}

/// The oldest that waits, or null. Those behind it stay where a killer finds them.
LaneSignal* CellLife::next_signal() noexcept {
  CellExtras* const x = c.extras_if_any();
  LaneSignal* signal = x == nullptr ? nullptr : x->taken_signals;
  if (signal == nullptr) signal = static_cast<LaneSignal*>(c.mailbox().take_signals());
  if (signal == nullptr) return nullptr;
  auto* const behind = static_cast<LaneSignal*>(signal->next_signal);
  if (x != nullptr || behind != nullptr) extras().taken_signals = behind;
  // What the one behind it tells of was last touched where that happened, perhaps on another core.
  if (behind != nullptr && behind->kind != LaneSignal::Kind::Wakeup) {
    __builtin_prefetch(reinterpret_cast<const std::byte*>(behind) + kCacheLine);
    const Cell* const other = static_cast<CellSignal*>(behind)->other.get();
    if (other != nullptr) __builtin_prefetch(&other->extras_);
  }
  return signal;
}

bool CellLife::drained() noexcept {
  if (!enter()) return zombie_return();
  begin_end(extras().reason, false);
  return settle_visit();
}

/// The end of each visit: goes on, leaves for good, or notices that somebody took the place over meanwhile.
bool CellLife::settle_visit() noexcept {
  if (zombie_) return zombie_return();
  if (!over_) {
    leave();
    return true;
  }
  while (!c.mailbox().end()) {
    for (auto* signal = static_cast<LaneSignal*>(c.mailbox().take_signals()); signal != nullptr;) {
      auto* const next = static_cast<LaneSignal*>(signal->next_signal);
      answer_for_ended(c, signal);
      signal = next;
    }
  }
  if (c.factory_ != nullptr) {
    c.factory_->retire();
    c.factory_->forget();
  }
  if (!c.is_supervised() && c.parent_ != nullptr) {
    const CellExtras* const x = c.extras_if_any();
    tell_parent(ChildEvent::Kind::Exited, x == nullptr ? ExitReason::normal() : x->reason);
  }
  c.release();  // the place's own count
  return false;
}

void CellLife::set_phase(Phase phase) noexcept {
  const Phase from = c.phase_.load(kRelaxed);
  COPPICE_ASSERT(may_follow(from, phase), "a life-cycle step that does not exist");
  static_cast<void>(from);
  c.phase_.store(phase, kRelease);
}

void CellLife::emit(EventKind kind, std::string_view text) noexcept {
  EventSink* const events = c.runtime()->events;
  if (events == nullptr) return;
  try {
    const std::string path = c.path();
    events->record(Event{.kind = kind,
                         .actor = c.id_,
                         .incarnation = c.incarnation(),
                         .path = path,
                         .subject = c.ops_->type->name,
                         .text = text,
                         .time = c.runtime()->clock->now()});
  } catch (...) {  // no memory to tell it
  }
}

bool CellLife::is_over() const noexcept {
  const CellExtras* const x = c.extras_if_any();
  return c.has_ended() || (x != nullptr && x->closed_place);
}

// ---- the start of a life ----

Start CellLife::construct_life(const ExitReason& last_reason) {
  Runtime& runtime = *c.runtime();
  if (runtime.faults != nullptr) runtime.faults->before_start(c);
  Construction construction{&c, c.ops_->type};
  Construction* const outer = std::exchange(this_thread.construction, &construction);
  try {
    if (c.factory_ != nullptr) {
      c.factory_->construct(c.state());
    } else {
      c.ops_->construct_default(c.state());
    }
  } catch (...) {
    this_thread.construction = outer;
    throw;
  }
  this_thread.construction = outer;
  c.state_alive_ = true;
  if (c.incarnation() > 1 && c.ops_->on_restart != nullptr) c.ops_->on_restart(c.state(), last_reason);
  return c.ops_->on_start != nullptr ? c.ops_->on_start(c.state()) : Start::Run;
}

/// The kill that waits among the signals, or null. They stay where a killer finds them.
CellSignal* CellLife::waiting_kill() noexcept {
  CellExtras* const x = c.extras_if_any();
  if ((x == nullptr || x->taken_signals == nullptr) && !c.mailbox().has_signals()) return nullptr;
  LaneSignal*& first = extras().taken_signals;
  if (first == nullptr) first = static_cast<LaneSignal*>(c.mailbox().take_signals());
  for (LaneSignal* each = first; each != nullptr; each = static_cast<LaneSignal*>(each->next_signal)) {
    if (each->kind == LaneSignal::Kind::Kill) return static_cast<CellSignal*>(each);
    if (each->next_signal == nullptr) each->next_signal = c.mailbox().take_signals();
  }
  return nullptr;
}

void CellLife::start_life() noexcept {
  if (const CellExtras* const x = c.extras_if_any(); x != nullptr && x->stashed != 0) bring_back(c, x->stashed);
  c.incarnation_.store(c.incarnation() + 1, kRelaxed);
  if (CellSignal* const kill = waiting_kill()) {  // no life begins that is not to be
    CellExtras& x = extras();
    if (kill->ticket) x.end_tickets.push_back(std::move(kill->ticket));
    x.start_failed = true;
    x.was_killed = true;
    begin_end(kill->reason.is_normal() ? ExitReason::killed() : kill->reason, c.is_supervised());
    return;
  }
  // A copy, since whoever takes the place over while the hooks run writes a reason of its own.
  const ExitReason last_reason = c.incarnation() > 1 ? extras().reason : ExitReason{};
  Start wish = Start::Run;
  if (const auto thrown = hook([&] { wish = construct_life(last_reason); })) {
    if (zombie_) return;
    extras().start_failed = true;
    extras().handling = &kHookType;
    begin_end(ExitReason::from_exception(thrown), c.is_supervised());
    return;
  }
  if (zombie_) return;
  if (wish == Start::Ignore) {
    extras().start_ignored = true;
    begin_end(ExitReason::normal(), c.is_supervised());
    return;
  }
  if (c.ops_->child_event != nullptr) {
    after_manager();  // it may have finished at once
    return;
  }
  became_running();
}

void CellLife::became_running() noexcept {
  set_phase(Phase::Running);
  c.release(kHeldByLife);
  if (CellExtras* const x = c.extras_if_any()) {
    if (x->start_ticket) std::exchange(x->start_ticket, {})->complete(true, {});
  }
  c.started_ = true;
  if (c.incarnation() > 1) c.runtime()->count(Count::Restart);
  emit(c.incarnation() > 1 ? EventKind::ActorRestarted : EventKind::ActorStarted, {});
  if (c.is_supervised()) tell_parent(ChildEvent::Kind::Started, {});
}

void CellLife::finish_start(const ExitReason* failure) noexcept {
  CellExtras& x = extras();
  x.manager_start = failure == nullptr ? CellExtras::ManagerStart::Ok : CellExtras::ManagerStart::Failed;
  if (failure != nullptr) x.manager_reason = *failure;
}

void CellLife::finish_stop(const ExitReason& reason) noexcept {
  CellExtras& x = extras();
  x.manager_stopped = true;
  x.manager_reason = reason;
}

/// What a manager said in finish_start() and finish_stop() while its code ran.
void CellLife::after_manager() noexcept {
  CellExtras& x = extras();
  const auto start = std::exchange(x.manager_start, CellExtras::ManagerStart::Open);
  if (start == CellExtras::ManagerStart::Ok && !x.ending) became_running();
  if (start == CellExtras::ManagerStart::Failed) {
    x.start_failed = true;
    x.manager_stopped = true;  // it has rolled its children back
  }
  if (!x.manager_stopped) return;
  if (!x.ending) {
    begin_end(x.manager_reason, c.is_supervised());
  } else {
    x.manager_stopped = false;
    end_life();
  }
}

}  // namespace coppice::detail
