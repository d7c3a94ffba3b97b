#include <algorithm>
#include <cstdint>
#include <string>

#include "examples/support/arguments.hpp"
#include "examples/support/report_file.hpp"
#include "fuzz/input.hpp"

// The examples' reader of a whole number on the command line, against a comparison of digits; and how they show text
// from outside. An input is two bounds, a byte each of how many bits they have, and the text.

namespace {

/// Less than, equal to or more than zero, as the digits are less than, equal to or more than the number.
int compare(const std::string& digits, std::uint64_t number) {
  const std::string other = std::to_string(number);
  const std::string significant = digits.substr(std::min(digits.find_first_not_of('0'), digits.size() - 1));
  if (significant.size() != other.size()) return significant.size() < other.size() ? -1 : 1;
  return significant.compare(other);
}
bool is_less(const std::string& digits, std::uint64_t number) { return compare(digits, number) < 0; }
bool is_more(const std::string& digits, std::uint64_t number) { return compare(digits, number) > 0; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using coppice::fuzz::expect;
  coppice::fuzz::Input input{data, size};
  const auto bound = [&] { return input.number() >> input.below(64); };
  const std::uint64_t low = bound();
  const std::uint64_t high = bound();
  std::string text;
  while (!input.is_over()) text += static_cast<char>(input.byte());

  const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  std::string given = text;
  const std::string problem = examples::whole_number(low, high)(given);
  expect(given == text, "the text was changed");
  expect(problem.empty() == (is_number && !is_less(text, low) && !is_more(text, high)),
         "it is taken, or refused, wrongly");

  const std::string shown = examples::printable(text);
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  expect(std::none_of(shown.begin(), shown.end(), is_control), "a control character is shown as it is");
  expect(
      shown.size() == text.size() + 3 * static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_control)),
      "something else was changed");
  return 0;
}
