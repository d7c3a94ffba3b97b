#pragma once

/// The command line that all programs of the suite share, ours and the peers':
///
///     PROGRAM --workload NAME [--workers N] [--rounds N] [--size N] [--json]
///     PROGRAM --list [--json]        its workloads, with the sizes that are usual
///     PROGRAM --about                one line: what is measured, in which version, set up how
///
/// Each round prints its measurements, with --json as one object a line: {workload, peer, workers, round, metric, value,
/// unit}. The exit code is 0; 1 when a message is missing; 2 for a command line that cannot be understood.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "clock.hpp"
#include "sizes.hpp"

namespace coppice::bench {

/// One figure of a round.
struct Measurement {
  std::string_view metric;
  double value;
  std::string_view unit;
};
using Measurements = std::vector<Measurement>;

struct Request {
  unsigned workers;
  std::int64_t size;
};

/// A round: a fresh system, warmed with a part of the work, measured, checked.
struct Workload {
  std::string_view name;
  Measurements (*run)(const Request& request);
};
using Workloads = std::vector<Workload>;

/// Who is measured.
struct Peer {
  const char* name;
  std::string about;
};

[[nodiscard]] inline double each(Nanoseconds took, std::int64_t n) {
  return static_cast<double>(took) / static_cast<double>(n);
}
/// Nanoseconds for each of n.
[[nodiscard]] inline Measurements time_of(std::string_view metric, Nanoseconds took, std::int64_t n) {
  return {{metric, each(took, n), "ns"}};
}
/// Millions in a second.
[[nodiscard]] inline Measurements rate_of(std::string_view metric, Nanoseconds took, std::int64_t n) {
  return {{metric, 1e3 / each(took, n), "M/s"}};
}

/// The middle and the 99th of a hundred of what timers were late by, in nanoseconds; sorts it.
[[nodiscard]] inline Measurements lateness(std::vector<double>& late) {
  std::sort(late.begin(), late.end());
  return {{"late p50", late[(late.size() - 1) / 2] / 1e3, "us"},
          {"late p99", late[late.size() * 99 / 100] / 1e3, "us"}};
}

/// Marsaglia's xorshift: the same for coppice and its peers.
inline std::uint64_t draw(std::uint64_t& seed) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}
inline constexpr std::uint64_t kSeed = 88'172'645'463'325'252ULL;

/// The computation of Savina's fork-join workers.
inline void compute() {
  volatile double opaque = 37.2;
  const double sine = std::sin(opaque);
  require(sine * sine > 0, "the sine squared is not positive");
}

/// A haircut of Savina's barber, and the pause between two customers: as many steps as are drawn.
inline void work(std::uint64_t& seed) {
  for (std::uint64_t steps = draw(seed) % kStepValues + kStepsAtLeast; steps > 0; --steps) keep(draw(seed));
}

namespace driver {

struct Arguments {
  std::string_view workload;
  std::int64_t workers = 1;
  std::int64_t rounds = 1;
  std::int64_t size = 0;  // zero: what sizes.hpp says
  bool json = false;
  bool list = false;
  bool about = false;
};

[[noreturn]] inline void refuse(const char* program, const std::string& why) {
  std::fprintf(stderr,
               "%s: %s\nusage: %s --workload NAME [--workers N] [--rounds N] [--size N] [--json] | --list [--json] | "
               "--about\n",
               program, why.c_str(), program);
  std::exit(2);
}

/// A whole number from 1 to `most`.
[[nodiscard]] inline std::int64_t number(const char* program, const std::string& option, const char* text,
                                         std::int64_t most) {
  const std::string_view given = text == nullptr ? "" : text;
  std::int64_t value = 0;
  const auto [stopped, error] = std::from_chars(given.data(), given.data() + given.size(), value);
  if (error != std::errc{} || stopped != given.data() + given.size() || value < 1 || value > most) {
    refuse(program, option + " takes a whole number from 1 to " + std::to_string(most) + ", and got \"" +
                        std::string{given} + "\"");
  }
  return value;
}

[[nodiscard]] inline Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--json") {
      arguments.json = true;
    } else if (option == "--list") {
      arguments.list = true;
    } else if (option == "--about") {
      arguments.about = true;
    } else if (option == "--workload") {
      arguments.workload = i + 1 < argc ? argv[++i] : "";
    } else if (option == "--workers") {
      arguments.workers = number(argv[0], option, argv[++i], 1'024);
    } else if (option == "--rounds") {
      arguments.rounds = number(argv[0], option, argv[++i], 1'000);
    } else if (option == "--size") {
      arguments.size = number(argv[0], option, argv[++i], 1'000'000'000);
    } else {
      refuse(argv[0], "there is no option \"" + option + "\"");
    }
  }
  return arguments;
}

[[nodiscard]] inline const Size& size_of(std::string_view workload) {
  for (const Size& size : kSizes) {
    if (size.workload == workload) return size;
  }
  require(false, "a workload stands not in sizes.hpp");
  std::abort();
}

inline int list(const Workloads& workloads, bool json) {
  const char* const form = json ? "{\"workload\":\"%.*s\",\"full\":%lld,\"quick\":%lld,\"counts\":\"%.*s\"}\n"
                                : "%-22.*s %9lld %9lld  %.*s\n";
  for (const Workload& workload : workloads) {
    const Size& size = size_of(workload.name);
    std::printf(form, static_cast<int>(size.workload.size()), size.workload.data(), static_cast<long long>(size.full),
                static_cast<long long>(size.quick), static_cast<int>(size.counts.size()), size.counts.data());
  }
  return 0;
}

inline void print(const char* peer, const Arguments& arguments, std::int64_t round, const Measurement& seen) {
  const char* const form =
      arguments.json ? "{\"workload\":\"%.*s\",\"peer\":\"%s\",\"workers\":%lld,\"round\":%lld,\"metric\":\"%.*s\","
                       "\"value\":%.6g,\"unit\":\"%.*s\"}\n"
                     : "%-22.*s %-10s %2lld workers, round %lld: %.*s %.6g %.*s\n";
  std::printf(form, static_cast<int>(arguments.workload.size()), arguments.workload.data(), peer,
              static_cast<long long>(arguments.workers), static_cast<long long>(round),
              static_cast<int>(seen.metric.size()), seen.metric.data(), seen.value, static_cast<int>(seen.unit.size()),
              seen.unit.data());
  std::fflush(stdout);
}

}  // namespace driver

/// What the main() of a program of the suite does.
inline int drive(const Peer& peer, const Workloads& workloads, int argc, char** argv) {
  const driver::Arguments arguments = driver::parse(argc, argv);
  if (arguments.about) return std::printf("%s\n", peer.about.c_str()) > 0 ? 0 : 1;
  if (arguments.list) return driver::list(workloads, arguments.json);
  for (const Workload& workload : workloads) {
    if (workload.name != arguments.workload) continue;
    const Size& usual = driver::size_of(workload.name);
    const std::int64_t size = arguments.size != 0 ? arguments.size : usual.full;
    if (size > usual.most) {
      driver::refuse(argv[0],
                     "the size of " + std::string{workload.name} + " is at most " + std::to_string(usual.most));
    }
    for (std::int64_t round = 1; round <= arguments.rounds; ++round) {
      for (const Measurement& seen : workload.run({static_cast<unsigned>(arguments.workers), size}))
        driver::print(peer.name, arguments, round, seen);
    }
    return 0;
  }
  driver::refuse(argv[0], "there is no workload \"" + std::string{arguments.workload} + "\"; --list names them");
}

}  // namespace coppice::bench
