#include "report_printer.hpp"

#include <mutex>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace coppice::detail {

void ReportPrinter::flush() noexcept {
  std::uint64_t left_out = 0;
  {
    const std::lock_guard lock{lock_};
    left_out = std::exchange(left_out_, 0);
  }
  if (left_out > 0) write({}, left_out);
}

ReportPrinter::Turn ReportPrinter::take_turn(TimePoint now) noexcept {
  const std::lock_guard lock{lock_};
  if (saturating_between(second_began_, now) >= std::chrono::seconds{1}) {
    second_began_ = now;
    printed_ = 0;
  }
  if (printed_ >= per_second_) {
    ++left_out_;
    return {.prints = false, .left_out = 0};
  }
  ++printed_;
  return {.prints = true, .left_out = std::exchange(left_out_, 0)};
}

void ReportPrinter::write(std::string_view text, std::uint64_t left_out) noexcept {
  try {
    std::string all;
    if (left_out > 0)
      all = fmt::format("coppice: {} {}{} left out, since only {} are printed in a second\n", left_out, what_,
                        left_out == 1 ? " was" : "s were", per_second_);
    all += text;
    std::fwrite(all.data(), 1, all.size(), to_);
  } catch (...) {  // no memory to say it
  }
}

}  // namespace coppice::detail
