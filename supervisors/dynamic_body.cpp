#include "dynamic_body.hpp"

#include <algorithm>
#include <utility>

#include "child_place.hpp"
#include "place_closed.hpp"

namespace coppice::detail {
namespace {

// What a poke of ours is about.
constexpr std::uint32_t kRetryCode = 1;  // of the child that it names
constexpr std::uint32_t kLimitsCode = 2;
constexpr std::uint32_t kHealthCode = 4;  // of the child that it names

/// For one that was killed. Its specification is not kept: the place says it all.
IntrusivePtr<Cell> make_place_again(Cell& supervisor, Cell& killed, ExitReason& why_not) {
  const Bound* const bound = killed.bound();
  const std::string id = killed.name();
  const std::string name = killed.own_name();
  return make_place(supervisor,
                    {.ops = killed.ops(),
                     .factory = killed.factory(),
                     .mailbox = bound == nullptr ? MailboxOptions{Unbounded{}} : bound->options,
                     .id = id,
                     .name = name},
                    &killed, why_not);
}

/// What the rules have decided about a child that has ended.
void tell_next(const DynamicVerdict& verdict, Told& told) noexcept {
  using Next = SupervisorReport::Next;
  switch (verdict.act) {
    case DynamicVerdict::Act::Start: told.next = Next::Restarted; break;
    case DynamicVerdict::Act::Wait:
      told.next = Next::Restarted;
      told.delay = verdict.delay;
      break;
    case DynamicVerdict::Act::Forget: told.next = verdict.ends ? Next::GivesUp : Next::Forgotten; break;
    default: break;
  }
}

/// One delay; comes back to the supervisor in its system lane.
struct PokeTimer final : Timer {
  PokeTimer(Cell& s, Cell* c, std::uint32_t what) noexcept
      : Timer{&PokeTimer::fire, [](Timer& t) noexcept { delete static_cast<PokeTimer*>(&t); }},
        supervisor{IntrusivePtr<Cell>::share(&s)},
        child{IntrusivePtr<Cell>::share(c)},
        code{what} {}
  static void fire(Timer& timer) noexcept {
    auto& self = static_cast<PokeTimer&>(timer);
    self.fired.store(true, kRelease);  // partner: check_health
    CellSignal* const poke = make_signal(CellSignal::Kind::Poke);
    poke->incarnation = self.code;
    poke->other = self.child;
    self.supervisor->signal(poke);
  }
  IntrusivePtr<Cell> supervisor;
  IntrusivePtr<Cell> child;  // null: all of them
  std::uint32_t code;
  Atomic<bool> fired{false};
};

}  // namespace

DynamicBody::DynamicBody(Cell& cell, DynamicFactory& places)
    : cell_{cell}, places_{places}, rules_{places.options->intensity, places.options->backoff} {}

/// All children are gone by then, unless the supervisor itself failed.
DynamicBody::~DynamicBody() {
  if (limits_timer_) cell_.scheduler().disarm(*limits_timer_);
  while (Cell* const place = places_.newest()) {
    std::unique_ptr<DynamicChild> child{find(place)};
    if (child->retry) cell_.scheduler().disarm(*child->retry);
    end_checks(*child);
    place->set_record(nullptr);
    place->signal(make_signal(CellSignal::Kind::Bury));
    places_.drop(*place);
  }
}

DynamicChild* DynamicBody::find(const Cell* cell) const noexcept {
  if (cell == nullptr) return nullptr;
  while (const Cell* const next = cell->successor()) cell = next;  // a killed place goes on in a fresh cell
  return cell->parent() == &cell_ ? static_cast<DynamicChild*>(cell->record()) : nullptr;
}

// ---- what arrives ----

void DynamicBody::child_event(const ChildEvent& event) {
  if (event.kind == ChildEvent::Kind::Poke) {
    switch (event.incarnation) {
      case kClosedCode: on_closed(event.child); break;
      case kLimitsCode: on_limits_due(); break;
      case kStartsCode:
        goes_on_ = false;
        begin_some_starts();
        break;
      case kHealthCode:
        if (DynamicChild* const child = find(event.child)) check_health(*child);
        break;
      case kRetryCode:
        if (DynamicChild* const child = find(event.child)) apply(*child, {.kind = DynamicEvent::Kind::RetryDue});
        break;
      default: break;
    }
    return settle();
  }
  // By the cell itself: what an earlier one has to say, of a place that was killed, is no news.
  DynamicChild* const child = find(event.child);
  if (child == nullptr || child->cell.get() != event.child) return;
  DynamicEvent what{.kind = DynamicEvent::Kind::Exited, .reason = event.reason, .verdict = event.verdict};
  switch (event.kind) {
    case ChildEvent::Kind::Started: what.kind = DynamicEvent::Kind::Started; break;
    case ChildEvent::Kind::StartFailed: what.kind = DynamicEvent::Kind::StartFailed; break;
    case ChildEvent::Kind::StartIgnored: what.kind = DynamicEvent::Kind::Ignored; break;
    default: break;
  }
  Happening happening = happening_of(event, *child);
  // Its start is over, or it is: but not the time to stop of one that was told to while it started.
  const bool goes_on_stopping =
      child->rules.state == DynamicChildRules::State::Stopping && event.kind == ChildEvent::Kind::Started;
  if (!goes_on_stopping) drop_limit(*child);
  end_checks(*child);
  child->unwell = {};
  if (what.kind == DynamicEvent::Kind::Started && !goes_on_stopping) begin_checks(*child);
  apply(*child, what, &happening);
  settle();
}

void DynamicBody::begin_stop(const ExitReason& reason) {
  if (reason.kind() == ExitReason::Kind::Killed && !std::exchange(is_killed_, true)) {
    for (const Cell* place = places_.newest(); place != nullptr; place = place->older_sibling()) {
      DynamicChild& child = *find(place);
      using State = DynamicChildRules::State;  // no time any more
      if (child.rules.state == State::Starting || child.rules.state == State::Stopping) kill(child);
    }
  }
  if (!rules_.is_ending()) end(reason);
  settle();
}

// ---- the shell around the rules ----

void DynamicBody::apply(DynamicChild& child, const DynamicEvent& event, Happening* happening) {
  const std::uint64_t random = options().backoff.is_on() ? cell_.runtime()->random() : 0;
  const DynamicVerdict verdict = rules_.step(child.rules, event, now(), random);
  if (happening != nullptr) {
    if (!happening->told.was_told) tell_next(verdict, happening->told);
    report(happening->kind, child, happening->told);
  }
  if (verdict.report != DynamicVerdict::Report::None) {
    const bool limit = verdict.report == DynamicVerdict::Report::LimitReached;
    report(limit ? EventKind::RestartLimitExceeded : EventKind::Escalated, child,
           {.reason = &event.reason, .next = SupervisorReport::Next::GivesUp});
  } else if (happening != nullptr && !happening->told.was_told && verdict.act == DynamicVerdict::Act::Forget &&
             event.kind == DynamicEvent::Kind::Exited && child.is_supervisor() && event.reason.cause() != nullptr) {
    report(EventKind::ChildGaveUp, child, {.reason = &event.reason});
  }
  if (verdict.retains) child.cell->signal(make_signal(CellSignal::Kind::Retain));
  answer_start(child, verdict);
  switch (verdict.act) {
    case DynamicVerdict::Act::None: break;
    case DynamicVerdict::Act::Start: start_again(child); break;
    case DynamicVerdict::Act::Stop: stop(child); break;
    case DynamicVerdict::Act::Wait: wait(child, verdict.delay); break;
    case DynamicVerdict::Act::Forget: forget(child); break;
  }
  if (verdict.ends) end(verdict.reason);
}

void DynamicBody::start_again(DynamicChild& child) {
  child.retry = {};
  set_limit(child, child.start_within);
  if (!child.cell->has_ended()) {
    child.cell->signal(make_signal(CellSignal::Kind::Restart));
    return;
  }
  ExitReason why_not;
  auto place = make_place_again(cell_, *child.cell, why_not);
  if (!place) {
    drop_limit(child);
    Happening happening{.kind = EventKind::ChildStartFailed, .told = {.reason = &why_not}};
    return apply(child, {.kind = DynamicEvent::Kind::StartFailed, .reason = why_not}, &happening);
  }
  place->set_record(&child);
  child.cell->set_record(nullptr);
  places_.drop(*child.cell);
  places_.add(*place);
  child.cell = place;
  place->scheduler().submit_back(*place);
}

void DynamicBody::stop(DynamicChild& child) {
  child.unwell = {};
  tell_to_stop(child, ExitReason::shutdown(), false);
}

void DynamicBody::tell_to_stop(DynamicChild& child, const ExitReason& reason, bool keep_place) {
  end_checks(child);
  if (child.shutdown.is_brutal() || is_killed_) return kill(child);
  CellSignal* const stop = make_signal(CellSignal::Kind::Stop);
  stop->reason = reason;
  stop->keep_place = keep_place;
  child.cell->signal(stop);
  if (child.shutdown.is_infinite()) return;  // and if it is still starting, that limit stays
  drop_limit(child);
  set_limit(child, child.shutdown.within());
}

void DynamicBody::wait(DynamicChild& child, Duration delay) {
  child.retry = IntrusivePtr<Timer>::adopt(new PokeTimer{cell_, child.cell.get(), kRetryCode});
  // Without a delay it is a message to ourselves, behind what waits there: OTP's try_again_restart.
  if (delay <= Duration::zero()) return PokeTimer::fire(*child.retry);
  const auto text = std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(delay).count()) + " ms";
  report(EventKind::BackoffScheduled, child, {.text = text, .delay = delay});
  cell_.scheduler().arm(*child.retry, saturating_add(now(), delay));
}

