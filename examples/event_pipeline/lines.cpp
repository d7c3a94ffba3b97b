#include "lines.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include "../support/report_file.hpp"

namespace {

using Fields = std::array<std::string_view, 4>;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// How many there are; the first four.
std::size_t split(std::string_view text, Fields& fields) {
  std::size_t count = 0;
  for (;;) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    if (text.empty()) return count;
    const auto* const end = std::ranges::find_if(text, is_blank);
    const std::string_view field{text.data(), static_cast<std::size_t>(end - text.data())};
    if (count < fields.size()) fields[count] = field;
    ++count;
    text.remove_prefix(field.size());
  }
}

/// Of one to so many digits.
bool read_number(std::string_view text, std::size_t digits_max, std::uint64_t& number) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || text.size() > digits_max || !std::ranges::all_of(text, is_digit)) return false;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return true;
}

bool is_level(std::string_view text) { return text == "DEBUG" || text == "INFO" || text == "WARN" || text == "ERROR"; }
bool is_service(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace

std::variant<LogEvent, std::string> parse_line(const RawLine& line) {
  if (line.is_cut) return fmt::format("it has more than {} bytes", kLineMax);
  Fields fields;
  const std::size_t count = split(line.text, fields);
  if (count != fields.size()) return fmt::format("it has {} fields instead of {}", count, fields.size());
  const auto wrong = [](std::string_view what, std::string_view text, std::string_view should) {
    return fmt::format("its {} is \"{}\", not {}", what, examples::printable(text.substr(0, 40)), should);
  };
  std::uint64_t seconds = 0;
  std::uint64_t milliseconds = 0;
  if (!read_number(fields[0], 18, seconds)) return wrong("time", fields[0], "whole seconds");
  if (!is_level(fields[1])) return wrong("level", fields[1], "DEBUG, INFO, WARN or ERROR");
  if (!is_service(fields[2])) return wrong("service", fields[2], "small letters");
  if (!read_number(fields[3], 9, milliseconds)) return wrong("duration", fields[3], "whole milliseconds");
  return LogEvent{line.number, std::string{fields[1]}, std::string{fields[2]}, milliseconds};
}
