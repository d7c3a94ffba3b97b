// conformance FILE…: plays recordings of OTP's supervisor on real supervisors and compares every field of every step.

#include <cstdio>
#include <string_view>

#include "conformance/replay.hpp"

namespace {

constexpr const char* kUsage =
    "usage: conformance FILE...\n"
    "  FILE   scenarios recorded from OTP's supervisor, one JSON object a line; .jsonl, or packed by gzip\n"
    "Plays each on real supervisors with real children and compares every field of every step.\n"
    "Exit: 0 no divergence, 1 a divergence, 2 a file that cannot be read or understood.\n";

/// The exit status for this file.
int replay_file(const char* path) {
  using namespace coppice::testing;
  Recordings recordings;
  try {
    recordings = load_recordings(path);
  } catch (const BadRecording& bad) {
    std::fprintf(stderr, "conformance: %s: %s\n", path, bad.what());
    return 2;
  }
  const Tally tally = replay(recordings);
  int skipped = 0;
  for (const auto& [why, count] : tally.skipped) skipped += count;
  std::printf("%s: %zu scenarios, %d played, %d steps, %d divergences, %d skipped\n", path, recordings.scenarios.size(),
              tally.scenarios, tally.steps, tally.divergences, skipped);
  for (const auto& [why, count] : tally.skipped) std::printf("  skipped: %d, %s\n", count, why.c_str());
  for (const auto& [what, count] : tally.mapped) std::printf("  %d times %s\n", count, what.c_str());
  for (const auto& [field, count] : recordings.unknown)
    std::printf("  not compared, since the format has no such field: %s, %d times\n", field.c_str(), count);
  if (tally.divergences == 0) return 0;
  std::printf("first divergence: %s", tally.first.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with('-')) {
      const bool asked = argument == "--help" || argument == "-h";
      std::fputs(kUsage, asked ? stdout : stderr);
      return asked ? 0 : 2;
    }
  }
  if (argc < 2) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  int status = 0;
  for (int i = 1; i < argc; ++i) {
    const int of_file = replay_file(argv[i]);
    status = of_file > status ? of_file : status;
    std::fflush(stdout);
  }
  return status;
}