/// It is nobody's child from here on. Whoever waits for that hears of it when its place is closed.
void DynamicBody::forget(DynamicChild& child) {
  std::unique_ptr<DynamicChild> gone{&child};
  if (child.retry) cell_.scheduler().disarm(*child.retry);
  end_checks(child);
  drop_limit(child);
  --count_;
  const auto place = std::move(child.cell);
  place->set_record(nullptr);
  const bool is_closed = place->is_closed();  // before the Bury: a place that is closing is not closed yet
  place->signal(make_signal(CellSignal::Kind::Bury));
  places_.drop(*place);
  if (is_closed) return say_goodbye(child);
  if (child.request || !child.terminators.empty()) {
    leaving_.emplace(place.get(), std::move(gone));
    return watch_close(*place);
  }
  if (closing_.size() == closing_watched_) {
    std::erase_if(closing_, [](const IntrusivePtr<Cell>& cell) { return cell->has_ended(); });
    closing_watched_ = std::max<std::size_t>(64, 2 * closing_.size());
  }
  closing_.push_back(place);
}

void DynamicBody::say_goodbye(DynamicChild& child) {
  for (PendingAnswer<void>& terminated : child.terminators) terminated.set();
  let_go(child);
}

void DynamicBody::watch_close(Cell& place) {
  ++notices_;
  attach(place, IntrusivePtr<PlaceItem>::adopt(new ClosedNotice{cell_, place}));
}

