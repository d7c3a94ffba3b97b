#include "system_core.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <optional>
#include <utility>

#include "base/platform.hpp"
#include "coppice/actor/signals.hpp"
#include "reactor_of.hpp"

namespace coppice {

Result<void, OptionError> SystemOptions::check() const {
  const auto wrong = [](std::string text) { return Error{OptionError{std::move(text)}}; };
  if (const unsigned count = workers.value_or(1); count == 0 || count > 1'024) {
    return wrong("SystemOptions::workers is " + std::to_string(count) + "; it may be 1 to 1024");
  }
  if (run_in.io_context != nullptr && workers.is_said()) {
    return wrong(
        "SystemOptions::workers is given as well as run_in; a system in a context runs on the threads that run that");
  }
  if (batch == 0) return wrong("SystemOptions::batch is 0; it may be 1 or more");
  if (spin < Duration::zero()) return wrong("SystemOptions::spin is negative; it may be zero or more");
  if (actors_max == 0) return wrong("SystemOptions::actors_max is 0; it may be 1 or more");
  if (mailbox.bounded() != nullptr && mailbox.bounded()->capacity == 0)
    return wrong("SystemOptions::mailbox has a capacity of 0; it may be 1 or more");
  if (const char* const fault = mailbox.fault()) return wrong(std::string{"SystemOptions::mailbox: "} + fault);
  if (dead_letters_max == 0) return wrong("SystemOptions::dead_letters_max is 0; it may be 1 or more");
  if (stash_max == 0) return wrong("SystemOptions::stash_max is 0; it may be 1 or more");
  if (timers_max == 0) return wrong("SystemOptions::timers_max is 0; it may be 1 or more");
  if (monitor_capacity == 0) return wrong("SystemOptions::monitor_capacity is 0; it may be 1 or more");
  if (reports_per_second == 0) return wrong("SystemOptions::reports_per_second is 0; it may be 1 or more");
  if (shutdown_within < Duration::zero())
    return wrong("SystemOptions::shutdown_within is negative; it may be zero or more");
  return {};
}

namespace detail {

SystemCore::SystemCore(SystemOptions&& options, MonitorBinding binding)
    : options_{std::move(options)},
      printer_{stderr, options_.reports_per_second, "report"},
      dead_letter_printer_{stderr, options_.dead_letters_per_second, "dead letter"},
      binding_{std::move(binding)},
      random_{options_.seed} {
  run = binding_.run;
  run_one = binding_.run_one;
  monitor = binding_.monitor;
  events = binding_.events;
  clock = &steady_;
  batch.store(options_.batch, kRelaxed);
  timers_max = options_.timers_max;
  stash_max = options_.stash_max;
  mailbox_default = options_.mailbox;
  reports = options_.reports;
  if (const auto checked = options_.check(); !checked) fail_start(checked.error().text);
  enter_core(*this);  // last: what throws before leaves nothing
}

SystemCore::~SystemCore() { leave_core(*this); }

void SystemCore::fail_start(std::string text) {
  start_error_ = std::move(text);
  closing_.store(true, kRelease);
  report_.complete = true;
  threads_done_ = true;
  shutdown_state_.store(kDone, kRelease);
}

std::unique_ptr<WorkPool> SystemCore::make_pool(const WorkPoolOptions& options) {
  WorkPoolOptions complete = options;
  complete.ledger_id = ledger_id();
  complete.hold = [](Runtime* runtime) noexcept { runtime->add_ref(); };
  complete.let_go = [](Runtime* runtime) noexcept { runtime->release(); };
  return std::make_unique<WorkPool>(*this, *clock, complete);
}

void SystemCore::start_in_context() {
  auto made =
      std::make_unique<ContextScheduler>(*this, *clock, *static_cast<asio::io_context*>(options_.run_in.io_context));
  context_ = made.get();
  default_scheduler = context_;
  callers_run = options_.callers_run;
  keep_scheduler(std::move(made));
  emit(EventKind::SystemStarted, {});
}

void SystemCore::start_pool() {
  if (!start_error_.empty()) return;
  if (options_.run_in.io_context != nullptr) return start_in_context();
  const unsigned cpus = usable_cpus();
  const unsigned workers = options_.workers.value_or(cpus);
  // Spinning only pays where another processor may bring the work: to another worker, from outside or from a peer.
  const Duration spin = cpus == 1 ? Duration::zero() : options_.spin;
  // One processor has one cache: who takes work there takes it from nowhere else.
  const unsigned processors = cpus == 1 ? Seats::kUnlimited : cpus;
  auto made = make_pool({.workers = workers, .processors = processors, .spin = spin, .pin_to = std::nullopt});
  pool_ = made.get();
  default_scheduler = pool_;
  callers_run = options_.callers_run;
  callers_spin = spin;
  keep_scheduler(std::move(made));
  std::string error;
  if (!pool_->start(error)) {
    fail_start(std::move(error));
    return;
  }
  emit(EventKind::SystemStarted, {});
}

void* SystemCore::io_context() {
  if (context_ != nullptr) return &context_->context();
  return pool_ == nullptr ? nullptr : &pool_->reactor().context();
}

Reactor* reactor_of(Runtime& runtime) {
  auto* const core = dynamic_cast<SystemCore*>(&runtime);
  return core == nullptr || core->pool() == nullptr ? nullptr : &core->pool()->reactor();
}

Scheduler& SystemCore::keep_scheduler(std::unique_ptr<Scheduler>&& scheduler) {
  const Lock lock{mutex_};
  schedulers_.reserve(schedulers_.size() + 1);  // first: what throws leaves no pointer to what is gone
  if (auto* const pool = dynamic_cast<WorkPool*>(scheduler.get())) pools_.push_back(pool);
  schedulers_.push_back(std::move(scheduler));
  return *schedulers_.back();
}

void SystemCore::emit(EventKind kind, std::string_view text) noexcept {
  if (events == nullptr) return;
  events->record(Event{.kind = kind, .path = {}, .subject = {}, .text = text, .time = clock->now()});
}

// ---- the ledger ----

std::uint64_t SystemCore::total(Count what) const noexcept {
  std::uint64_t sum = total_outside(what);
  const Lock lock{mutex_};
  for (const WorkPool* pool : pools_) sum += pool->total(what);
  return sum;
}

Ledger SystemCore::ledger() const noexcept {
  Ledger ledger;
  // Outcomes first, sends last: what moves meanwhile shows as queued rather than as handled twice.
  const std::uint64_t taken = total(Count::Taken);
  ledger.handled = total(Count::Handled);
  for (int i = 0; i < kDeadReasons; ++i) {
    ledger.dead_by_reason[static_cast<std::size_t>(i)] = total(dead_count(static_cast<DeadReason>(i)));
  }
  ledger.handed_back = total(Count::HandedBack);
  const std::uint64_t refused = total(Count::Refused);
  ledger.sent = total(Count::Sent);
  ledger.queued = ledger.sent - refused - taken;
  return ledger;
}

SystemStats SystemCore::stats() const noexcept {
  const Ledger l = ledger();
  SystemStats stats;
  stats.actors = live();
  stats.sent = l.sent;
  stats.handled = l.handled;
  stats.queued = l.queued;
  stats.dead = l.dead();
  std::copy(std::begin(l.dead_by_reason), std::end(l.dead_by_reason), stats.dead_by_reason);
  stats.failures = total(Count::Failure);
  stats.restarts = total(Count::Restart);
  stats.late_replies = total(Count::LateReply);
  stats.timers_refused = total(Count::TimerRefused);
  stats.zombies = zombies_.load(kRelaxed);
  const Lock lock{mutex_};
  stats.dead_letters_lost = dead_next_ - dead_ring_.size();
  stats.timers = more_timers();
  for (const WorkPool* pool : pools_) stats.timers += pool->timers();
  if (context_ != nullptr) stats.timers += context_->timers();
  return stats;
}

void SystemCore::dead_letter(Cell& target, const Envelope& envelope, DeadReason reason) noexcept {
  count(dead_count(reason));
  target.note_dead(reason);
  const std::string_view type = envelope.ops->message->name;
  if (events != nullptr) {
    EventKind kind = EventKind::DeadLetter;
    switch (reason) {
      case DeadReason::Rejected:
      case DeadReason::TimedOut:
      case DeadReason::Unsupported: kind = EventKind::MessageRejected; break;
      case DeadReason::Dropped:
      case DeadReason::DroppedOldest:
      case DeadReason::Replaced: kind = EventKind::MessageDropped; break;
      default: break;
    }
    try {
      const std::string path = target.path();
      events->record(Event{.kind = kind,
                           .actor = target.id(),
                           .incarnation = target.incarnation(),
                           .path = path,
                           .subject = type,
                           .text = to_string(reason),
                           .time = clock->now()});
    } catch (...) {  // no memory to tell it; it is counted
    }
  }
  Particulars particulars;
  if (envelope.ops->describe != nullptr) envelope.ops->describe(envelope, particulars);
  note_dead_letter({.reason = reason,
                    .target = RefAccess::make<AnyRef>(IntrusivePtr<Cell>::share(&target)),
                    .message = type,
                    .sender = RefAccess::make<AnyRef>(IntrusivePtr<Cell>::share(particulars.sender))},
                   &target);
}

void SystemCore::dead_letter_to(std::string_view name, const Envelope& envelope) noexcept {
  count(dead_count(DeadReason::Closed));
  const std::string_view type = envelope.ops->message->name;
  if (events != nullptr) {
    events->record(Event{.kind = EventKind::DeadLetter,
                         .path = name,
                         .subject = type,
                         .text = to_string(DeadReason::Closed),
                         .time = clock->now()});
  }
  Particulars particulars;
  if (envelope.ops->describe != nullptr) envelope.ops->describe(envelope, particulars);
  try {
    note_dead_letter({.reason = DeadReason::Closed,
                      .target = {},
                      .message = type,
                      .sender = RefAccess::make<AnyRef>(IntrusivePtr<Cell>::share(particulars.sender)),
                      .name = std::string{name}},
                     nullptr);
  } catch (...) {  // no memory to show it; it is counted
  }
}

void SystemCore::note_dead_letter(DeadLetter letter, const Cell* target) noexcept {
  if (reports && options_.dead_letters_per_second > 0 && !options_.on_report) print_dead_letter(letter, target);
  if (has_sinks_.load(kAcquire)) tell_sinks(letter);
  keep_dead_letter(std::move(letter));
}

void SystemCore::print_dead_letter(const DeadLetter& letter, const Cell* target) noexcept {
  if (letter.reason == DeadReason::Cancelled || letter.reason == DeadReason::InHand) return;
  if (letter.reason == DeadReason::Stopped && closing_.load(kRelaxed)) return;
  dead_letter_printer_.print(clock->now(), [&] {
    std::string text = "coppice: dead letter: ";
    text.append(letter.message).append(" to ").append(target == nullptr ? letter.name : target->path());
    if (letter.sender) text.append(" from ").append(letter.sender.path());
    return text.append(": ").append(to_string(letter.reason)).append("\n");
  });
}

void SystemCore::tell_sinks(const DeadLetter& letter) noexcept {
  std::vector<IntrusivePtr<DeadLetterSink>> sinks;
  try {
    const Lock lock{mutex_};
    sinks = sinks_;
  } catch (...) {  // no memory to tell it; it is counted
    return;
  }
  for (const auto& sink : sinks) sink->heard(letter);
}

void SystemCore::add_sink(const IntrusivePtr<DeadLetterSink>& sink) {
  const Lock lock{mutex_};
  sinks_.push_back(sink);
  has_sinks_.store(true, kRelease);
}

void SystemCore::remove_sink(const DeadLetterSink& sink) noexcept {
  IntrusivePtr<DeadLetterSink> keep;  // goes after the lock
  const Lock lock{mutex_};
  const auto found = std::find_if(sinks_.begin(), sinks_.end(), [&](const auto& each) { return each.get() == &sink; });
  if (found == sinks_.end()) return;
  keep = std::move(*found);
  sinks_.erase(found);
  has_sinks_.store(!sinks_.empty(), kRelease);
}

void add_dead_letter_sink(Runtime& runtime, const IntrusivePtr<DeadLetterSink>& sink) {
  static_cast<SystemCore&>(runtime).add_sink(sink);
}
void remove_dead_letter_sink(Runtime& runtime, const DeadLetterSink& sink) noexcept {
  static_cast<SystemCore&>(runtime).remove_sink(sink);
}

void SystemCore::keep_dead_letter(DeadLetter letter) noexcept {
  const Lock lock{mutex_};
  if (!keeps_dead_letters_) return;
  try {
    if (dead_ring_.size() < options_.dead_letters_max) {
      dead_ring_.push_back(std::move(letter));
    } else {
      // The older ref leaves under the lock, and with it perhaps the last count of a cell that has ended: no user code
      // is in that.
      std::swap(dead_ring_[dead_next_ % dead_ring_.size()], letter);
    }
    ++dead_next_;
  } catch (...) {  // no memory to show it; it is counted
  }
}

std::vector<DeadLetter> SystemCore::dead_letters() const {
  const Lock lock{mutex_};
  const std::size_t size = dead_ring_.size();
  std::vector<DeadLetter> letters;
  letters.reserve(size);
  const std::size_t first = size == 0 || size < options_.dead_letters_max ? 0 : dead_next_ % size;
  for (std::size_t i = 0; i < size; ++i) letters.push_back(dead_ring_[(first + i) % size]);
  return letters;
}

// ---- actors ----

bool SystemCore::admit() noexcept {
  if (live_.fetch_add(1, kAcqRel) >= options_.actors_max || closing_.load(kAcquire)) {
    live_.fetch_sub(1, kAcqRel);
    return false;
  }
  return true;
}

void SystemCore::unadmit() noexcept { live_.fetch_sub(1, kAcqRel); }

bool SystemCore::adopt_top_level(Cell& cell) {
  const std::lock_guard lock{top_lock_};
  if (closing_.load(kAcquire)) return false;
  cell.add_ref();
  SiblingList::push(newest_, cell);
  return true;
}

void SystemCore::place_ended(Cell& cell, const ExitReason& reason) noexcept {
  live_.fetch_sub(1, kAcqRel);
  // Whom its supervisor kills may be killed by rule; who hangs is named by zombie_left().
  if (cell.parent() != nullptr) return;
  if (closing_.load(kAcquire) && reason.kind() == ExitReason::Kind::Killed) note_late(cell, nullptr);
  bool was_awaited = false;
  {
    const std::lock_guard lock{top_lock_};
    SiblingList::remove(newest_, cell);
    was_awaited = awaited_.get() == &cell;
  }
  if (was_awaited) {
    const Lock lock{mutex_};
    const std::lock_guard top{top_lock_};
    awaited_ = {};  // not the last count: the list's and the place's own are held still
  }
  cell.release();  // the list's count
  if (was_awaited) ask_next();
}

void SystemCore::unhandled_failure(Cell& cell, const ExitReason& reason, const TypeInfo* handling) noexcept {
  if (!reports && !options_.on_failure) return;
  try {
    const FailureReport failure{cell.path(), cell.ops().type->name, cell.incarnation(), reason};
    const std::string id = cell.name();
    if (reports) {
      report(SupervisorReport{.kind = EventKind::ActorFailed,
                              .time = clock->now(),
                              .path = failure.path,
                              .id = id,
                              .type = failure.type,
                              .actor = cell.id(),
                              .incarnation = failure.incarnation,
                              .is_supervisor = cell.ops().child_event != nullptr,
                              .handling = handling == nullptr ? std::string_view{} : handling->name,
                              .reason = reason});
    }
    if (options_.on_failure) options_.on_failure(failure);
  } catch (...) {  // a report that cannot be made hurts nobody
  }
}

void SystemCore::report(const SupervisorReport& report) noexcept {
  if (!options_.on_report) return printer_.print(report);
  try {
    options_.on_report(report);
  } catch (...) {  // its own loss
  }
}

std::vector<IntrusivePtr<Cell>> SystemCore::top_level_actors() const {
  std::vector<IntrusivePtr<Cell>> actors;
  actors.reserve(live());  // here, to keep the lock brief
  const std::lock_guard lock{top_lock_};
  for (Cell* cell = newest_; cell != nullptr; cell = cell->older_sibling())
    actors.push_back(IntrusivePtr<Cell>::share(cell));
  return actors;
}

std::uint64_t SystemCore::random() noexcept {
  // SplitMix64 over a counter: the same seed gives the same numbers, whichever thread asks.
  std::uint64_t z = random_.fetch_add(0x9e3779b97f4a7c15ULL, kRelaxed) + 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

bool SystemCore::wait(const Atomic<std::uint32_t>& word, std::uint32_t expected, TimePoint deadline) noexcept {
  if (is_abandoned()) return false;  // nobody would wake us
  if (context_ != nullptr) return context_->wait(word, expected, deadline);
  if (deadline == TimePoint::max()) {
    wait_on(word, expected, kForever);
    return true;
  }
  const Duration left = saturating_between(clock->now(), deadline);
  if (left <= Duration::zero()) return false;
  wait_on(word, expected, left);
  return true;
}

void SystemCore::wake(Atomic<std::uint32_t>& word) noexcept {
  wake_all(word);
  if (context_ != nullptr) context_->wake();
}

// ---- zombies ----

void SystemCore::zombie_left(Cell& cell, const TypeInfo* handling) noexcept {
  zombies_.fetch_add(1, kRelaxed);
  if (closing_.load(kAcquire)) note_late(cell, handling);
}

void SystemCore::zombie_returned(Cell&) noexcept { zombies_.fetch_sub(1, kRelaxed); }

void SystemCore::note_late(Cell& cell, const TypeInfo* handling) noexcept {
  try {
    LateActor late{cell.path(), handling == nullptr ? std::string{} : std::string{handling->name}};
    if (events != nullptr) emit(EventKind::ShutdownLate, late.path);
    const Lock lock{mutex_};
    for (LateActor& known : late_) {
      if (known.path == late.path) {
        if (known.handling.empty()) known.handling = late.handling;
        return;
      }
      // A supervisor that was killed because of a child is not late itself.
      if (known.path.starts_with(late.path + "/")) return;
    }
    late_.push_back(std::move(late));
  } catch (...) {
  }
}

}  // namespace detail
}  // namespace coppice
