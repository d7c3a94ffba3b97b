#include <cstdint>
#include <string>

#include "conformance/recordings.hpp"
#include "fuzz/input.hpp"

// The reader of the recordings that the conformance program is given: what is none is refused with words, and what it
// takes has a scenario for every line that is not empty.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coppice;
  const std::string text{reinterpret_cast<const char*>(data), size};
  try {
    const testing::Recordings read = testing::read_recordings(text);
    fuzz::expect(!read.scenarios.empty(), "it is taken and holds nothing");
    fuzz::Input lines{data, size};
    std::size_t line = 0;
    std::size_t scenario = 0;
    while (!lines.is_over()) {
      ++line;
      const std::string_view each = lines.until('\n');
      if (each.empty()) continue;
      fuzz::expect(scenario < read.scenarios.size(), "a line is lost");
      fuzz::expect(read.scenarios[scenario].line == line && read.scenarios[scenario].text == each,
                   "it is another line");
      ++scenario;
    }
    fuzz::expect(scenario == read.scenarios.size(), "there are more scenarios than lines");
  } catch (const testing::BadRecording& bad) {
    fuzz::expect(bad.what()[0] != '\0', "it is refused without a word");
  }
  return 0;
}
