#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/input.hpp"

// A target without libFuzzer: fuzz_topics FOLDER runs each file of the folder once, in every build and with every
// compiler. One input that is wrong ends it with that input's name.

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator{argv[1]}) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    std::ifstream file{path, std::ios::binary};
    const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    if (!file) return std::fprintf(stderr, "%s cannot be read\n", path.c_str()), 1;
    std::fprintf(stderr, "%s\n", path.filename().c_str());  // the last one is the one that did not hold
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%zu inputs hold\n", files.size());
  return files.empty() ? 1 : 0;
}
