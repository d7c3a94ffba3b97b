#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "examples/kv_server/resp_parser.hpp"
#include "fuzz/input.hpp"

// The key-value server's parser: commands that are written down come out as they went in, whatever comes before or
// instead does not break it, and where the pieces of input end does not matter.

namespace coppice {
namespace {

constexpr RespLimits kLimits{
    .arguments_max = 64, .bulk_bytes_max = 256, .command_bytes_max = 1'024, .line_bytes_max = 128};
constexpr std::size_t kWaitingMost = 4'096;

using Commands = std::vector<RespParser::Arguments>;

/// All that is in the bytes, fed in pieces of `step`; the error, if one ends it, as a command of its own.
Commands parsed(const std::string& bytes, std::size_t step) {
  RespParser parser{kLimits};
  Commands commands;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    parser.feed(std::string_view{bytes}.substr(at, step));
    RespParser::Arguments arguments;
    auto status = parser.next(arguments);
    for (; status == RespParser::Status::Command; status = parser.next(arguments)) {
      fuzz::expect(!arguments.empty() && arguments.size() <= kLimits.line_bytes_max, "a command of too many words");
      commands.push_back(arguments);
    }
    fuzz::expect(parser.waiting() <= kWaitingMost, "more waits than a command may have");
    if (status != RespParser::Status::Error) continue;
    fuzz::expect(parser.next(arguments) == RespParser::Status::Error, "an error that is forgotten");
    commands.push_back({"error", parser.error()});
    break;
  }
  return commands;
}

std::string written(const RespParser::Arguments& arguments) {
  std::string bytes = '*' + std::to_string(arguments.size()) + "\r\n";
  for (const std::string& each : arguments) bytes += '$' + std::to_string(each.size()) + "\r\n" + each + "\r\n";
  return bytes;
}

}  // namespace
}  // namespace coppice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coppice;
  fuzz::Input input{data, size};
  std::string bytes;
  Commands expected;
  bool is_well_formed = true;
  while (!input.is_over()) {
    if (input.below(4) == 0) {  // anything
      is_well_formed = false;
      for (std::size_t left = input.below(40); left != 0 && !input.is_over(); --left)
        bytes += static_cast<char>(input.byte());
      continue;
    }
    RespParser::Arguments arguments;
    for (std::size_t left = 1 + input.below(4); left != 0; --left) {
      std::string each;
      for (std::size_t more = input.below(20); more != 0 && !input.is_over(); --more)
        each += static_cast<char>(input.byte());
      arguments.push_back(std::move(each));
    }
    bytes += written(arguments);
    expected.push_back(std::move(arguments));
  }
  const Commands by_bytes = parsed(bytes, 1);
  fuzz::expect(by_bytes == parsed(bytes, 7) && by_bytes == parsed(bytes, bytes.size() + 1),
               "the pieces of input make a difference");
  if (is_well_formed) fuzz::expect(by_bytes == expected, "a command comes out as another");
  return 0;
}
