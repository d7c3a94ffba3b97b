#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "interleave/engine/engine.hpp"
#include "interleave/engine/history.hpp"
#include "interleave/engine/memory.hpp"
#include "interleave/engine/search.hpp"
#include "interleave/engine/stack.hpp"

/// What runs fibers, and asks a strategy who goes on. engine.cpp: how; explore.cpp: which runs are made; calls.cpp: what
/// the code under test and the tests call.
namespace coppice::interleave {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kStart = 3'600'000'000'000;  // an hour, so that "an hour ago" exists

/// Two words, handed over in registers.
struct Operation {
  const void* where = nullptr;
  Step step = Step::Begin;
  bool is_sequential = false;  // a fence, or seq_cst in weak mode
};

struct Fiber {
  enum class State : unsigned char { Ready, Blocked, Ended };
  Fiber(unsigned i, std::unique_ptr<Thread::Body> b) : id{i}, body{std::move(b)} {}
  unsigned id;
  State state = State::Ready;
  Operation next;                  // what it is about to do
  bool yields = false;             // until somebody else has changed something
  const void* waits_on = nullptr;  // Blocked
  std::int64_t until = kNever;     // Blocked, and then up by itself
  bool is_timed_out = false;
  std::uint32_t looks_in_vain = 0;  // steps since it last changed something
  std::unique_ptr<Thread::Body> body;
  Stack stack;
  std::vector<std::byte> own_memory;
  std::array<std::byte, 16> exceptions{};  // in hand: the C++ runtime keeps them by thread
};

/// How runs are made, whoever decides.
struct Rules {
  Memory memory = Memory::Sequential;
  bool sleep_sets = false;
  /// What earlier runs have come to; null: nothing is told apart.
  Known* known = nullptr;
  bool gives_up_known_states = false;  // else every way is gone to its end
  std::uint32_t preemptions = kUnbounded;
  bool early_timers = false;
  std::uint32_t failures_for_nothing = 0;
  std::uint32_t steps_max = 0;
  bool is_told = false;  // printed
};

class Engine {
 public:
  Engine(const Rules& rules, Strategy& strategy)
      : rules_{rules},
        strategy_{strategy},
        memory_{[this](std::uint32_t ways) { return draw(ways); }, [](const std::string& what) { fail(what); }} {}

  /// One run. Afterwards the rest can be asked.
  void run(const Body& body);
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  [[nodiscard]] bool is_redundant() const noexcept { return redundant_; }
  [[nodiscard]] const std::vector<std::uint32_t>& decisions() const noexcept { return decisions_; }
  [[nodiscard]] std::uint32_t steps() const noexcept { return steps_; }
  [[nodiscard]] std::uint32_t choices() const noexcept { return choices_; }

  // ---- from fibers ----
  void point(Operation operation);
  /// Until somebody wakes it, or the time comes. False: the time came.
  bool block(const void* on, std::int64_t until = kNever);
  std::uint32_t wake(const void* on, std::uint32_t most);
  [[noreturn]] void fail_here(const std::string& what);
  unsigned start(std::unique_ptr<Thread::Body> body);
  void join(unsigned id);
  void fence_all();
  [[nodiscard]] unsigned me() const noexcept { return current_->id; }
  [[nodiscard]] bool is_weak() const noexcept { return rules_.memory == Memory::Weak; }
  [[nodiscard]] WeakMemory& memory() noexcept { return memory_; }
  /// Each look is later than the one before. Where states are told apart time stands still instead, until nobody can go
  /// on: an order of looks would make a difference.
  std::int64_t now() noexcept { return rules_.known != nullptr ? now_ : now_ += 100; }
  void forget(const void* where) {
    if (is_weak()) memory_.forget(where);
    make(where);
  }
  void make(const void* where) {
    if (keeps_history()) history_.make(me(), where);
  }
  /// Without a point.
  void touch(const void* where, bool reads_only) {
    if (keeps_history()) history_.step(me(), where, reads_only);
  }
  void at_stall(Body check) { stall_check_ = std::move(check); }
  void at_pin(std::function<void(unsigned)> call) { pin_ = std::move(call); }
  void pinned(unsigned cpu) {
    if (pin_) pin_(cpu);
  }
  void tell_value(const char* what, Bits value) const;
  void yield();
  /// Something is not as it was: who waits in a loop may look again.
  void changed() noexcept;

 private:
  static void enter();
  [[noreturn]] void end_fiber();
  Fiber& pick();
  void list_options(bool may_stay);
  [[nodiscard]] bool anyone_waits_for_time() const noexcept;
  [[nodiscard]] bool let_time_pass();
  void switch_to(Fiber& fiber);
  std::uint32_t draw(std::uint32_t ways);
  [[nodiscard]] std::uint32_t note(std::uint32_t way) {
    decisions_.push_back(way);
    return way;
  }
  [[nodiscard]] bool are_dependent(Operation a, Operation b) const noexcept;
  [[nodiscard]] static bool concerns_all(Operation operation) noexcept {
    return operation.step == Step::HeavyFence || operation.step == Step::Yield || operation.step == Step::Mark;
  }
  [[nodiscard]] bool is_known(bool may_stay);
  [[nodiscard]] bool keeps_history() const noexcept { return rules_.known != nullptr && !redundant_; }
  void remember(const Fiber& fiber);
  void tell(Operation operation) const;
  [[nodiscard]] std::string who_waits() const;

  const Rules rules_;
  Strategy& strategy_;
  History history_;
  WeakMemory memory_;
  Stack root_{Stack::OfThread{}};
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::size_t living_ = 0;  // that have not ended
  Fiber* current_ = nullptr;
  std::vector<unsigned> options_;
  std::uint64_t asleep_ = 0;  // fibers whose next step has been tried already, a bit each
  bool redundant_ = false;
  std::uint32_t preemptions_ = 0;
  std::uint32_t steps_ = 0;
  std::uint32_t choices_ = 0;
  std::int64_t now_ = kStart;
  std::vector<std::uint32_t> decisions_;
  std::string failure_;
  Body stall_check_;
  std::function<void(unsigned)> pin_;
  mutable std::vector<const void*> names_;  // of locations, for who reads
};

/// Of the run that is under way; null between runs.
extern Engine* engine;  // NOLINT(readability-identifier-naming): one for the whole program, as what it names

}  // namespace coppice::interleave
