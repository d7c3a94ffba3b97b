#include "interleave/engine/engine.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "interleave/engine/history.hpp"
#include "interleave/engine/memory.hpp"
#include "interleave/engine/search.hpp"
#include "interleave/engine/stack.hpp"
#include "support/scale.hpp"

namespace coppice::interleave {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::uint32_t kLooksInVain = 200;
constexpr std::int64_t kSoon = 10'000'000;
constexpr std::int64_t kStart = 3'600'000'000'000;  // an hour, so that "an hour ago" exists

struct Operation {
  Step step = Step::Begin;
  const void* where = nullptr;
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

struct OwnMemory {
  void* memory;
  std::size_t bytes;
};
std::vector<OwnMemory>& own_memories() {
  static auto* const all = new std::vector<OwnMemory>;
  return *all;
}
void (*fiber_start)(unsigned) = nullptr;

/// How runs are made, whoever decides.
struct Rules {
  Memory memory = Memory::Sequential;
  bool sleep_sets = false;
  Known* known = nullptr;  // states that runs have come to; null: every way is gone to its end
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
  void point(const Operation& operation);
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
    if (rules_.known != nullptr) history_.forget(where);
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
  [[nodiscard]] bool are_dependent(const Operation& a, const Operation& b) const noexcept;
  [[nodiscard]] static bool concerns_all(const Operation& operation) noexcept {
    return operation.step == Step::HeavyFence || operation.step == Step::Yield || operation.step == Step::Mark;
  }
  [[nodiscard]] bool is_known(bool may_stay);
  void remember(const Fiber& fiber);
  void tell(const Operation& operation) const;
  [[nodiscard]] std::string who_waits() const;

