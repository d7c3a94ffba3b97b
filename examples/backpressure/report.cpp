#include "report.hpp"

#include <string>

#include <fmt/format.h>

namespace {

constexpr auto kRow = "{:<12} {:>10} {:>10} {:>10} {:>9} {:>14}   {}\n";

std::string reasons_of(const coppice::MailboxStats& mailbox) {
  std::string text;
  for (int i = 0; i < coppice::kDeadReasons; ++i) {
    const auto reason = static_cast<coppice::DeadReason>(i);
    if (mailbox.dead(reason) == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", mailbox.dead(reason), to_string(reason));
  }
  return text.empty() ? "-" : text;
}

}  // namespace

void print_head() { fmt::print(kRow, "policy", "sent", "handled", "dead", "most", "longest wait", "dead by reason"); }

void print_row(const Flood& flood) {
  const coppice::MailboxStats& mailbox = flood.mailbox;
  const auto longest = std::chrono::duration<double, std::milli>{mailbox.waited_most};
  fmt::print(kRow, flood.policy.name, flood.sent, mailbox.handled, mailbox.dead(), mailbox.high_water,
             fmt::format("{:.3f} ms", longest.count()), reasons_of(mailbox));
}
