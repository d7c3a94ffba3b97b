#pragma once

#include <cstdint>
#include <cstdio>
#include <string_view>

#include "base/mutex.hpp"
#include "coppice/actor/supervisor_report.hpp"

namespace coppice::detail {

/// Prints reports, so many a second and no more: a thousand children that crash in a loop must not hold their workers
/// up at a terminal. How many were left out is told before the next one, or by flush().
///
/// Threads    any, several at a time. One write a report, and no lock over it.
/// Failure    what cannot be written is lost.
class ReportPrinter {
 public:
  /// `what`: one of them.
  ReportPrinter(std::FILE* to, unsigned per_second, const char* what = "report") noexcept
      : to_{to}, per_second_{per_second}, what_{what} {}

  /// The second is counted by the reports' own time: the system's clock.
  void print(const SupervisorReport& report) noexcept {
    print(report.time, [&] { return to_string(report); });
  }
  /// `make_text()` answers what to print, and is called only if it will be.
  template <class MakeText>
  void print(TimePoint now, MakeText&& make_text) noexcept {
    const Turn turn = take_turn(now);
    if (!turn.prints) return;
    try {
      write(make_text(), turn.left_out);
    } catch (...) {  // no memory to say it
    }
  }
  /// Tells what was left out and has not been told yet.
  void flush() noexcept;

 private:
  struct Turn {
    bool prints;
    std::uint64_t left_out;  // before it, not told yet
  };
  [[nodiscard]] Turn take_turn(TimePoint now) noexcept;
  void write(std::string_view text, std::uint64_t left_out) noexcept;

  std::FILE* const to_;
  const unsigned per_second_;
  const char* const what_;
  BriefLock lock_;  // guards:
  TimePoint second_began_ = TimePoint::min();
  unsigned printed_ = 0;  // in this second
  std::uint64_t left_out_ = 0;
};

}  // namespace coppice::detail
