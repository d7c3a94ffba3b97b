// A strategy is asked in the middle of a restart: it must not throw.
// expect: Strategy|no matching|cannot convert|no viable conversion
#include <coppice/coppice.hpp>

struct Mine {
  static constexpr std::string_view kName = "mine";
#ifdef WRONG
  coppice::AffectedRange affected(std::size_t failed, std::size_t) const noexcept(false) {
    return {failed, failed + 1};
  }
#else
  coppice::AffectedRange affected(std::size_t failed, std::size_t) const noexcept(true) { return {failed, failed + 1}; }
#endif
};

coppice::SupervisorSpec app() { return coppice::supervisor({.id = "app", .strategy = Mine{}}); }
