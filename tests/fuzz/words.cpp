#include <cctype>
#include <cstdint>
#include <string>

#include "examples/worker_pool/count.hpp"
#include "fuzz/input.hpp"

// The worker pool's count of lines, words and bytes against the rules of wc with the C library's own isspace and
// isprint. A file comes in pieces, and where they end must not matter.

namespace coppice {
namespace {

Counts counted_at_once(const std::string& text) {
  Counts counts{.lines = 0, .words = 0, .bytes = text.size()};
  std::string kept;  // without what is neither a space nor printable, which ends no word and begins none
  for (const char c : text) {
    const int byte = static_cast<unsigned char>(c);
    counts.lines += c == '\n';
    if (std::isspace(byte) != 0 || std::isprint(byte) != 0) kept += c;
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const auto is_space = [&](std::size_t at) { return std::isspace(static_cast<unsigned char>(kept[at])) != 0; };
    counts.words += !is_space(i) && (i == 0 || is_space(i - 1));
  }
  return counts;
}

}  // namespace
}  // namespace coppice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  coppice::fuzz::Input input{data, size};
  WordCounter counter;
  std::string all;
  while (!input.is_over()) {
    const std::size_t length = input.below(20);
    std::string piece;
    for (std::size_t i = 0; i < length && !input.is_over(); ++i) piece += static_cast<char>(input.byte());
    counter.add(piece);
    all += piece;
  }
  const Counts expected = coppice::counted_at_once(all);
  coppice::fuzz::expect(counter.counts().lines == expected.lines, "another number of lines");
  coppice::fuzz::expect(counter.counts().words == expected.words, "another number of words");
  coppice::fuzz::expect(counter.counts().bytes == expected.bytes, "another number of bytes");
  return 0;
}
