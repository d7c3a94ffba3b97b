#include "coppice/scheduler/scheduler.hpp"

namespace coppice::detail {

constinit thread_local ThreadContext this_thread{};  // the part `actor` has it, which the kernels do without

}  // namespace coppice::detail