  const Rules rules_;
  Strategy& strategy_;
  History history_;
  WeakMemory memory_;
  Stack root_{Stack::OfThread{}};
  std::vector<std::unique_ptr<Fiber>> fibers_;
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
  wake(&me, kUnbounded);
  changed();
  if (std::all_of(fibers_.begin(), fibers_.end(), [](const auto& f) { return f->state == Fiber::State::Ended; })) {
    Stack::leave(me.stack, root_);
  }
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

bool Engine::are_dependent(const Operation& a, const Operation& b) const noexcept {
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
  const bool is_bound = !options_.empty() && preemptions_ >= rules_.preemptions;
  for (const auto& fiber : fibers_) {
    if (is_bound) break;
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
  if (rules_.known == nullptr || !strategy_.is_beyond()) return false;
  const std::uint64_t here = History::mix(history_.state() + 2 * current_->id + (may_stay ? 1 : 0));
  const auto [found, is_new] = rules_.known->try_emplace(here, preemptions_);
  if (!is_new && found->second <= preemptions_) return true;
  found->second = preemptions_;
  return false;
}

/// What that fiber does now has happened.
void Engine::remember(const Fiber& fiber) {
  if (rules_.known == nullptr) return;
  const Operation& operation = fiber.next;
  // In sequential mode a fence does nothing.
  if (concerns_all(operation) && operation.step != Step::HeavyFence) return history_.step_of_all(fiber.id);
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

void Engine::point(const Operation& operation) {
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
  point({Step::Yield, nullptr, false});
  current_->yields = false;
  if (is_weak()) memory_.see_all(me());
}

void Engine::fence_all() {
  if (!is_weak()) return point({Step::HeavyFence, nullptr, true});
  const auto fence = [this](unsigned id) {
    point({Step::HeavyFence, nullptr, true});
    memory_.fence(id, std::memory_order_seq_cst);
  };
  fence(me());
  for (unsigned id = 0; id < fibers_.size(); ++id) {
    if (id != me()) fence(id);
  }
  fence(me());
}

// ---- for who reads ----

void Engine::tell(const Operation& operation) const {
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

// ---- searches ----

std::string spell(const std::string& label, const std::vector<std::uint32_t>& decisions) {
  std::string text = label + ":";
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (decisions[i] != 0) text += " " + std::to_string(i) + "=" + std::to_string(decisions[i]);
  }
  return text;
}

/// The decisions that the environment asks for; none when it asks for another search.
std::optional<std::vector<std::uint32_t>> asked_for(const std::string& label) {
  const char* const text = std::getenv("COPPICE_SCHEDULE");
  if (text == nullptr || std::strncmp(text, label.c_str(), label.size()) != 0 || text[label.size()] != ':') return {};
  std::vector<std::uint32_t> decisions;
  const char* rest = text + label.size() + 1;
  unsigned long at = 0;
  unsigned long way = 0;
  int read = 0;
  while (std::sscanf(rest, " %lu=%lu%n", &at, &way, &read) == 2) {
    if (decisions.size() <= at) decisions.resize(at + 1);
    decisions[at] = static_cast<std::uint32_t>(way);
    rest += read;
  }
  return decisions;
}

/// The same failure with fewer decisions, as far as a few hundred tries find it.
std::vector<std::uint32_t> shrink(const Rules& rules, const Body& body, std::vector<std::uint32_t> decisions,
                                  const std::string& what) {
  int tries = 400;
  for (std::size_t chunk = std::max<std::size_t>(decisions.size() / 2, 1); tries > 0; chunk /= 2) {
    for (std::size_t at = 0; at < decisions.size() && tries > 0; at += chunk) {
      auto fewer = decisions;
      const auto end = std::min(at + chunk, fewer.size());
      if (std::all_of(fewer.begin() + static_cast<std::ptrdiff_t>(at), fewer.begin() + static_cast<std::ptrdiff_t>(end),
                      [](std::uint32_t way) { return way == 0; }))
        continue;
      std::fill(fewer.begin() + static_cast<std::ptrdiff_t>(at), fewer.begin() + static_cast<std::ptrdiff_t>(end), 0);
      --tries;
      Replay replay{fewer};
      Engine again{rules, replay};
      again.run(body);
      if (again.failure() == what) decisions = again.decisions();
    }
    if (chunk <= 1) break;
  }
  return decisions;
}

std::string report(const std::string& label, const Rules& rules, const Body& body, const Engine& failed,
                   const std::string& how) {
  Rules plain = rules;
  plain.sleep_sets = false;
  std::vector<std::uint32_t> decisions = failed.decisions();
  const std::string what = failed.failure();
  // Sleep sets leave ways out of a list; written down is a run without them.
  if (!rules.sleep_sets) decisions = shrink(plain, body, decisions, what);
  return what + "\n  " + how + "; to see it: COPPICE_SCHEDULE='" + spell(label, decisions) + "' with this test alone";
}

/// Who asks for one schedule gets that one, told step by step; another search of that test gets nothing.
std::optional<Explored> replay(const std::string& label, Rules rules, const Body& body) {
  if (std::getenv("COPPICE_SCHEDULE") == nullptr) return {};
  Explored explored;
  const auto decisions = asked_for(label);
  if (!decisions) return explored;
  rules.is_told = true;
  Replay strategy{*decisions};
  Engine engine_of_it{rules, strategy};
  engine_of_it.run(body);
  explored.failure = engine_of_it.failure();
  return explored;
}

}  // namespace

Explored explore(const std::string& label, const Exhaustive& how, const Body& body) {
  Rules rules{.memory = how.memory,
              .sleep_sets = how.preemptions == kUnbounded,
              .preemptions = how.preemptions,
              .failures_for_nothing = how.failures_for_nothing,
              .steps_max = how.steps_max};
  if (auto replayed = replay(label, rules, body)) return *replayed;
  Explored explored;
  Exhaust strategy;
  Known known;
  if (how.preemptions != kUnbounded && how.memory == Memory::Sequential && how.gives_up_known_states)
    rules.known = &known;
  Engine each{rules, strategy};
  do {
    each.run(body);
    ++(each.is_redundant() ? explored.redundant : explored.executions);
    explored.steps_most = std::max<std::uint64_t>(explored.steps_most, each.steps());
    if (!each.failure().empty()) {
      explored.failure = report(label, rules, body, each, "execution " + std::to_string(explored.executions));
      break;
    }
    if (explored.executions + explored.redundant >= how.runs_max) {
      explored.failure = "more ways than " + std::to_string(how.runs_max) + ": the case is too large";
      break;
    }
  } while (strategy.next());
  return explored;
}

Explored explore(const std::string& label, const Sampled& how, const Body& body) {
  const Rules rules{.memory = how.memory,
                    .early_timers = how.early_timers,
                    .failures_for_nothing = how.failures_for_nothing,
                    .steps_max = how.steps_max};
  if (auto replayed = replay(label, rules, body)) return *replayed;
  Explored explored;
  std::uint32_t length = 100;
  const std::uint64_t runs = testing::scaled(how.runs);
  for (std::uint64_t i = 0; i < runs; ++i) {
    std::string name;
    const auto strategy = drawn_strategy(how.first_seed + i, length, name);
    Engine each{rules, *strategy};
    each.run(body);
    ++explored.executions;
    length = std::max(each.choices(), 1U);
    explored.steps_most = std::max<std::uint64_t>(explored.steps_most, each.steps());
    if (each.failure().empty()) continue;
    explored.failure = report(label, rules, body, each, "seed " + std::to_string(how.first_seed + i) + ", " + name);
    break;
  }
  return explored;
}

// ---- what the code under test calls ----

bool is_running() noexcept { return engine != nullptr; }

void point(Step step, const void* where, std::memory_order order) noexcept {
  if (engine != nullptr) engine->point({step, where, engine->is_weak() && order == std::memory_order_seq_cst});
}

Bits seen_by_load(const void* where, Bits now, std::memory_order order) noexcept {
  if (engine == nullptr) return now;
  const Bits seen = engine->is_weak() ? engine->memory().load(engine->me(), where, now, order) : now;
  engine->tell_value(seen == now ? "sees" : "sees the old", seen);
  return seen;
}

bool note_store(const void* where, Bits now, Bits value, std::memory_order order) noexcept {
  if (engine == nullptr) return true;
  const bool is_newest = !engine->is_weak() || engine->memory().store(engine->me(), where, now, value, order);
  if (is_newest && now != value) engine->changed();
  engine->tell_value(is_newest ? "leaves" : "leaves, before the newest,", value);
  return is_newest;
}

void note_change(const void* where, Bits now, Bits value, std::memory_order order) noexcept {
  if (engine == nullptr) return;
  if (engine->is_weak()) engine->memory().change(engine->me(), where, now, value, order);
  if (now != value) engine->changed();
  engine->tell_value("leaves", value);
}

Exchange try_exchange(const void* where, Bits now, Bits expected, Bits value, bool may_fail, std::memory_order success,
                      std::memory_order failure) noexcept {
  if (engine == nullptr) return {now == expected, now};
  const Exchange came = engine->is_weak() ? engine->memory().exchange(engine->me(), where, now, expected, value,
                                                                      may_fail, success, failure)
                                          : Exchange{now == expected, now};
  if (came.done && now != value) engine->changed();
  engine->tell_value(came.done ? "leaves" : "fails at", came.done ? value : came.seen);
  return came;
}

void forget(const void* where) noexcept {
  if (engine != nullptr) engine->forget(where);
}

void fence(std::memory_order order) noexcept {
  if (engine == nullptr || order == std::memory_order_relaxed) return;
  point(Step::Fence, nullptr, order);
  if (engine->is_weak()) engine->memory().fence(engine->me(), order);
}

void fence_all() noexcept {
  if (engine != nullptr) engine->fence_all();
}

void yield() noexcept {
  if (engine != nullptr) engine->yield();
}

std::int64_t clock_now() noexcept { return engine != nullptr ? engine->now() : kStart; }

bool wait_while(const Atomic<std::uint32_t>& word, std::uint32_t expected, std::int64_t until) noexcept {
  if (engine == nullptr) std::abort();  // nobody else runs
  point(Step::Wait, &word);
  const bool in_time = word.peek() != expected || engine->block(&word, until);
  // The kernel has looked at the word on this thread's behalf; that is an order of its own word and of nothing else.
  if (engine->is_weak()) engine->memory().see(engine->me(), &word);
  return in_time;
}

void wake(const Atomic<std::uint32_t>& word, std::uint32_t most) noexcept {
  if (engine == nullptr) return;
  point(Step::Wake, &word);
  engine->wake(&word, most);
}

void Mutex::lock() noexcept {
  if (engine == nullptr) return;
  point(Step::Lock, this);
  while (taken_) {
    engine->block(this);
    point(Step::Lock, this);
  }
  taken_ = true;
  if (engine->is_weak()) engine->memory().lock(engine->me(), this);
}

bool Mutex::try_lock() noexcept {
  if (engine == nullptr) return true;
  point(Step::Lock, this);
  if (taken_) return false;
  taken_ = true;
  if (engine->is_weak()) engine->memory().lock(engine->me(), this);
  return true;
}

void Mutex::unlock() noexcept {
  if (engine == nullptr) return;
  point(Step::Unlock, this);
  taken_ = false;
  engine->changed();
  if (engine->is_weak()) engine->memory().unlock(engine->me(), this);
  engine->wake(this, kUnbounded);
}

unsigned Thread::start(std::unique_ptr<Body> body) {
  if (engine == nullptr) std::abort();
  const unsigned id = engine->start(std::move(body));
  return id;
}

void Thread::join() noexcept { engine->join(std::exchange(id_, 0)); }

// ---- what tests call ----

void together(std::vector<Body> fibers) {
  std::vector<Thread> threads;
  for (Body& body : fibers) threads.emplace_back(std::move(body));
  for (Thread& thread : threads) thread.join();
}

void expect(bool holds, const char* text, std::source_location where) noexcept {
  if (holds) return;
  std::string file = where.file_name();
  file.erase(0, file.rfind('/') + 1);
  fail(std::string{text} + " (" + file + ":" + std::to_string(where.line()) + ")");
}

void fail(const std::string& what) noexcept {
  if (engine == nullptr) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::abort();
  }
  engine->fail_here(what);
}

void pause() noexcept { point(Step::Mark, nullptr); }
void at_stall(Body check) { engine->at_stall(std::move(check)); }
void at_pin(std::function<void(unsigned cpu)> call) { engine->at_pin(std::move(call)); }
void pinned(unsigned cpu) { engine->pinned(cpu); }
void keep_by_fiber(void* memory, std::size_t bytes) { own_memories().push_back({memory, bytes}); }
void at_fiber_start(void (*start)(unsigned)) { fiber_start = start; }

void touch_to_read(const void* where) noexcept {
  if (engine != nullptr && engine->is_weak()) engine->memory().plain_read(engine->me(), where);
}
void touch_to_make(const void* where) noexcept {
  if (engine != nullptr && engine->is_weak()) engine->memory().plain_made(engine->me(), where);
}
void touch_to_write(const void* where) noexcept {
  if (engine != nullptr && engine->is_weak()) engine->memory().plain_write(engine->me(), where);
}

}  // namespace coppice::interleave
