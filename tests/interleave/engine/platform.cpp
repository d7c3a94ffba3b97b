#include "base/platform.hpp"

#include <limits>

#include "coppice/base/fence.hpp"
#include "interleave/engine/engine.hpp"

// The platform of an instrumented build: futexes, the asymmetric fence and the end of the program are the engine's.
namespace coppice::detail {

const bool owner_needs_fence = false;

void heavy_fence() noexcept { interleave::fence_all(); }

bool wait_on(const Atomic<std::uint32_t>& word, std::uint32_t expected, Duration timeout) noexcept {
  if (word.load(kAcquire) != expected) return true;
  if (timeout <= Duration::zero()) return false;
  const TimePoint until =
      timeout == kForever ? TimePoint::max() : saturating_add(TimePoint{Duration{interleave::clock_now()}}, timeout);
  return interleave::wait_while(word, expected, until.time_since_epoch().count());
}

void wake_one(Atomic<std::uint32_t>& word) noexcept { interleave::wake(word, 1); }
void wake_all(Atomic<std::uint32_t>& word) noexcept { interleave::wake(word, interleave::kUnbounded); }

// A fiber cannot fork; what fork() would call is never called.
bool on_fork(void (*)() noexcept, void (*)() noexcept, void (*)() noexcept) noexcept { return true; }

unsigned usable_cpus() noexcept { return 2; }
bool has_memory_nodes() noexcept { return false; }
unsigned memory_node_of_this_thread() noexcept { return 0; }
Result<void, std::string> pin_this_thread(unsigned cpu) {
  interleave::pinned(cpu);
  return {};
}
void wake_on_time() noexcept {}
std::vector<unsigned> affinity_of_this_thread() { return {}; }

void assertion_failed(const char* condition, const char* text, const char* file, int line) noexcept {
  interleave::fail(std::string{text} + " (" + condition + ", at " + file + ":" + std::to_string(line) + ")");
}

}  // namespace coppice::detail
