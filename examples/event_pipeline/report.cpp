#include "report.hpp"

#include <cstdio>

#include <fmt/format.h>

std::uint64_t Finished::injected() const {
  std::uint64_t sum = 0;
  for (const auto& stage : chaos) sum += stage->dealt();
  return sum;
}

std::vector<std::string> Finished::wrong() const {
  std::vector<std::string> wrong;
  if (!gave_up.empty()) wrong.push_back("it did not come to its end: " + gave_up);
  if (!journal->problem.empty()) wrong.push_back(journal->problem);
  if (!in_order) wrong.emplace_back("the shutdown was not complete, or a message is missing");
  if (counts->valid + counts->invalid != journal->read)
    wrong.push_back(fmt::format("{} lines were read and {} counted", journal->read, counts->valid + counts->invalid));
  // Who crashes while its group is being stopped is started again with the group, and not reported for itself.
  if (crashes.all().crashes > injected() || in_hand != injected())
    wrong.push_back(fmt::format("{} crashes were injected, {} reported, with {} events in hand", injected(),
                                crashes.all().crashes, in_hand));
  return wrong;
}

int exit_code(const Finished& finished) {
  if (!finished.wrong().empty()) return 1;
  if (finished.signal != 0) return 128 + finished.signal;
  return finished.counts->invalid > 0 ? 2 : 0;
}

void print(const Options& options, const Finished& finished) {
  const Counts& counts = *finished.counts;
  const std::string path = examples::printable(options.log);
  for (const InvalidLine& line : counts.told)
    fmt::print(stderr, "event_pipeline: {}:{}: {}\n", path, line.line, line.what);
  if (counts.invalid > counts.told.size())
    fmt::print(stderr, "event_pipeline: {}: {} more lines are invalid\n", path, counts.invalid - counts.told.size());

  fmt::print("{} lines: {} events, {} invalid\n", finished.journal->read, counts.valid, counts.invalid);
  for (const auto& [level, events] : counts.levels) fmt::print("  {:<12}{:>10}\n", level, events);
  for (const auto& [service, sums] : counts.services)
    fmt::print("  {:<12}{:>10} {:>12} ms\n", service, sums.events, sums.milliseconds);
  fmt::print("slow: {}\n", counts.slow);
  const examples::Tally all = finished.crashes.all();
  fmt::print("crashes: {} injected, {} reported; restarts: {}; lines sent again: {}\n", finished.injected(),
             all.crashes, all.restarts, finished.journal->sent_again);
  if (finished.signal != 0) fmt::print(stderr, "event_pipeline: interrupted; what was read until then is counted\n");
  for (const std::string& reason : finished.wrong()) fmt::print(stderr, "event_pipeline: {}\n", reason);
}

nlohmann::ordered_json as_json(const Finished& finished) {
  const Counts& counts = *finished.counts;
  nlohmann::ordered_json report{{"lines", finished.journal->read},
                                {"valid", counts.valid},
                                {"invalid", counts.invalid},
                                {"slow", counts.slow},
                                {"levels", nlohmann::ordered_json::object()},
                                {"services", nlohmann::ordered_json::object()}};
  for (const auto& [level, events] : counts.levels) report["levels"][level] = events;
  for (const auto& [service, sums] : counts.services)
    report["services"][service] = {{"events", sums.events}, {"milliseconds", sums.milliseconds}};
  const examples::Tally all = finished.crashes.all();
  report["crashes"] = {{"injected", finished.injected()},
                       {"in_hand", finished.in_hand},
                       {"reported", all.crashes},
                       {"restarts", all.restarts}};
  report["sent_again"] = finished.journal->sent_again;
  report["came_again"] = counts.came_again;
  report["interrupted_by"] = finished.signal;
  report["in_order"] = finished.in_order;
  return report;
}
