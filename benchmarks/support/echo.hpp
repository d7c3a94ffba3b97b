#pragma once

/// The echo servers' side of a round: they are asked by bench_echo_load, which stands beside this program.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

#include "driver.hpp"

namespace coppice::bench {

/// Runs the load against a server on 127.0.0.1 to its end.
[[nodiscard]] inline Measurements echo_of(std::uint16_t port, std::int64_t requests) {
  const std::filesystem::path load = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "bench_echo_load";
  std::string command{'\''};
  command.append(load.string())
      .append("' ")
      .append(std::to_string(port))
      .append(1, ' ')
      .append(std::to_string(requests));
  std::FILE* const output = ::popen(command.c_str(), "r");
  require(output != nullptr, "bench_echo_load does not start");
  long long took = 0;
  long long p50 = 0;
  long long p99 = 0;
  const bool is_read = std::fscanf(output, "%lld %lld %lld", &took, &p50, &p99) == 3;
  require(::pclose(output) == 0 && is_read && took > 0, "bench_echo_load failed");
  return {{"requests", 1e6 * static_cast<double>(requests) / static_cast<double>(took), "k/s"},
          {"p50", static_cast<double>(p50) / 1e3, "us"},
          {"p99", static_cast<double>(p99) / 1e3, "us"}};
}

}  // namespace coppice::bench
