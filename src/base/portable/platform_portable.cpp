#if __has_include(<pthread.h>)
#include <pthread.h>
#endif

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/platform.hpp"
#include "coppice/base/fence.hpp"

namespace coppice::detail {
namespace {

/// Waiters on different words may share a place; they are woken together and look again.
struct WaitingPlace {
  std::mutex mutex;
  std::condition_variable condition;
};

using WaitingPlaces = std::array<WaitingPlace, 61>;

WaitingPlaces& all_places() noexcept {
  // Never destroyed: a thread may wait until the very end of the process.
  static auto* const places = new WaitingPlaces;
  return *places;
}

WaitingPlace& place_of(const void* word) noexcept {
  WaitingPlaces& places = all_places();
  return places[(reinterpret_cast<std::uintptr_t>(word) / sizeof(std::uint32_t)) % places.size()];
}

#if __has_include(<pthread.h>)
/// In the child of a fork. Its copies may be locked by threads of the parent, and a condition that counts waiters waits
/// for those of the parent to leave. Neither may be destroyed so; new ones stand in their place.
void forget_waiters() noexcept { std::construct_at(&all_places()); }
#endif

}  // namespace

const bool owner_needs_fence = true;

void heavy_fence() noexcept { std::atomic_thread_fence(kSeqCst); }

bool wait_on(const Atomic<std::uint32_t>& word, std::uint32_t expected, Duration timeout) noexcept {
  WaitingPlace& place = place_of(&word);
  std::unique_lock lock{place.mutex};
  const auto changed = [&] { return word.load(kAcquire) != expected; };
  if (timeout == kForever) {
    place.condition.wait(lock, changed);
    return true;
  }
  const TimePoint until = saturating_add(SteadyClock{}.now(), timeout);
  // Waits in slices, since some libraries overflow on far deadlines.
  while (!changed()) {
    const Duration left = saturating_between(SteadyClock{}.now(), until);
    if (left <= Duration::zero()) return false;
    place.condition.wait_for(lock, left < std::chrono::hours{1} ? left : Duration{std::chrono::hours{1}});
  }
  return true;
}

void wake_one(Atomic<std::uint32_t>& word) noexcept { wake_all(word); }

void wake_all(Atomic<std::uint32_t>& word) noexcept {
  WaitingPlace& place = place_of(&word);
  {
    const std::lock_guard lock{place.mutex};
  }  // nobody stands between its look at the word and its wait
  place.condition.notify_all();
}

bool on_fork(void (*before)() noexcept, void (*in_parent)() noexcept, void (*in_child)() noexcept) noexcept {
#if __has_include(<pthread.h>)
  // First: what is called in the child may wake somebody.
  static const bool forgets = ::pthread_atfork(nullptr, nullptr, &forget_waiters) == 0;
  return forgets && ::pthread_atfork(before, in_parent, in_child) == 0;
#else  // and no fork()
  return before != nullptr && in_parent != nullptr && in_child != nullptr;
#endif
}

unsigned usable_cpus() noexcept {
  const unsigned cpus = std::thread::hardware_concurrency();
  return cpus == 0 ? 1 : cpus;
}

bool has_memory_nodes() noexcept { return false; }
unsigned memory_node_of_this_thread() noexcept { return 0; }

void prefer_large_pages(void*, std::size_t) noexcept {}  // it takes its pages as they come

void wake_on_time() noexcept {}  // it wakes when it wakes

Result<void, std::string> pin_this_thread(unsigned cpu) {
  return Error{"cannot run on processor " + std::to_string(cpu) + ": this platform does not bind threads"};
}

std::vector<unsigned> affinity_of_this_thread() { return {}; }

}  // namespace coppice::detail
