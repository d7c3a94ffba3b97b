#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coppice/base/result.hpp"
#include "coppice/system/system.hpp"
#include "coppice/testing/schedule.hpp"

namespace coppice::testing {

namespace detail {
class TestCore;
}

/// What an injected fault throws.
struct InjectedFault final : std::exception {
  explicit InjectedFault(std::string t) : text{std::move(t)} {}
  [[nodiscard]] const char* what() const noexcept override { return text.c_str(); }
  std::string text;
};

/// What becomes due while a handler takes its time.
enum class Due : unsigned char {
  Late,    ///< fires when its turn is over, as where there is one worker
  InTime,  ///< fires meanwhile, as from another worker
};

struct TestOptions {
  std::uint64_t seed = 1;         ///< of the order in which ready actors run, and of everything random
  SystemOptions system = {};      ///< workers and spin have no meaning here, run_in aborts; batch is 1
  Schedule schedule = {};         ///< who runs next
  bool keeps_log = true;          ///< false: event_log() stays empty, and a run takes half as long
  bool keeps_deviations = false;  ///< for deviations(), eight bytes each
};

/// A system on the thread that uses it, under a clock that it moves: the actors, supervisors and brokers are the ones
/// that ship, only scheduler and clock differ. Whoever is ready runs in an order drawn from the seed; the same seed
/// gives the same event log.
///
/// Threads    one: the one that made it. Nothing runs between its calls.
/// Failure    what cannot come to rest aborts with the seed.
class TestSystem final : public System {
 public:
  explicit TestSystem(TestOptions options = {});
  ~TestSystem() override;

  /// Runs one activation. False: nobody is ready.
  bool step();
  /// Runs until nobody is ready; time stands still. The number of activations.
  std::size_t run_until_idle();
  /// One step of a search: runs one activation, or moves time to the next timer if it is due within `within`; which,
  /// when both can be, is the schedule's to say. False: nobody is ready and no such timer is armed.
  bool explore(Duration within = Duration::max());
  /// Moves time on by `by`, stopping at each timer on the way and running what it wakes.
  void advance(Duration by);
  /// Moves time on by `by` in one leap, and only then fires what was due on the way, late: as a process finds the clock
  /// that was stopped, or that did not get a processor.
  void leap(Duration by);
  /// Called within a turn: what it does takes so long. Nobody else runs before it is over. Between turns what is due
  /// fires before the next one.
  void spend(Duration by, Due due = Due::Late);
  /// Moves time to the next timer and runs what it wakes. False: no timer is armed.
  bool advance_to_next_timer();
  [[nodiscard]] std::size_t ready() const noexcept;

  /// Ends the life of an actor as if it had thrown.
  void crash(const AnyRef& actor, std::string_view text = "crashed by the test");
  template <class R, class E>
  void crash(const Result<R, E>& actor, std::string_view text = "crashed by the test") {
    crash(AnyRef{actor.value()}, text);
  }
  /// Whether the actor's place is over: no life is on and none will come by itself.
  [[nodiscard]] bool has_stopped(const AnyRef& actor);
  template <class R, class E>
  [[nodiscard]] bool has_stopped(const Result<R, E>& actor) {
    return has_stopped(AnyRef{actor.value()});
  }

  /// The n-th message handled from now on (of `actor`, if it names one), or the n-th start, throws InjectedFault
  /// instead. From 1.
  void fail_message(std::uint64_t n, const AnyRef& actor = {});
  void fail_start(std::uint64_t n, const AnyRef& actor = {});

  /// As System::ledger, but `queued` is counted in the mailboxes of all live actors: a message lost inside one does not
  /// balance.
  [[nodiscard]] Ledger ledger();
  /// Everything that happened, a line each: "+0.100s actor failed app/database: boom".
  [[nodiscard]] const std::vector<std::string>& event_log() const noexcept;
  /// What would have been printed: failures that nobody supervises.
  [[nodiscard]] const std::vector<std::string>& failures() const noexcept;
  [[nodiscard]] std::uint64_t seed() const noexcept;
  /// Of all that the schedule has decided: equal for equal runs, whichever the compiler and wherever the process lies.
  [[nodiscard]] std::uint64_t schedule_hash() const noexcept;
  /// Where the run has left the order of first come, first served: what Strategy::Follow takes to do the same again.
  [[nodiscard]] const std::vector<Deviation>& deviations() const noexcept;

 private:
  detail::TestCore* test_;
};

}  // namespace coppice::testing
