#include "reactor.hpp"

#include <chrono>

namespace coppice::detail {

// A completion only puts a closure into an actor's mailbox. What a foreign completion handler throws, made without an
// actor's executor, has no actor that it could end: it is dropped here rather than ending a worker.

void Reactor::poll() noexcept {
  try {
    io_.poll();
  } catch (...) {
  }
}

void Reactor::wait(TimePoint deadline) noexcept {
  try {
    if (deadline == TimePoint::max()) {
      io_.run_one();
    } else {
      io_.run_one_until(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(deadline));
    }
  } catch (...) {
  }
}

}  // namespace coppice::detail
