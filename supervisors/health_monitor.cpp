#include "health_monitor.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "coppice/actor/send.hpp"

namespace coppice::detail {

// ---- the probe: on the child's turn ----

/// What goes into the mailbox and comes back with an answer, again and again through one life.
///
/// Threads    one side at a time, handed over by `progress`: Free and Answered the supervisor's, Sent the child's.
class HealthProbe final : public Counted {
 public:
  enum class Progress : unsigned char { Free, Sent, Answered };
  explicit HealthProbe(std::uint32_t life) noexcept : incarnation{life} {}

  const std::uint32_t incarnation;
  Atomic<Progress> progress{Progress::Free};
  TimePoint sent_at{};
  // The answer.
  Duration waited{};
  Health health = Health::Healthy;
  ExitReason cause = {};  // what was thrown
};

namespace {

constexpr TypeInfo kProbeType{"a health check"};

struct ProbeEnvelope : Envelope {
  ProbeEnvelope(const EnvelopeOps* operations, IntrusivePtr<HealthProbe> p) noexcept
      : Envelope{operations}, probe{std::move(p)} {}
  ~ProbeEnvelope() = delete;
  union {
    IntrusivePtr<HealthProbe> probe;
  };
};

void answer(HealthProbe& probe, Health health) noexcept {
  probe.health = health;
  probe.progress.store(HealthProbe::Progress::Answered, kRelease);  // partner: HealthMonitor::tick
}

Outcome handle_probe(Cell& cell, Envelope& envelope) {
  HealthProbe& probe = *static_cast<ProbeEnvelope&>(envelope).probe;
  if (probe.incarnation != cell.incarnation()) return Outcome::Stale;
  probe.waited = saturating_between(probe.sent_at, cell.runtime()->clock->now());
  Health health = Health::Healthy;
  if (cell.ops().on_health_check != nullptr) {
    try {
      health = cell.ops().on_health_check(cell.state());
    } catch (...) {  // a check that failed, not a crash: the threshold is for it, too
      probe.cause = ExitReason::from_exception(std::current_exception());
      health = Health::Failed;
    }
  }
  answer(probe, health);
  return Outcome::Handled;
}

/// The life may go on without having answered: its on_error resumed from a fault that a test injected.
void abandon_probe(Envelope& envelope, DeadReason reason) noexcept {
  HealthProbe& probe = *static_cast<ProbeEnvelope&>(envelope).probe;
  if (reason == DeadReason::InHand) probe.cause = ExitReason::error("a fault in its message");
  answer(probe, Health::Failed);
}

constexpr EnvelopeOps kProbeOps{
    &handle_probe,
    &abandon_probe,
    [](Envelope& envelope) { std::destroy_at(&static_cast<ProbeEnvelope&>(envelope).probe); },
    &kProbeType,
    nullptr,
    sizeof(ProbeEnvelope),
    false};

// ---- the monitor: on the supervisor's turn ----

/// Into so many ticks a time-out is cut. One lost to a stop of the process leaves three quarters for the answer.
constexpr int kSlices = 4;
/// A tick that is later than this, and its own length, does not count. A timer in the wheel of a worker that is held up
/// is some milliseconds late; what is later than this says that the process stood still, or that the supervisor did not
/// get a worker.
constexpr Duration kLate = std::chrono::milliseconds{50};

std::string in_words(Duration d) {
  using std::chrono::duration_cast;
  if (d >= std::chrono::milliseconds{1})
    return std::to_string(duration_cast<std::chrono::milliseconds>(d).count()) + " ms";
  return std::to_string(d.count()) + " ns";
}

}  // namespace

HealthMonitor::HealthMonitor(const HealthCheck& check) noexcept
    : check_{check},
      timeout_{std::min(check.timeout, check.interval)},
      slice_{std::max(timeout_ / kSlices, Duration{1})} {}

HealthMonitor::~HealthMonitor() = default;

Duration HealthMonitor::start(Cell& child, TimePoint now) {
  child_ = IntrusivePtr<Cell>::of(child);
  probe_ = IntrusivePtr<HealthProbe>::adopt(new HealthProbe{child.incarnation()});
  health_ = Health::Healthy;
  failed_ = good_ = 0;
  checking_ = false;
  return tick_after(check_.interval, now).next;
}

void HealthMonitor::stop() noexcept {
  child_ = {};
  probe_ = {};
}

HealthFinding HealthMonitor::tick(TimePoint now) {
  // Its end has begun, and the supervisor will hear of it: how long that may take is not for a check to say.
  if (!child_ || child_->phase() != Phase::Running) return tick_after(check_.interval, now);
  if (!checking_) return begin(now);
  const bool was_late = now > saturating_add(due_, armed_ + kLate);
  was_late_ = was_late_ || was_late;
  if (probe_->progress.load(kAcquire) != HealthProbe::Progress::Answered) return unanswered(was_late, now);
  // The answer to a check that had failed before it came shows that the child can be asked again, and no more.
  return is_asked_ ? answered(now) : begin(now);
}

HealthFinding HealthMonitor::begin(TimePoint now) {
  checking_ = true;
  was_late_ = starved_ = false;
  begun_ = now;
  waited_ = Duration::zero();
  handled_at_begin_ = handled_ = child_->handled();
  is_asked_ = probe_->progress.load(kAcquire) != HealthProbe::Progress::Sent;
  if (is_asked_) {
    probe_->sent_at = now;
    probe_->cause = {};
    probe_->progress.store(HealthProbe::Progress::Sent, kRelaxed);  // the push hands it over
    static_cast<void>(deliver(*child_, make_envelope<ProbeEnvelope>(&kProbeOps, probe_)));
  }
  return tick_after(slice_, now);
}

HealthFinding HealthMonitor::answered(TimePoint now) {
  const HealthProbe& probe = *probe_;
  if (probe.health == Health::Failed) {
    const bool threw = probe.cause.kind() == ExitReason::Kind::Error;
    const std::string text = threw ? "the check threw: " + std::string{probe.cause.text()} : "it says so itself";
    return failed(HealthFinding::Act::Stop, text, threw ? &probe.cause : nullptr, now);
  }
  if (probe.health == Health::Degraded) return degraded("it says so itself", now);
  if (!was_late_ && probe.waited > check_.queue_age_max)
    return degraded("the check waited " + in_words(probe.waited) + " in the mailbox", now);
  return good(now);
}

HealthFinding HealthMonitor::unanswered(bool was_late, TimePoint now) {
  const std::uint64_t handled = child_->handled();
  const bool is_in_handler = child_->current() != nullptr;
  if (!was_late) {
    waited_ += armed_;
    starved_ = starved_ || (!is_in_handler && handled == handled_);
  }
  handled_ = handled;
  if (waited_ < timeout_) return tick_after(std::min(slice_, timeout_ - waited_), now);
  if (starved_) return degraded("it waits for a worker", now);
  const std::uint64_t progress = handled - handled_at_begin_;
  std::string text = "no answer within " + in_words(timeout_);
  if (progress > 0) text += ", behind " + std::to_string(progress) + " other messages";
  const bool stands_still = is_in_handler && progress == 0;
  return failed(stands_still ? HealthFinding::Act::Kill : HealthFinding::Act::Stop, text, nullptr, now);
}

// ---- what a check came to ----

HealthFinding HealthMonitor::good(TimePoint now) {
  HealthFinding finding = check_is_over(now);
  failed_ = 0;
  if (health_ == Health::Healthy || ++good_ < check_.recovery) return finding;
  health_ = Health::Healthy;
  good_ = 0;
  finding.report = EventKind::ChildHealthy;
  return finding;
}

HealthFinding HealthMonitor::degraded(std::string text, TimePoint now) {
  HealthFinding finding = check_is_over(now);
  failed_ = good_ = 0;
  if (health_ == Health::Degraded) return finding;
  health_ = Health::Degraded;
  finding.report = EventKind::ChildDegraded;
  finding.text = std::move(text);
  return finding;
}

HealthFinding HealthMonitor::failed(HealthFinding::Act act, const std::string& text, const ExitReason* cause,
                                    TimePoint now) {
  HealthFinding finding = check_is_over(now);
  health_ = Health::Failed;
  good_ = 0;
  ++failed_;
  finding.report = EventKind::ChildUnhealthy;
  finding.text = text + " (" + std::to_string(failed_) + " of " + std::to_string(check_.failures) + ")";
  if (failed_ < check_.failures) return finding;
  finding.act = act;
  const std::string why = "health check failed: " + text;
  finding.reason = cause == nullptr ? ExitReason::error(why) : ExitReason::error(why, *cause);
  return finding;
}

HealthFinding HealthMonitor::check_is_over(TimePoint now) noexcept {
  checking_ = false;
  return tick_after(std::max(saturating_between(now, saturating_add(begun_, check_.interval)), Duration::zero()), now);
}

HealthFinding HealthMonitor::tick_after(Duration next, TimePoint now) noexcept {
  armed_ = next;
  due_ = saturating_add(now, next);
  HealthFinding finding;
  finding.next = next;
  return finding;
}

}  // namespace coppice::detail
