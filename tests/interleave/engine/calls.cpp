#include <cstdio>
#include <cstdlib>
#include <utility>

#include "interleave/engine/run.hpp"

// What the code under test calls, through what stands in for atomics, locks and threads; and what tests call.

namespace coppice::interleave {

// ---- what the code under test calls ----

bool is_running() noexcept { return engine != nullptr; }

void point(Step step, const void* where, std::memory_order order) noexcept {
  if (engine != nullptr) engine->point({where, step, engine->is_weak() && order == std::memory_order_seq_cst});
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

void pause(const void* where) noexcept { point(Step::Mark, where); }
void at_stall(Body check) { engine->at_stall(std::move(check)); }
void at_pin(std::function<void(unsigned cpu)> call) { engine->at_pin(std::move(call)); }
void pinned(unsigned cpu) { engine->pinned(cpu); }

void touch_to_read(const void* where) noexcept {
  if (engine == nullptr) return;
  if (engine->is_weak()) engine->memory().plain_read(engine->me(), where);
  engine->touch(where, true);
}
void touch_to_make(const void* where) noexcept {
  if (engine == nullptr) return;
  if (engine->is_weak()) engine->memory().plain_made(engine->me(), where);
  engine->make(where);
}
void touch_to_write(const void* where) noexcept {
  if (engine == nullptr) return;
  if (engine->is_weak()) engine->memory().plain_write(engine->me(), where);
  engine->touch(where, false);
}

}  // namespace coppice::interleave