void DynamicBody::kill(DynamicChild& child) {
  drop_limit(child);
  // Until its end arrives; it may stand between two handlers when we look, so look again.
  if (!try_kill(*child.cell, child.unwell)) set_limit(child, std::chrono::milliseconds{1});
}

void DynamicBody::terminate(const AnyRef& ref, PendingAnswer<void> answer) {
  DynamicChild* const child = find(&RefAccess::cell(ref));
  if (child == nullptr) return answer.set(Error{CallError{.kind = CallError::Kind::NotFound}});
  child->terminators.push_back(std::move(answer));
  apply(*child, {.kind = DynamicEvent::Kind::Terminate});
}

// ---- health checks ----

void DynamicBody::begin_checks(DynamicChild& child) {
  if (child.health) arm_check(child, child.health->start(*child.cell, now()));
}

void DynamicBody::end_checks(DynamicChild& child) noexcept {
  if (!child.health) return;
  if (const auto timer = std::exchange(child.check, {})) cell_.scheduler().disarm(*timer);
  child.health->stop();
}

void DynamicBody::arm_check(DynamicChild& child, Duration after) {
  child.check = IntrusivePtr<Timer>::adopt(new PokeTimer{cell_, child.cell.get(), kHealthCode});
  cell_.scheduler().arm(*child.check, saturating_add(now(), after));
}

