#pragma once

namespace coppice::detail {

class Reactor;
class Runtime;

/// Who runs the system's io_context; null where that is the user's.
[[nodiscard]] Reactor* reactor_of(Runtime& runtime);

}  // namespace coppice::detail
