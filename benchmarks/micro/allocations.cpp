// Allocations per message in steady state: every way to the system's memory is counted, none is timed. The C library's
// functions are interposed by this program's own, so libraries that it loads are counted as well.

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

#include "../support/workloads.hpp"

// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming): the C library's names
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
}
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)

namespace {

std::atomic<std::uint64_t> allocations{0};
void count() { allocations.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

// operator new ends in malloc; what malloc itself asks of the system is not counted twice, since the C library does not
// call these.
extern "C" {
void* malloc(std::size_t bytes) {
  count();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t n, std::size_t bytes) {
  count();
  return __libc_calloc(n, bytes);
}
void* realloc(void* memory, std::size_t bytes) {
  count();
  return __libc_realloc(memory, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  count();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  count();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) {
  count();
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
void* mmap(void* address, std::size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  count();
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}
void* mmap64(void* address, std::size_t bytes, int protection, int flags, int file, off64_t offset) noexcept {
  count();
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}
void* sbrk(std::intptr_t) noexcept {  // nobody but the C library's own malloc, which has its own way to it
  count();
  errno = ENOMEM;
  return reinterpret_cast<void*>(-1);
}
}

namespace {

using namespace coppice::bench;

constexpr std::int64_t kMessages = 1'000'000;

/// True: not one allocation between the first and the last of a million messages.
template <class Work, class Run>
bool measure(const char* name, unsigned workers, Work&& work, Run&& run, std::int64_t n = kMessages) {
  run(work, n);  // warm: the pools take what the peak needs
  const std::uint64_t before = allocations.load();
  run(work, n);
  const std::uint64_t counted = allocations.load() - before;
  work.finish();
  fmt::print("| allocations, {} | {} | {:g} ({} in {} messages) | 0 | {} |\n", name, workers,
             static_cast<double>(counted) / static_cast<double>(n), counted, n, counted == 0 ? "ok" : "**missed**");
  std::fflush(stdout);
  return counted == 0;
}

}  // namespace

int main() {
  // The counter counts: otherwise a zero would mean nothing.
  const std::uint64_t before = allocations.load();
  const auto* const text = new std::string(100, 'x');
  keep(text);
  delete text;
  const std::uint64_t seen = allocations.load() - before;
  require(seen == 2, "the interposed functions are not called");
  const auto plain = [](auto& work, std::int64_t n) { static_cast<void>(work.run(n)); };
  const auto bursts = [](auto& work, std::int64_t n) { static_cast<void>(work.run(n, 1'000)); };
  const auto flood = [](auto& work, std::int64_t n) { static_cast<void>(work.run(n, n)); };
  for (const unsigned workers : {1U, 2U}) {
    measure("ping-pong", workers, Ring{workers, 2}, plain);
    measure("ring of 503", workers, Ring{workers, 503}, plain);
    measure("counting in bursts", workers, Counting{workers}, bursts);
    measure("counting, a flood", workers, Counting{workers}, flood);
    measure("counting from outside", workers, CountingFromOutside{workers}, plain);
    measure("ask from outside", workers, AskingFromOutside{workers}, plain, kMessages / 20);
    measure("ask, actor to actor", workers, Asking{workers}, plain);
    measure("ask, in a coroutine", workers, AskingInCoroutine{workers}, plain);
  }
  return 0;
}
