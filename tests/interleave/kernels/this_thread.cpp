#include "coppice/scheduler/scheduler.hpp"
#include "interleave/engine/engine.hpp"

namespace coppice::detail {

constinit thread_local ThreadContext this_thread{};  // the part `actor` has it, which the kernels do without

namespace {
[[maybe_unused]] const bool kept = [] {
  interleave::keep_by_fiber(&this_thread, sizeof this_thread);
  interleave::at_fiber_start([](unsigned id) { this_thread.shard = id + 1; });
  return true;
}();
}  // namespace

}  // namespace coppice::detail
