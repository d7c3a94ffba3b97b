#include "report_printer.hpp"

#include <mutex>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace coppice::detail {

void ReportPrinter::print(const SupervisorReport& report) noexcept {
  if (const Turn turn = take_turn(report.time); turn.prints) write(&report, turn.left_out);
}

void ReportPrinter::flush() noexcept {
  std::uint64_t left_out = 0;
  {
    const std::lock_guard lock{lock_};
    left_out = std::exchange(left_out_, 0);
  }
  if (left_out > 0) write(nullptr, left_out);
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

void ReportPrinter::write(const SupervisorReport* report, std::uint64_t left_out) noexcept {
  try {
    std::string text;
    if (left_out > 0)
      text = fmt::format("coppice: {} {} left out, since only {} are printed in a second\n", left_out,
                         left_out == 1 ? "report was" : "reports were", per_second_);
    if (report != nullptr) text += to_string(*report);
    std::fwrite(text.data(), 1, text.size(), to_);
  } catch (...) {  // no memory to say it
  }
}

}  // namespace coppice::detail
