#include "environment/faults.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <new>

#include "support/plain_delete.hpp"

// What stands here takes the place of the C library's functions of the same name, in this program only. malloc and free
// are replaced by the linker's --wrap, in the objects that are linked here: the sanitizers' own remain below them.

namespace coppice::testing {
namespace {

struct Injection {
  std::uint64_t left;  // 0: the next one and all behind it fail, or nothing does
  bool armed;
  bool for_good;
  bool happened;
};
constinit thread_local Injection injections[kCalls]{};
constinit thread_local std::uint64_t of_new_threads = 0;  // none

/// What a thread does whose n-th allocation fails.
struct Start {
  void* (*run)(void*);
  void* with;
  std::uint64_t n;
};
void* start(void* given) {
  const Start start = *static_cast<Start*>(given);
  delete static_cast<Start*>(given);
  injections[static_cast<int>(Call::Allocation)] = {start.n, true, false, false};
  return start.run(start.with);
}

bool fails(Call call) noexcept {
  Injection& injection = injections[static_cast<int>(call)];
  if (!injection.armed) return false;
  if (injection.happened) return injection.for_good;
  if (--injection.left > 0) return false;
  injection.happened = true;
  return true;
}

/// Held by who is in the allocator, and over each fork(). The C library does so with its own; AddressSanitizer's of GCC 12
/// and 13 does not: a child finds it locked for ever where another thread of the parent was in it.
struct HeapLock {
#if defined(__SANITIZE_ADDRESS__)
  void lock() noexcept { mutex.lock(); }
  void unlock() noexcept { mutex.unlock(); }
  std::mutex mutex;
#else
  void lock() noexcept {}
  void unlock() noexcept {}
#endif
};
constinit HeapLock heap;
// Before any system is there: what is registered first is held last.
[[maybe_unused]] const bool is_held_over_forks =
    ::pthread_atfork([] { heap.lock(); }, [] { heap.unlock(); }, [] { heap.unlock(); }) == 0;

template <class F>
F real(F, const char* name) noexcept {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

FailNth::FailNth(Call call, std::uint64_t n, bool for_good) noexcept : call_{call} {
  injections[static_cast<int>(call)] = {n, true, for_good, false};
}
FailNth::~FailNth() { injections[static_cast<int>(call_)].armed = false; }
FailNthInNewThreads::FailNthInNewThreads(std::uint64_t n) noexcept { of_new_threads = n; }
FailNthInNewThreads::~FailNthInNewThreads() { of_new_threads = 0; }
bool FailNth::happened() const noexcept { return injections[static_cast<int>(call_)].happened; }

}  // namespace coppice::testing

using coppice::testing::Call;
using coppice::testing::fails;
using coppice::testing::heap;
using coppice::testing::real;

extern "C" {

// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming): the linker's names
void* __real_malloc(std::size_t bytes);
void* __wrap_malloc(std::size_t bytes) {
  if (fails(Call::Allocation)) return nullptr;
  const std::lock_guard lock{heap};
  return __real_malloc(bytes);
}
void* __real_aligned_alloc(std::size_t alignment, std::size_t bytes);
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t bytes) {
  if (fails(Call::Aligned)) return nullptr;
  const std::lock_guard lock{heap};
  return __real_aligned_alloc(alignment, bytes);
}
void __real_free(void* block);
void __wrap_free(void* block) {
  const std::lock_guard lock{heap};
  __real_free(block);
}
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* with) noexcept {
  static const auto next = real(&::pthread_create, "pthread_create");
  if (fails(Call::Thread)) return EAGAIN;
  if (coppice::testing::of_new_threads == 0) return next(thread, attributes, run, with);
  auto* const how = new coppice::testing::Start{run, with, coppice::testing::of_new_threads};
  return next(thread, attributes, &coppice::testing::start, how);
}

int epoll_create1(int flags) noexcept {
  static const auto next = real(&::epoll_create1, "epoll_create1");
  if (fails(Call::Epoll)) return errno = EMFILE, -1;
  return next(flags);
}
int epoll_ctl(int epoll, int operation, int file, epoll_event* event) noexcept {
  static const auto next = real(&::epoll_ctl, "epoll_ctl");
  if (fails(Call::EpollAdd)) return errno = ENOMEM, -1;
  return next(epoll, operation, file, event);
}
int eventfd(unsigned value, int flags) noexcept {
  static const auto next = real(&::eventfd, "eventfd");
  if (fails(Call::EventFd)) return errno = EMFILE, -1;
  return next(value, flags);
}
int timerfd_create(int clock, int flags) noexcept {
  static const auto next = real(&::timerfd_create, "timerfd_create");
  if (fails(Call::TimerFd)) return errno = EMFILE, -1;
  return next(clock, flags);
}
int socket(int domain, int type, int protocol) noexcept {
  static const auto next = real(&::socket, "socket");
  if (fails(Call::Socket)) return errno = EMFILE, -1;
  return next(domain, type, protocol);
}
int pipe(int files[2]) noexcept {
  static const auto next = real(&::pipe, "pipe");
  if (fails(Call::Pipe)) return errno = EMFILE, -1;
  return next(files);
}

}  // extern "C"

namespace {

void* allocate(std::size_t bytes) {
  if (void* const block = __wrap_malloc(bytes == 0 ? 1 : bytes)) return block;
  throw std::bad_alloc{};
}
void* allocate(std::size_t bytes, std::align_val_t alignment) {
  if (fails(Call::Allocation)) throw std::bad_alloc{};
  const auto to = static_cast<std::size_t>(alignment);
  if (void* const block = std::aligned_alloc(to, (bytes + to - 1) / to * to)) return block;
  throw std::bad_alloc{};
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes); }
void* operator new[](std::size_t bytes) { return allocate(bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment) { return allocate(bytes, alignment); }
void* operator new[](std::size_t bytes, std::align_val_t alignment) { return allocate(bytes, alignment); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return __wrap_malloc(bytes == 0 ? 1 : bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return __wrap_malloc(bytes == 0 ? 1 : bytes);
}
