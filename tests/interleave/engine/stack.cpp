#include "interleave/engine/stack.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace coppice::interleave {
namespace {

constexpr std::size_t kBytes = std::size_t{256} * 1024;

std::vector<void*>& spare() {
  static auto* const all = new std::vector<void*>;
  return *all;
}

void* take_memory() {
  if (!spare().empty()) {
    void* const memory = spare().back();
    spare().pop_back();
    return memory;
  }
  void* const memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  ::mprotect(memory, static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), PROT_NONE);  // who runs out of it crashes
  return memory;
}

}  // namespace

Stack::Stack() : memory_{take_memory()} {}

Stack::~Stack() {
  if (memory_ != nullptr) spare().push_back(memory_);
#if !defined(__x86_64__)
  delete static_cast<ucontext_t*>(at_);
#endif
}

#if defined(__x86_64__)

// What a call must keep, and nothing else: ucontext asks the kernel for the signal mask at each switch.
extern "C" void coppice_interleave_switch(void** from, void* to);
asm(R"(
.text
.globl coppice_interleave_switch
.type coppice_interleave_switch, @function
coppice_interleave_switch:
  endbr64
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size coppice_interleave_switch, .-coppice_interleave_switch
)");

void Stack::prepare(Entry entry) noexcept {
  auto* top = reinterpret_cast<std::uintptr_t*>(static_cast<std::byte*>(memory_) + kBytes) - 2;
  *top = reinterpret_cast<std::uintptr_t>(entry);  // where `ret` goes; 16 divides its place, as a call leaves it
  for (int i = 0; i < 6; ++i) *--top = 0;
  at_ = top;
}

void Stack::leave(Stack& from, Stack& to) noexcept { coppice_interleave_switch(&from.at_, to.at_); }

#else

void Stack::prepare(Entry entry) noexcept {
  if (at_ == nullptr) at_ = new ucontext_t;
  auto& context = *static_cast<ucontext_t*>(at_);
  ::getcontext(&context);
  context.uc_stack.ss_sp = memory_;
  context.uc_stack.ss_size = kBytes;
  context.uc_link = nullptr;
  ::makecontext(&context, entry, 0);
}

void Stack::leave(Stack& from, Stack& to) noexcept {
  if (from.at_ == nullptr) from.at_ = new ucontext_t;
  ::swapcontext(static_cast<ucontext_t*>(from.at_), static_cast<ucontext_t*>(to.at_));
}

#endif

}  // namespace coppice::interleave
