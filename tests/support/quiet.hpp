#pragma once

#include "coppice/system/system_options.hpp"
#include "support/log.hpp"

namespace coppice::testing {

/// Options of a system whose crashes are the test's own: they go to `failures` (or nowhere) instead of stderr.
[[nodiscard]] inline SystemOptions quiet(SystemOptions options = {}, Log* failures = nullptr) {
  options.reports = false;
  options.on_failure = [failures](const FailureReport& report) {
    if (failures != nullptr) failures->add(report.reason.to_string());
  };
  return options;
}

/// Two workers, however many processors there are.
[[nodiscard]] inline SystemOptions two_workers() {
  SystemOptions options;
  options.workers = 2;
  return options;
}

}  // namespace coppice::testing
