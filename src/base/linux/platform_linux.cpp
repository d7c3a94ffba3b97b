#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/platform.hpp"
#include "coppice/base/fence.hpp"

namespace coppice::detail {
namespace {

static_assert(sizeof(Atomic<std::uint32_t>) == sizeof(std::uint32_t), "a futex is a plain 32-bit word");

long futex(const Atomic<std::uint32_t>& word, int operation, std::uint32_t value, const timespec* timeout) noexcept {
  return ::syscall(SYS_futex, reinterpret_cast<const std::uint32_t*>(&word), operation | FUTEX_PRIVATE_FLAG, value,
                   timeout, nullptr, 0);
}

bool register_membarrier() noexcept {
#if defined(__SANITIZE_THREAD__)
  return false;  // ThreadSanitizer does not see a fence made by the kernel
#else
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
#endif
}

}  // namespace

const bool owner_needs_fence = !register_membarrier();

void heavy_fence() noexcept {
  if (owner_needs_fence) {
    std::atomic_thread_fence(kSeqCst);
  } else {
    ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  }
}

bool wait_on(const Atomic<std::uint32_t>& word, std::uint32_t expected, Duration timeout) noexcept {
  if (word.load(kAcquire) != expected) return true;
  if (timeout <= Duration::zero()) return false;
  timespec relative{};
  timespec* limit = nullptr;
  if (timeout != kForever) {
    relative.tv_sec = static_cast<time_t>(timeout.count() / 1'000'000'000);
    relative.tv_nsec = static_cast<long>(timeout.count() % 1'000'000'000);
    limit = &relative;
  }
  return !(futex(word, FUTEX_WAIT, expected, limit) == -1 && errno == ETIMEDOUT);
}

void wake_one(Atomic<std::uint32_t>& word) noexcept { futex(word, FUTEX_WAKE, 1, nullptr); }
void wake_all(Atomic<std::uint32_t>& word) noexcept { futex(word, FUTEX_WAKE, 0x7fffffff, nullptr); }

bool on_fork(void (*before)() noexcept, void (*in_parent)() noexcept, void (*in_child)() noexcept) noexcept {
  return ::pthread_atfork(before, in_parent, in_child) == 0;
}

unsigned usable_cpus() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  const int cpus = CPU_COUNT(&set);
  return cpus <= 0 ? 1U : static_cast<unsigned>(cpus);
}

bool has_memory_nodes() noexcept { return ::access("/sys/devices/system/node/node1", F_OK) == 0; }

unsigned memory_node_of_this_thread() noexcept {
  unsigned cpu = 0;
  unsigned node = 0;
  return ::getcpu(&cpu, &node) == 0 ? node : 0;
}

Result<void, std::string> pin_this_thread(unsigned cpu) {
  if (cpu >= CPU_SETSIZE) return Error{std::string{"there is no processor "} + std::to_string(cpu)};
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) {
    return Error{"cannot run on processor " + std::to_string(cpu) + ": " + std::strerror(errno)};
  }
  return {};
}

// Whether the kernel has such pages, and is free to use them, is its own affair.
void prefer_large_pages(void* memory, std::size_t bytes) noexcept { ::madvise(memory, bytes, MADV_HUGEPAGE); }

// The least slack is a nanosecond: zero is how the default is asked for.
void wake_on_time() noexcept { prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }

std::vector<unsigned> affinity_of_this_thread() {
  std::vector<unsigned> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace coppice::detail
