#pragma once

#include <cstdint>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

#include "interleave/engine/sync.hpp"

/// Runs a few fibers on one thread, and decides at each synchronisation who goes on. A run is a pure function of what
/// was decided, so each failure can be had again.
///
/// What a run must keep besides its own checks: nobody waits for ever while nobody can go on (deadlock), it ends within
/// a number of steps (livelock), and in weak mode no Plain<T> is touched by two fibers that do not know of each other
/// (data race).
namespace coppice::interleave {

enum class Memory : unsigned char {
  Sequential,  // a load sees the newest store
  Weak,        // a load sees any store that C++20 lets it see
};

inline constexpr std::uint32_t kUnbounded = ~std::uint32_t{0};

/// Every way to go, each once: orders of steps that have nothing to do with each other count as one. Without a bound by
/// sleep sets. With a bound a run is given up where it comes to a state that another run has gone on from with as many
/// preemptions left: after the same steps in the same order, as far as that order makes a difference. (Happens-before
/// caching: Musuvathi, Qadeer, PLDI 2007.) That rests on what fibers share being an Atomic, under a Mutex, or a Plain.
struct Exhaustive {
  Memory memory = Memory::Sequential;
  std::uint32_t preemptions = kUnbounded;
  bool gives_up_known_states = true;
  std::uint32_t failures_for_nothing = 0;  // of compare_exchange_weak, in weak mode
  std::uint64_t runs_max = 2'000'000;      // more are a failure: the case is too large
  std::uint32_t steps_max = 2'000;
};

/// So many ways (COPPICE_TEST_SCALE times), drawn by seed, first_seed and up.
struct Sampled {
  std::uint64_t runs = 1'000;
  Memory memory = Memory::Sequential;
  bool early_timers = false;  // time may pass while somebody can go on, up to deadlines that are near
  std::uint32_t failures_for_nothing = 1;
  std::uint64_t first_seed = 1;
  std::uint32_t steps_max = 100'000;
};

struct Explored {
  std::uint64_t executions = 0;  // runs to the end
  std::uint64_t redundant = 0;   // given up, since another run is the same but for the order of unrelated steps
  std::uint64_t steps_most = 0;
  std::string failure;  // empty: none; otherwise what, and how to have it again

  [[nodiscard]] bool holds() const noexcept { return failure.empty(); }
};

using Body = std::function<void()>;

/// Runs `body` again and again, each time as the first fiber of a fresh run. `label` tells the searches of one test
/// apart; the environment's COPPICE_SCHEDULE ("label: step=way ...") runs that one schedule alone, and prints it.
[[nodiscard]] Explored explore(const std::string& label, const Exhaustive& how, const Body& body);
[[nodiscard]] Explored explore(const std::string& label, const Sampled& how, const Body& body);

// ---- in a run ----

/// Starts them all at once and waits for them.
void together(std::vector<Body> fibers);
/// Ends the run as a failure, when it does not hold.
void expect(bool holds, const char* text, std::source_location where = std::source_location::current()) noexcept;
[[noreturn]] void fail(const std::string& what) noexcept;
/// A scheduling point of a test's own, where user code takes a while with what stands there; nobody else may.
void pause(const void* where) noexcept;
/// Called when nobody can go on unless time passes: what is left undone now waits for a time-out. For this run.
void at_stall(Body check);
/// Called on each thread that is pinned, instead. For this run.
void at_pin(std::function<void(unsigned cpu)> call);
/// Whether a run is under way.
[[nodiscard]] bool is_running() noexcept;

/// Memory that each fiber has its own copy of, zero at first; for thread_local variables of the code under test.
void keep_by_fiber(void* memory, std::size_t bytes);
/// Called in each fiber before anything else.
void at_fiber_start(void (*start)(unsigned id));

/// Data without synchronisation of its own: who touches it must know of all others who did (weak mode).
void touch_to_make(const void* where) noexcept;
void touch_to_read(const void* where) noexcept;
void touch_to_write(const void* where) noexcept;
template <class T>
class Plain {
 public:
  Plain() : Plain{T{}} {}
  explicit Plain(T value) : value_{std::move(value)} { touch_to_make(this); }
  [[nodiscard]] const T& read() const {
    touch_to_read(this);
    return value_;
  }
  [[nodiscard]] T& write() {
    touch_to_write(this);
    return value_;
  }

 private:
  T value_{};
};

// ---- for the platform ----

/// A futex. Answers false when the time was up.
bool wait_while(const Atomic<std::uint32_t>& word, std::uint32_t expected, std::int64_t until) noexcept;
void wake(const Atomic<std::uint32_t>& word, std::uint32_t most) noexcept;
void pinned(unsigned cpu);
/// Every fiber passes a full fence, one after the other.
void fence_all() noexcept;

}  // namespace coppice::interleave
