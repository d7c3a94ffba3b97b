#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

#include <fmt/format.h>

namespace examples {

/// Accepts a whole number from `low` to `high`, and says so of anything else.
[[nodiscard]] inline CLI::Validator whole_number(std::uint64_t low, std::uint64_t high) {
  const auto check = [low, high](std::string& text) -> std::string {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc{} && stopped == end && number >= low && number <= high) return {};
    return fmt::format("\"{}\" is not a whole number from {} to {}", text, low, high);
  };
  return CLI::Validator{check, fmt::format("[{} to {}]", low, high)};
}

/// Accepts any text but none: an empty one is a variable that was not set, seldom a wish.
[[nodiscard]] inline CLI::Validator not_empty() {
  return CLI::Validator{
      [](std::string& text) { return text.empty() ? std::string{"\"\" is no value"} : std::string{}; }, ""};
}

/// Reads the command line. The code to exit with when that is all: 0 after --help, 1 after a mistake, which it has
/// explained.
[[nodiscard]] inline std::optional<int> parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 1;
  }
}

/// The same for a program that takes none, and does `what`.
[[nodiscard]] inline std::optional<int> parse_none(const char* what, int argc, char** argv) {
  CLI::App app{what};
  return parse(app, argc, argv);
}

}  // namespace examples
