#pragma once

#include "base/spin_budget.hpp"
#include "work_pool.hpp"

namespace coppice::detail {

struct alignas(kCacheLine) WorkPool::Worker : WorkerSlot {
  Worker(WorkPool& p, unsigned i, TimePoint now) noexcept : pool{p}, index{i}, injector_token{p.injector_}, wheel{now} {
    scheduler = &p;
  }

  WorkPool& pool;
  unsigned index;
  unsigned tick = 0;
  unsigned looks_in_vain = 0;  // for who comes from outside
  unsigned slot_runs = 0;
  bool is_searching = false;
  bool takes_in = false;           // it is in the reactor: what is submitted was brought by it
  bool was_brought = false;        // what it has found is of that kind
  bool leaves_reactor = true;      // when it sleeps while others are busy: they ask it often
  bool is_anything_asked = false;  // the reactor, by others, while this one slept last
  TimePoint quiet_since{};         // something in the ring that nobody has been told of
  SpinBudget spin;
  std::uint32_t victim = 0;  // something was taken from it last
  StealGain gain;
  unsigned naps = 0;         // left until it parks, since it has seen work that it leaves to another
  bool is_lookout = false;   // its next nap is for those who sleep as well
  bool is_relieved = false;  // having no seat, it leaves work to a lookout
  Atomic<unsigned> node{0};  // of the memory that was near when it last began to run; only where there are several
  Thread thread;
  moodycamel::ConsumerToken injector_token;  // goes round the threads that submit, so that none of them is forgotten
  TimerWheel wheel;
  Atomic<Timer*> unsorted{nullptr};  // newest first; armed by this thread and in no wheel yet; anybody takes all of it
  unsigned unsorted_count = 0;       // at most; its own thread only
  RunRing ring;
  LedgerShard ledger;
  alignas(kCacheLine) Atomic<std::uint32_t> token{0};  // 1: woken
  Atomic<bool> in_reactor{false};
  Atomic<bool> gone{false};
};

}  // namespace coppice::detail
