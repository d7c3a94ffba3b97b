#include "interleave/engine/run.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace coppice::interleave {
namespace {

constexpr std::uint32_t kLooksInVain = 200;
constexpr std::int64_t kSoon = 10'000'000;

struct OwnMemory {
  void* memory;
  std::size_t bytes;
};
std::vector<OwnMemory>& own_memories() {
  static auto* const all = new std::vector<OwnMemory>;
  return *all;
}
void (*fiber_start)(unsigned) = nullptr;

}  // namespace

Engine* engine = nullptr;

void Engine::run(const Body& body) {
  fibers_.clear();
  decisions_.clear();
  failure_.clear();
  stall_check_ = nullptr;
  pin_ = nullptr;
  names_.clear();
  asleep_ = 0;
  redundant_ = false;
  preemptions_ = steps_ = choices_ = 0;
  living_ = 0;
  now_ = kStart;
  memory_.clear(rules_.failures_for_nothing);
  history_.clear();
  strategy_.begin();
  struct First final : Thread::Body {
    explicit First(const interleave::Body& c) : call{c} {}
    void run() override { call(); }
    const interleave::Body& call;
  };
  engine = this;
  current_ = nullptr;
  static_cast<void>(start(std::make_unique<First>(body)));
  current_ = fibers_[0].get();
  for (const OwnMemory& own : own_memories()) std::memset(own.memory, 0, own.bytes);
  Stack::leave(root_, current_->stack);
  engine = nullptr;
  for (const OwnMemory& own : own_memories()) std::memset(own.memory, 0, own.bytes);
  std::memset(static_cast<void*>(abi::__cxa_get_globals()), 0, sizeof(Fiber::exceptions));
  // Of a run that failed the fibers hang where they were, and what they held is lost.
  if (!failure_.empty()) {
    for (auto& fiber : fibers_) static_cast<void>(fiber.release());
  }
}

unsigned Engine::start(std::unique_ptr<Thread::Body> body) {
  const auto id = static_cast<unsigned>(fibers_.size());
  if (id >= kFibersMax) fail_here("more fibers than the engine has room for");
  fibers_.push_back(std::make_unique<Fiber>(id, std::move(body)));
  ++living_;
  std::size_t bytes = 0;
  for (const OwnMemory& own : own_memories()) bytes += own.bytes;
  fibers_.back()->own_memory.resize(bytes);
  fibers_.back()->stack.prepare(&Engine::enter);
  if (is_weak() && current_ != nullptr) memory_.begin_thread(id, current_->id);
  return id;
}

void Engine::enter() {
  if (fiber_start != nullptr) fiber_start(engine->current_->id);
  try {
    engine->current_->body->run();
  } catch (const std::exception& e) {
    engine->fail_here(std::string{"an exception left a fiber: "} + e.what());
  }
  engine->end_fiber();
}

void Engine::end_fiber() {
  Fiber& me = *current_;
  me.body.reset();
  me.state = Fiber::State::Ended;
  --living_;
  wake(&me, kUnbounded);
  changed();
  if (living_ == 0) Stack::leave(me.stack, root_);
  switch_to(pick());
  std::abort();
}

void Engine::join(unsigned id) {
  Fiber& other = *fibers_[id];
  while (other.state != Fiber::State::Ended) block(&other);
  if (is_weak()) memory_.end_thread(id, me());
}

void Engine::fail_here(const std::string& what) {
  if (failure_.empty()) failure_ = what;
  if (rules_.is_told) std::printf("%s\n", what.c_str());
  Stack::leave(current_->stack, root_);
  std::abort();
}

// ---- who goes on ----

bool Engine::are_dependent(Operation a, Operation b) const noexcept {
  if (concerns_all(a) || concerns_all(b)) return true;
  if (a.is_sequential && b.is_sequential && (a.step == Step::Fence || b.step == Step::Fence)) return true;
  if (a.where != b.where || a.where == nullptr) return false;
  return a.step != Step::Load || b.step != Step::Load || (a.is_sequential && b.is_sequential);
}

