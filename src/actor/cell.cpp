#include "coppice/actor/cell.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/surely.hpp"
#include "cell_extras.hpp"
#include "cell_life.hpp"
#include "coppice/actor/send.hpp"
#include "mailbox/room.hpp"
#include "mailbox/shelf.hpp"

namespace coppice::detail {
static_assert(sizeof(Cell) == 152, "an idle actor without state must fit into 160 bytes");

Factory::~Factory() = default;
IntrusivePtr<Factory> Factory::for_place() { return IntrusivePtr<Factory>::of(*this); }
void Factory::retire() noexcept {}
void Factory::forget() noexcept {}
void Factory::visit_places(void (*)(void* context, Cell& place), void*) const {}

Cell::Cell(Runtime& runtime, Scheduler& scheduler, const ActorOps& ops, Factory* factory, Cell* parent) noexcept
    : Runnable{runtime}, scheduler_{&scheduler}, ops_{&ops}, parent_{parent}, factory_{factory}, id_{runtime.new_id()} {
  const auto apart = [](const void* end, const void* begin) {
    return static_cast<const std::byte*>(begin) - static_cast<const std::byte*>(end) >= std::ptrdiff_t{kCacheLine};
  };
  COPPICE_ASSERT(apart(&inlet_ + 1, &lane_) && apart(static_cast<void*>(&bound_ + 1), &outlet_),
                 "senders and owner must not share a cache line");
  static_cast<void>(apart);
  mailbox().open(true);
  runtime.add_ref();
  refs_.add();  // the place's own
  if (factory_ != nullptr) factory_->add_ref();
  if (parent_ != nullptr) parent_->add_ref();
}

Cell::~Cell() {
  delete extras_.load(kRelaxed);
  delete bound_;
  if (owns_scheduler_) delete scheduler_;
  if (factory_ != nullptr) factory_->release();
}

Cell* Cell::make(Runtime& runtime, Scheduler& scheduler, const ActorOps& ops, Factory* factory, Cell* parent) {
  const std::size_t bytes = state_offset(ops) + ops.bytes;
  void* const block =
      ops.alignment > 16 ? ::operator new(bytes, std::align_val_t{ops.alignment}) : allocate_block(bytes);
  return ::new (block) Cell(runtime, scheduler, ops, factory, parent);
}

/// What it held the last count of goes with it, one after the other: a place may stand at the end of a long line of
/// parents, or of cells that were killed before.
void Cell::destroy() noexcept {
  Cell* doomed = this;  // a list, by older_: no cell of it is a sibling any more
  older_ = nullptr;
  while (doomed != nullptr) {
    Cell* const cell = std::exchange(doomed, doomed->older_);
    const CellExtras* const more = cell->extras_.load(kRelaxed);
    for (Cell* const held : {more == nullptr ? nullptr : more->successor.load(kRelaxed), cell->parent_}) {
      if (held == nullptr || !held->refs_.drop()) continue;
      held->older_ = doomed;
      doomed = held;
    }
    cell->destroy_this_one();
  }
}

void Cell::destroy_this_one() noexcept {
  Runtime* const runtime = this->runtime();
  const ActorOps& ops = *ops_;
  const std::size_t bytes = state_offset(ops) + ops.bytes;
  this->~Cell();
  if (ops.alignment > 16) {
    ::operator delete(static_cast<void*>(this), std::align_val_t{ops.alignment});
  } else {
    free_block(this, bytes);
  }
  runtime->release();
}

CellExtras& Cell::extras() {
  if (CellExtras* const more = extras_.load(kAcquire)) return *more;
  auto* const made = new CellExtras;
  CellExtras* none = nullptr;
  // The owner makes it; a killer may at the same moment.
  if (extras_.compare_exchange_strong(none, made, kAcqRel, kAcquire)) return *made;
  delete made;
  return *none;
}

bool Cell::has_no_extras() noexcept {
  CellExtras* none = nullptr;
  // A write, so that it and the one in extras() come one after the other; acq_rel: the later of them sees what was done
  // before the earlier.
  return extras_.compare_exchange_strong(none, nullptr, kAcqRel, kAcquire);
}

std::string Cell::name() const {
  const CellExtras* const more = extras_if_any();
  return more == nullptr ? std::string{} : more->name;
}

std::string Cell::path() const {
  std::string path;
  for (const Cell* cell = this; cell != nullptr; cell = cell->parent_) {
    std::string part = cell->name();
    if (part.empty()) part = "#" + std::to_string(cell->id_);
    path = path.empty() ? part : part + "/" + path;
  }
  return path;
}

ExitReason Cell::last_error() const {
  const CellExtras* const more = extras_if_any();
  if (more == nullptr) return {};
  const std::lock_guard lock{more->error_lock};
  return more->last_error;
}

Cell* Cell::successor() const noexcept {
  const CellExtras* const more = extras_if_any();
  return more == nullptr ? nullptr : more->successor.load(kAcquire);
}

void Cell::set_successor(Cell& next) noexcept {
  next.add_ref();
  if (Cell* const before = extras().successor.exchange(&next, kAcqRel)) before->release();
}

Cell* Cell::newest_child_at_rest() const noexcept {
  const CellExtras* const more = extras_if_any();
  return more == nullptr ? nullptr : more->newest_child;
}

void Cell::set_name(std::string_view name) { extras().name = name; }
void Cell::set_own_name(std::string_view name) {
  if (!name.empty()) extras().own_name = name;
}

std::string Cell::own_name() const {
  const CellExtras* const more = extras_if_any();
  return more == nullptr ? std::string{} : more->own_name;
}

bool Cell::claim_own_name(ExitReason& why_not) {
  const CellExtras* const more = extras_if_any();
  if (more == nullptr || more->own_name.empty()) return true;
  IntrusivePtr<Cell> taken_by;
  if (runtime()->claim_name(more->own_name, *this, HoldFor::Place, taken_by)) return true;
  // Source: OTP's {already_started, Pid}.
  why_not = ExitReason::error("already started: the name \"" + more->own_name + "\" is " +
                              (taken_by ? taken_by->path() + "'s" : std::string{"taken"}));
  return false;
}

void Cell::set_record(void* record) { extras().record = record; }

void* Cell::record() const noexcept {
  const CellExtras* const more = extras_if_any();
  return more == nullptr ? nullptr : more->record;
}

void Cell::continue_from(Cell& killed) {
  id_ = killed.id_;
  incarnation_.store(killed.incarnation(), kRelaxed);
  handled_.store(killed.handled(), kRelaxed);
  const CellExtras* const before = killed.extras_if_any();
  extras().reason = before == nullptr ? ExitReason::killed() : before->reason;
  extras().last_error = killed.last_error();
}

void Cell::set_start_ticket(IntrusivePtr<Ticket> ticket) { extras().start_ticket = std::move(ticket); }

void Cell::never_starts() noexcept { CellLife::never_starts(*this); }

void Cell::set_mailbox(const MailboxOptions& options) {
  if (options.bounded() == nullptr && options.rules().order == Order::Fifo && !options.rules().measured) return;
  bound_ = own_bound_ = new Bound{options};
  steps_more_ = true;
}

std::uint64_t Cell::depth(std::uint64_t most) const noexcept {
  if (bound_ != nullptr && bound_->shelf != nullptr) return std::min(bound_->shelf->depth(), most);
  return mailbox().depth(most);
}

std::uint64_t Cell::depth_at_rest() const noexcept {
  const CellExtras* const more = extras_if_any();
  return depth() + (more == nullptr ? 0 : more->suspended + more->stashed);
}

bool Cell::measured(MailboxStats& stats) const noexcept {
  if (bound_ == nullptr || bound_->shelf == nullptr || !bound_->shelf->measures()) return false;
  stats = bound_->shelf->stats();
  return true;
}

void Cell::note_dead(DeadReason reason) noexcept {
  if (bound_ != nullptr && bound_->shelf != nullptr && bound_->shelf->measures()) bound_->shelf->note_dead(reason);
}

void Cell::release(Hold why) noexcept {
  holds_ = static_cast<unsigned char>(holds_ & ~why);
  if (holds_ == 0) mailbox().release_hold();
}

// ---- messages that are more than their handler ----

/// What `envelope`, just taken from the list, means: itself, or the next of the shelf.
Envelope* Cell::before_step(Envelope& envelope) noexcept {
  if (CellExtras* const more = extras_if_any(); more != nullptr && more->steps != 0) {
    if (--more->steps == 0) hold(kHeldByOrder);  // when this one has been handled
  }
  if (own_bound_ == nullptr) return &envelope;
  if (Shelf* const shelf = own_bound_->shelf) {
    COPPICE_ASSERT(envelope.ops == &kTokenOps, "past the shelf something came into the list");
    bool more = false;
    Envelope* const next = shelf->take(shelf->measures() ? runtime()->clock->now() : TimePoint{}, more);
    if (more) mailbox().push_own(*surely(make_token));
    if (own_bound_->room != nullptr) admit_waiters();
    return next;
  }
  if (envelope.ops->bounded) {
    own_bound_->leave();
    if (Room* const room = own_bound_->room) {
      light_fence();  // [B2] partner: the heavy fence in Room
      if (room->has_waiters() && room->admit(own_bound_->admits_now())) runtime()->wake(room->round());
    }
  }
  return &envelope;
}

void Cell::after_step(Envelope& taken, Envelope& handled, std::uint64_t handled_before) noexcept {
  // Nothing of the life-cycle is touched here but what a killer leaves alone: the place may have been taken over.
  const CellExtras* const more = extras_if_any();
  const bool was_handled = handled_.load(kRelaxed) != handled_before;
  if (was_handled && more != nullptr && more->silence != nullptr) note_message(*more->silence, turn_now(*runtime()));
  if (&taken == &handled) return;
  if (was_handled && own_bound_->shelf->measures()) own_bound_->shelf->note_handled();
  const OwnerGuard guard{*this};             // a killer that has seen it in hand looks at it no more
  free_block(&handled, handled.ops->bytes);  // off the shelf: the list does not know it
}

void Cell::admit_waiters() noexcept {
  light_fence();  // [B2] partner: the heavy fence in Room
  Room& room = *bound_->room;
  if (!room.has_waiters()) return;
  if (room.admit(is_closed() ? Admit::Everybody : bound_->admits(bound_->depth()))) runtime()->wake(room.round());
}

void Cell::signal(CellSignal* signal, WokenBy by) noexcept {
  if (runtime()->is_abandoned()) [[unlikely]]
    return CellLife::answer_for_ended(*this, signal);
  switch (mailbox().push_signal(*signal)) {
    case Pushed::Activate:
      if (by == WokenBy::OneThatStarts) return scheduler_->submit_quietly(*this);
      if (by == WokenBy::OneThatEnds) return submit(*scheduler_, *this);
      return activate();
    case Pushed::Queued: return;
    case Pushed::Refused: return CellLife::answer_for_ended(*this, signal);
  }
}

void Cell::wake(Wakeup& wakeup) noexcept {
  switch (mailbox().push_signal(wakeup, wakeup.is_light)) {
    case Pushed::Activate: return activate();
    case Pushed::Queued: return;
    case Pushed::Refused: return wakeup.let_go(wakeup);
  }
}

bool Cell::is_ending() const noexcept {
  const CellExtras* const extras = extras_if_any();
  if (has_ended() || (extras != nullptr && extras->ending)) return true;
  return is_held(kHeldByLife) && phase() != Phase::Starting && phase() != Phase::Restarting;  // CellLife::end_bare()
}

void Cell::yield_back() noexcept { scheduler_->yield(*this); }

Cell::Next Cell::rest() noexcept {
  for (int tries = 0;; ++tries) {
    if (draining_ && holds_ == 0 && mailbox().is_drained() && !has_suspended())
      return CellLife{*this}.drained() ? Next::GoOn : Next::Over;
    Link* freed = nullptr;
    switch (mailbox().try_rest(holds_ != 0, freed)) {
      case Rest::Idle:
        // From here the cell may run elsewhere, or be gone.
        if (freed != nullptr) free_block(freed, static_cast<Envelope*>(freed)->ops->bytes);
        return Next::Over;
      case Rest::Signals:
      case Rest::Messages: return Next::GoOn;
      case Rest::InFlight: break;
    }
    // A sender stands between its exchange and its link: a few instructions, unless it lost its processor. Never spin
    // for long.
    if (tries >= 64) {
      yield_back();
      return Next::Over;
    }
  }
}

Cell::Next Cell::attend(unsigned& signals_left) noexcept {
  if (!attention_) {
    for (Signal* light = nullptr; signals_left != 0 && (light = mailbox().take_light()) != nullptr; --signals_left)
      CellLife{*this}.wake_lightly(static_cast<Wakeup&>(*light));
    if (!mailbox().has_signals()) return Next::GoOn;  // else perhaps the crash of one that went on
  }
  if (!CellLife{*this}.attend(signals_left)) return Next::Over;
  return attention_ ? Next::Later : Next::GoOn;
}

void Cell::failed_in_hand(Envelope& envelope, bool was_handled, const std::exception* known) noexcept {
  CellLife{*this}.failed_in_hand(envelope, was_handled, known);
}

void Cell::not_handled(Envelope& envelope, Outcome outcome) noexcept {
  if (outcome == Outcome::Suspended) return;  // counted when it is known what became of it
  runtime()->dead_letter(*this, envelope, outcome == Outcome::Expired ? DeadReason::Expired : DeadReason::Cancelled);
  runtime()->count(Count::Taken);
}

bool Cell::has_suspended() const noexcept {
  const CellExtras* const more = extras_if_any();
  return more != nullptr && more->suspended != 0;
}

void Cell::stop_self(const ExitReason& reason) noexcept {
  CellSignal* const stop = make_signal(CellSignal::Kind::Stop);
  stop->reason = reason;
  stop->by_itself = true;
  // A supervised place outlives a life that ends by itself: the supervisor says what comes then.
  stop->keep_place = is_supervised();
  if (const Envelope* const in_hand = current(); in_hand != nullptr && !reason.is_normal())
    stop->handling = in_hand->ops->message;
  signal(stop);
}

void Cell::finish_start(const ExitReason* failure) noexcept { CellLife{*this}.finish_start(failure); }
void Cell::finish_stop(const ExitReason& reason) noexcept { CellLife{*this}.finish_stop(reason); }

void Cell::adopt_child(Cell& child) noexcept {
  CellExtras& more = extras();
  child.add_ref();
  SiblingList::push(more.newest_child, child);
}

}  // namespace coppice::detail
