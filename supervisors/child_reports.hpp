#pragma once

#include <string_view>

#include "coppice/actor/supervisor_report.hpp"
#include "coppice/supervisors/child_spec.hpp"
#include "coppice/supervisors/rules.hpp"

namespace coppice::detail {

/// Of whom a report is.
struct ReportedChild {
  const Cell* cell;     // null: no place was made for it
  std::string_view id;  // empty: the cell's name, or its number
  const TypeInfo* type;
  Restart restart;
  Shutdown shutdown;
  bool is_supervisor;
};

/// What a report says besides.
struct Told {
  const ExitReason* reason = nullptr;
  std::string_view text = {};  // empty: the reason in words
  const TypeInfo* handling = nullptr;
  SupervisorReport::Next next = SupervisorReport::Next::None;
  Duration delay{};
  Duration waited{};
  bool was_told = false;  // to stop
};

/// To the monitor, and what went wrong to on_report as well. Builds nothing where nobody listens.
void report_child(const Cell& supervisor, EventKind kind, const ReportedChild& child, const Told& told) noexcept;

}  // namespace coppice::detail