void Engine::list_options(bool may_stay) {
  options_.clear();
  const auto can_go = [this](const Fiber& fiber) {
    return fiber.state == Fiber::State::Ready && !fiber.yields && (asleep_ >> fiber.id & 1) == 0;
  };
  if (may_stay && can_go(*current_)) options_.push_back(current_->id);
  if (!options_.empty() && preemptions_ >= rules_.preemptions) return;
  for (const auto& fiber : fibers_) {
    if ((fiber.get() != current_ || !may_stay) && can_go(*fiber)) options_.push_back(fiber->id);
  }
}

/// Soon enough that it may happen while others are at work.
bool Engine::anyone_waits_for_time() const noexcept {
  return std::any_of(fibers_.begin(), fibers_.end(), [this](const auto& fiber) {
    return fiber->state == Fiber::State::Blocked && fiber->until <= now_ + kSoon;
  });
}

/// The next deadline comes. False: there is none.
bool Engine::let_time_pass() {
  Fiber* next = nullptr;
  for (const auto& fiber : fibers_) {
    if (fiber->state == Fiber::State::Blocked && fiber->until != kNever &&
        (next == nullptr || fiber->until < next->until))
      next = fiber.get();
  }
  if (next == nullptr) return false;
  now_ = std::max(now_, next->until);
  history_.barrier(static_cast<std::uint64_t>(now_));
  next->state = Fiber::State::Ready;
  next->is_timed_out = true;
  return true;
}

Fiber& Engine::pick() {
  if (++steps_ > rules_.steps_max) fail_here("no end within the number of steps: a livelock");
  const bool may_stay = current_->state == Fiber::State::Ready && !current_->yields;
  // Alone there is nothing to decide, and what it does follows from what is known already.
  if (may_stay && (redundant_ || (living_ == 1 && !rules_.sleep_sets))) return *current_;
  if (rules_.early_timers && anyone_waits_for_time() && draw(16) == 1) static_cast<void>(let_time_pass());
  list_options(may_stay);
  while (options_.empty()) {
    const bool anyone = std::any_of(fibers_.begin(), fibers_.end(), [](const auto& fiber) {
      return fiber->state == Fiber::State::Ready && !fiber->yields;
    });
    if (anyone) {  // all of them asleep: to the end, without looking at further ways
      redundant_ = true;
      asleep_ = 0;
    } else if (std::any_of(fibers_.begin(), fibers_.end(),
                           [](const auto& fiber) { return fiber->state == Fiber::State::Ready; })) {
      for (auto& fiber : fibers_) fiber->yields = false;
    } else {
      if (stall_check_) stall_check_();
      if (!let_time_pass()) fail_here("nobody can go on: a deadlock" + who_waits());
    }
    list_options(may_stay);
  }
  if (redundant_) return *fibers_[options_[0]];
  if (options_.size() > 1 && is_known(may_stay)) {
    redundant_ = true;
    return *fibers_[options_[0]];
  }
  std::uint32_t way = 0;
  if (options_.size() > 1) {
    way = note(strategy_.pick(options_, may_stay));
    ++choices_;
  }
  Fiber& next = *fibers_[options_[way]];
  if (may_stay && &next != current_) ++preemptions_;
  remember(next);
  if (rules_.sleep_sets) {
    // What was tried before at this place, from here on need not be tried until something happens that it depends on.
    for (std::uint32_t i = 0; i < way; ++i) asleep_ |= std::uint64_t{1} << options_[i];
    for (const auto& fiber : fibers_) {
      if ((asleep_ >> fiber->id & 1) != 0 && are_dependent(fiber->next, next.next))
        asleep_ &= ~(std::uint64_t{1} << fiber->id);
    }
  }
  return next;
}

/// Whether another run has gone on from here, or from a state that is the same.
bool Engine::is_known(bool may_stay) {
  if (!rules_.gives_up_known_states || !strategy_.is_beyond()) return false;
  // Who yields waits for the next change, whoever makes it: that is an order which no place tells of.
  std::uint64_t yielding = 0;
  for (const auto& fiber : fibers_) yielding |= std::uint64_t{fiber->yields} << fiber->id;
  const std::uint64_t here = mix(history_.state() + mix(yielding));
  return rules_.known->visit(here, may_stay ? current_->id : Known::kEverybody, preemptions_);
}

/// What that fiber does now has happened.
void Engine::remember(const Fiber& fiber) {
  if (!keeps_history()) return;
  const Operation operation = fiber.next;
  if (operation.step == Step::Yield) return history_.step_of_all(fiber.id);
  history_.step(fiber.id, operation.where, operation.step == Step::Load);
}

