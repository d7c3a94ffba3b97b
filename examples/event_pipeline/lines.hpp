#pragma once

#include <string>
#include <variant>

#include "events.hpp"

/// The event that a line of the log tells of, or what is wrong with the line. Four fields with blanks between them: whole
/// seconds, DEBUG, INFO, WARN or ERROR, a service in small letters, whole milliseconds.
[[nodiscard]] std::variant<LogEvent, std::string> parse_line(const RawLine& line);
