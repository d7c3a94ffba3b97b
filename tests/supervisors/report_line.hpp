#pragma once

#include <string>

#include "coppice/actor/supervisor_report.hpp"

namespace coppice::testing {

/// A report on one line: "child failed app/w of app, life 1, handling Job: error: boom; restarted".
[[nodiscard]] inline std::string line_of(const SupervisorReport& report) {
  using Next = SupervisorReport::Next;
  std::string line = std::string{to_string(report.kind)} + ' ' + std::string{report.path};
  if (!report.supervisor.empty()) line.append(" of ").append(report.supervisor);
  line += ", life " + std::to_string(report.incarnation);
  if (!report.handling.empty()) line.append(", handling ").append(report.handling);
  line += ": " + report.reason.to_string() + "; ";
  switch (report.next) {
    case Next::None: return line + "none";
    case Next::Restarted: return line + "restarted";
    case Next::Down: return line + "down";
    case Next::Forgotten: return line + "forgotten";
    case Next::GivesUp: return line + "gives up";
    case Next::Later: return line + "later";
  }
  return line;
}

}  // namespace coppice::testing
