#include <cstdint>
#include <string>
#include <string_view>

#include "examples/kv_server/meta_file.hpp"
#include "fuzz/input.hpp"

// The key-value server's file about its data folder. What it was written with is read, and nothing else is: whatever is
// taken is to the byte what is written for that number. Two bytes of an input are a number, too, and a third is what is
// done to one byte of its text.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using coppice::fuzz::expect;
  const auto check = [](const std::string& text) {
    const auto shards = meta_file::shards_in(text);
    if (!shards) return;
    expect(*shards >= 1 && *shards <= meta_file::kShardsMost, "a number of shards that no server has");
    expect(text == meta_file::text(*shards), "a file that nobody has written");
  };
  check(std::string{reinterpret_cast<const char*>(data), size});

  coppice::fuzz::Input input{data, size};
  const auto drawn = 1 + (input.byte() * 256U + input.byte()) % meta_file::kShardsMost;
  std::string text = meta_file::text(drawn);
  expect(text.size() < meta_file::kBytesMost, "it is longer than what is read of it");
  expect(meta_file::shards_in(text) == drawn, "what was written is not read");
  for (const std::size_t bytes : {std::size_t{0}, text.size() / 2, text.size() - 1})
    expect(!meta_file::shards_in(std::string_view{text}.substr(0, bytes)), "a part of it is taken for the whole");
  text[input.byte() % text.size()] = static_cast<char>(input.byte());
  check(text);
  return 0;
}