std::uint32_t Engine::draw(std::uint32_t ways) {
  if (redundant_) return 0;
  const std::uint32_t way = note(strategy_.draw(ways));
  history_.barrier(way);
  return way;
}

void Engine::switch_to(Fiber& fiber) {
  if (&fiber == current_) return;
  Fiber& from = *std::exchange(current_, &fiber);
  void* const exceptions = static_cast<void*>(abi::__cxa_get_globals());
  std::memcpy(from.exceptions.data(), exceptions, from.exceptions.size());
  std::memcpy(exceptions, fiber.exceptions.data(), fiber.exceptions.size());
  std::size_t at = 0;
  for (const OwnMemory& own : own_memories()) {
    std::memcpy(from.own_memory.data() + at, own.memory, own.bytes);
    std::memcpy(own.memory, fiber.own_memory.data() + at, own.bytes);
    at += own.bytes;
  }
  Stack::leave(from.stack, fiber.stack);
}

void Engine::point(Operation operation) {
  // Who only looks for so long waits for somebody else, without saying so: a fair scheduler would let others go on.
  if (++current_->looks_in_vain == kLooksInVain && !current_->yields) {
    current_->looks_in_vain = 0;
    yield();
  }
  current_->next = operation;
  switch_to(pick());
  if (rules_.is_told) tell(operation);
}

bool Engine::block(const void* on, std::int64_t until) {
  Fiber& me = *current_;
  me.state = Fiber::State::Blocked;
  me.waits_on = on;
  me.until = until;
  me.is_timed_out = false;
  me.next = Operation{};
  if (rules_.is_told) std::printf("%6u  fiber %u waits\n", steps_, me.id);
  switch_to(pick());
  return !me.is_timed_out;
}

std::uint32_t Engine::wake(const void* on, std::uint32_t most) {
  std::uint32_t woken = 0;
  for (auto& fiber : fibers_) {
    if (woken == most) break;
    if (fiber->state != Fiber::State::Blocked || fiber->waits_on != on) continue;
    fiber->state = Fiber::State::Ready;
    ++woken;
  }
  return woken;
}

void Engine::changed() noexcept {
  current_->looks_in_vain = 0;
  for (auto& fiber : fibers_) {
    if (fiber.get() != current_) fiber->yields = false;
  }
}

void Engine::yield() {
  current_->yields = true;
  point({nullptr, Step::Yield, false});
  current_->yields = false;
  if (is_weak()) memory_.see_all(me());
}

void Engine::fence_all() {
  if (!is_weak()) return point({nullptr, Step::HeavyFence, true});
  const auto fence = [this](unsigned id) {
    point({nullptr, Step::HeavyFence, true});
    memory_.fence(id, std::memory_order_seq_cst);
  };
  fence(me());
  for (unsigned id = 0; id < fibers_.size(); ++id) {
    if (id != me()) fence(id);
  }
  fence(me());
}

// ---- for who reads ----

void Engine::tell(Operation operation) const {
  static constexpr const char* kSteps[] = {"begins", "loads",   "stores", "changes", "fences", "fences all",
                                           "locks",  "unlocks", "waits",  "wakes",   "yields", "passes"};
  const auto found = std::find(names_.begin(), names_.end(), operation.where);
  const auto name = static_cast<std::size_t>(found - names_.begin());
  if (found == names_.end()) names_.push_back(operation.where);
  std::printf("%6u  fiber %u %s #%zu%s\n", steps_, current_->id, kSteps[static_cast<int>(operation.step)], name,
              operation.is_sequential ? " (seq_cst)" : "");
}

void Engine::tell_value(const char* what, Bits value) const {
  if (rules_.is_told) std::printf("                    %s %llx\n", what, static_cast<unsigned long long>(value));
}

std::string Engine::who_waits() const {
  std::string text = "; waiting:";
  for (const auto& fiber : fibers_) {
    if (fiber->state == Fiber::State::Blocked) text += " " + std::to_string(fiber->id);
  }
  return text;
}
void keep_by_fiber(void* memory, std::size_t bytes) { own_memories().push_back({memory, bytes}); }
void at_fiber_start(void (*start)(unsigned)) { fiber_start = start; }

}  // namespace coppice::interleave
