#include "coppice/scheduler/scheduler.hpp"
#include "interleave/engine/engine.hpp"

namespace coppice::detail {
namespace {

// Each fiber is a thread to the core: with a context of its own, and a number that is the same in each run.
[[maybe_unused]] const bool kKept = [] {
  interleave::keep_by_fiber(&this_thread, sizeof this_thread);
  interleave::at_fiber_start([](unsigned id) { this_thread.shard = id + 1; });
  return true;
}();

}  // namespace
}  // namespace coppice::detail
