#include <algorithm>
#include <cctype>
#include <cstdint>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "examples/event_pipeline/lines.hpp"
#include "fuzz/input.hpp"

// The event pipeline's reader of one line of its log, against a second reading with the library's own tools.

namespace coppice {
namespace {

using fuzz::expect;

bool is_number(const std::string& text, std::size_t digits_max) {
  return !text.empty() && text.size() <= digits_max && text.find_first_not_of("0123456789") == std::string::npos;
}

/// Empty: it is no event.
std::vector<std::string> fields_of(std::string text) {
  std::replace(text.begin(), text.end(), '\t', ' ');
  std::vector<std::string> fields;
  std::istringstream stream{text};
  for (std::string field; std::getline(stream, field, ' ');) {
    if (!field.empty()) fields.push_back(field);
  }
  static const std::vector<std::string> levels{"DEBUG", "INFO", "WARN", "ERROR"};
  const bool is_event = fields.size() == 4 && is_number(fields[0], 18) &&
                        std::find(levels.begin(), levels.end(), fields[1]) != levels.end() &&
                        fields[2].find_first_not_of("abcdefghijklmnopqrstuvwxyz") == std::string::npos &&
                        is_number(fields[3], 9);
  return is_event ? fields : std::vector<std::string>{};
}

}  // namespace
}  // namespace coppice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using coppice::fuzz::expect;
  const RawLine line{.number = 7, .text{reinterpret_cast<const char*>(data), size}, .is_cut = false};
  const auto expected = coppice::fields_of(line.text);
  const auto parsed = parse_line(line);
  expect(expected.empty() == std::holds_alternative<std::string>(parsed), "it is read as something else");
  if (const auto* const event = std::get_if<LogEvent>(&parsed)) {
    expect(event->line == 7 && event->level == expected[1] && event->service == expected[2], "another event is read");
    expect(event->milliseconds == std::stoull(expected[3]), "another duration is read");
  } else {
    const auto& what = std::get<std::string>(parsed);
    expect(!what.empty() && what.size() < 400, "the explanation is empty, or as long as the line");
    expect(std::none_of(what.begin(), what.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }),
           "a control character comes through to the terminal");
  }
  return 0;
}