/// The rules hear of the end that this may lead to as of any other that they did not ask for.
void DynamicBody::check_health(DynamicChild& child) {
  // Disarmed, and perhaps armed anew, while its poke was on the way.
  if (!child.check || !static_cast<PokeTimer&>(*child.check).fired.load(kAcquire)) return;
  child.check = {};
  this_thread.now_known = false;  // a turn that deals with many children may take a while
  const HealthFinding finding = child.health->tick(now());
  if (finding.report) report(*finding.report, child, {.text = finding.text});
  if (finding.act == HealthFinding::Act::Wait) return arm_check(child, finding.next);
  child.unwell = finding.reason;
  if (finding.act == HealthFinding::Act::Stop) return tell_to_stop(child, finding.reason, true);
  end_checks(child);
  kill(child);
}

// ---- limits in time ----

void DynamicBody::set_limit(DynamicChild& child, Duration within) {
  if (within == kForever) return;
  child.limit = saturating_add(now(), within);
  if (child.limited_at == DynamicChild::kNotLimited) {
    child.limited_at = limited_.size();
    limited_.push_back(&child);
  }
  if (child.limit < limits_due_) arm_limits(child.limit);
}

void DynamicBody::drop_limit(DynamicChild& child) noexcept {
  child.limit = TimePoint::max();
  const std::size_t at = std::exchange(child.limited_at, DynamicChild::kNotLimited);
  if (at == DynamicChild::kNotLimited) return;
  DynamicChild* const last = limited_.back();
  limited_.pop_back();
  if (last == &child) return;
  limited_[at] = last;
  last->limited_at = at;
}

/// One timer for all: most limits are dropped long before they are due, and then it costs nothing to have had them.
void DynamicBody::arm_limits(TimePoint due) {
  if (limits_timer_) cell_.scheduler().disarm(*limits_timer_);
  limits_timer_ = IntrusivePtr<Timer>::adopt(new PokeTimer{cell_, nullptr, kLimitsCode});
  limits_due_ = due;
  cell_.scheduler().arm(*limits_timer_, due);
}

void DynamicBody::on_limits_due() {
  // Replaced, while its poke was on the way.
  if (!limits_timer_ || !static_cast<PokeTimer&>(*limits_timer_).fired.load(kAcquire)) return;
  this_thread.now_known = false;  // it may have come due during this very turn
  const TimePoint time = now();
  limits_timer_ = {};
  limits_due_ = TimePoint::max();
  std::vector<DynamicChild*> late;
  TimePoint next = TimePoint::max();
  for (DynamicChild* const child : limited_) {
    if (child->limit <= time) {
      late.push_back(child);
    } else {
      next = std::min(next, child->limit);
    }
  }
  if (next != TimePoint::max()) arm_limits(next);
  for (DynamicChild* const child : late) kill(*child);
}

// ---- the end ----

/// Tells all children at once.
void DynamicBody::end(const ExitReason& reason) {
  rules_.end();
  end_reason_ = reason;
  for (auto& request : std::exchange(starts_, {})) {
    if (!request->is_begun()) start_failed(*request, {.kind = CallError::Kind::Closing});
  }
  for (Cell* place = places_.newest(); place != nullptr;) {
    Cell* const older = place->older_sibling();  // this one may be forgotten
    apply(*find(place), {.kind = DynamicEvent::Kind::Terminate});
    place = older;
  }
}

/// The supervisor is gone after its children, never before.
void DynamicBody::settle() {
  if (!rules_.is_ending() || count_ > 0 || notices_ > 0 || has_ended_) return;
  for (const auto& place : std::exchange(closing_, {})) {
    if (!place->has_ended()) watch_close(*place);
  }
  if (notices_ > 0) return;
  has_ended_ = true;
  cell_.finish_stop(end_reason_);
}

void DynamicBody::on_closed(const Cell* place) {
  --notices_;
  if (const auto left = leaving_.extract(place)) say_goodbye(*left.mapped());
}

void DynamicBody::poke(std::uint32_t code) {
  CellSignal* const poke = make_signal(CellSignal::Kind::Poke);
  poke->incarnation = code;
  cell_.signal(poke);
}

}  // namespace coppice::detail
