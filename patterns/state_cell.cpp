#include "coppice/patterns/state_cell.hpp"

#include <mutex>
#include <thread>

namespace coppice::detail {

void WriterGate::lock() noexcept {
  while (taken_.exchange(true, kAcquire)) std::this_thread::yield();  // partner: unlock()
}

std::uint64_t SharedSlot::set(IntrusivePtr<Counted> value) noexcept {
  gate_.lock();
  std::swap(value_, value);
  const std::uint64_t sequence = sequence_.load(kRelaxed) + 1;
  sequence_.store(sequence, kRelease);
  gate_.unlock();
  return sequence;  // the value before may go now: a destructor of the user's, outside of the gate
}

std::pair<std::uint64_t, IntrusivePtr<Counted>> SharedSlot::get() const noexcept {
  const std::lock_guard gate{gate_};
  return {sequence_.load(kRelaxed), value_};
}

}  // namespace coppice::detail
