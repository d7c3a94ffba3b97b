#include "coppice/actor/supervisor_report.hpp"

#include <iterator>

#include <fmt/format.h>

namespace coppice {
namespace {

constexpr std::size_t kIndent = 13;  // where the second column begins
constexpr int kCausesMost = 20;      // as many are shown

/// The first line, behind the path of whom it is about.
std::string_view headline(const SupervisorReport& report) {
  switch (report.kind) {
    case EventKind::ChildStarted: return "has started";
    case EventKind::ChildRestarted: return "has been restarted";
    case EventKind::ChildStopped: return "has ended";
    case EventKind::ChildStartFailed: return "could not start";
    case EventKind::ChildFailed: return "crashed";
    case EventKind::ChildShutdownError: return "did not stop as it was told to";
    case EventKind::RestartLimitExceeded: return "has been restarted too often";
    case EventKind::Escalated: return "escalated";
    case EventKind::AutoShutdown: return "was significant, and has ended";
    case EventKind::ChildGaveUp: return "gave up, and is not restarted";
    case EventKind::ChildLeftBehind: return "does not return, and is left behind";
    case EventKind::ActorFailed: break;
    default: return to_string(report.kind);
  }
  return report.reason.is_normal() ? "gave up, and nobody supervises it" : "crashed, and nobody supervises it";
}

std::string milliseconds(Duration duration) {
  return fmt::format("{} ms", std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

std::string what_is_next(const SupervisorReport& report, std::string_view supervisor) {
  using Next = SupervisorReport::Next;
  switch (report.next) {
    case Next::None: break;
    case Next::Restarted:
      return report.delay > Duration::zero()
                 ? fmt::format("{} restarts it in {}", supervisor, milliseconds(report.delay))
                 : fmt::format("{} restarts it", supervisor);
    case Next::Down: return "it stays down";
    case Next::Forgotten: return fmt::format("it stays down, and {} forgets it", supervisor);
    case Next::GivesUp: return fmt::format("{} gives up", supervisor);
    case Next::Later: return fmt::format("{} decides after what is under way", supervisor);
  }
  return {};
}

}  // namespace

std::string to_string(const SupervisorReport& report) {
  const auto one_line = [](std::string_view text) { return detail::printable(text, kIndent); };
  std::string lines = fmt::format("coppice: {} {}\n", one_line(report.path), headline(report));
  const auto row = [&lines](std::string_view name, std::string_view text) {
    if (!text.empty()) fmt::format_to(std::back_inserter(lines), "  {:<11}{}\n", name, text);
  };
  row("actor", fmt::format("{}, life {}, #{}", one_line(report.type), report.incarnation, report.actor));
  row("handling", one_line(report.handling));
  const char* name = "reason";
  int shown = 0;
  for (const ExitReason* link = &report.reason; link != nullptr && shown < kCausesMost; link = link->cause(), ++shown) {
    const std::string_view text = link->text();
    row(name, text.empty() ? std::string{to_string(link->kind())}
                           : fmt::format("{}: {}", to_string(link->kind()), one_line(text)));
    name = "because";
  }
  if (report.kind == EventKind::ChildLeftBehind) row("waited", milliseconds(report.waited));
  row("next", what_is_next(report, one_line(report.supervisor)));
  return lines;
}

namespace detail {

bool is_problem(EventKind kind) noexcept {
  switch (kind) {
    case EventKind::ActorFailed:
    case EventKind::ChildStartFailed:
    case EventKind::ChildFailed:
    case EventKind::ChildShutdownError:
    case EventKind::RestartLimitExceeded:
    case EventKind::Escalated:
    case EventKind::ChildGaveUp:
    case EventKind::ChildLeftBehind: return true;
    default: return false;
  }
}

namespace {

/// `new_line`: what stands for one; empty: \x0a.
std::string made_printable(std::string_view text, std::string_view new_line) {
  std::string shown;
  shown.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' && !new_line.empty()) {
      shown += new_line;
    } else if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(shown), "\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

}  // namespace

std::string printable(std::string_view text, std::size_t indent) {
  return made_printable(text, '\n' + std::string(indent, ' '));
}
std::string printable_line(std::string_view text) { return made_printable(text, {}); }

}  // namespace detail
}  // namespace coppice
