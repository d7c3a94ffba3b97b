#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "interleave/engine/sync.hpp"

namespace coppice::interleave {
namespace {

/// COPPICE_WEAKEN, read once: the end of a path, a line, a column (0: any), and the order that is to stand there.
struct Place {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
  std::memory_order order = std::memory_order_relaxed;
  bool is_met = false;

  Place() {
    const char* const text = std::getenv("COPPICE_WEAKEN");
    if (text == nullptr) return;
    const std::string_view all{text};
    const auto colon = all.find(':');
    char name[16] = {};
    if (colon == all.npos || std::sscanf(text + colon, ":%u:%u=%15s", &line, &column, name) != 3) std::abort();
    file = all.substr(0, colon);
    const std::string_view wanted{name};
    if (wanted == "acquire") order = std::memory_order_acquire;
    if (wanted == "release") order = std::memory_order_release;
    if (wanted == "acq_rel") order = std::memory_order_acq_rel;
  }
  /// tools/weaken_orders.py wants to know: a place that no test comes to is no evidence.
  ~Place() {
    if (!file.empty()) std::fprintf(stderr, "weakened place: %s\n", is_met ? "met" : "never met");
  }
};

Place& place() {
  static Place the_one;
  return the_one;
}

}  // namespace

const bool is_weakened = !place().file.empty();

std::memory_order weakened(std::memory_order spelled, const std::source_location& where) noexcept {
  Place& wanted = place();
  if (where.line() != wanted.line || (wanted.column != 0 && where.column() != wanted.column)) return spelled;
  if (!std::string_view{where.file_name()}.ends_with(wanted.file)) return spelled;
  wanted.is_met = true;
  return wanted.order;
}

}  // namespace coppice::interleave
