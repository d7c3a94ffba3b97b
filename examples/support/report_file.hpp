#pragma once

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

namespace examples {

/// Text from outside (a path, a field of a file) for one line of a terminal: control characters as \xNN.
[[nodiscard]] inline std::string printable(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

/// What --json names. Opened before the work, so that a mistake is heard of before and not after it.
class ReportFile {
 public:
  /// An empty path: no report is wanted.
  explicit ReportFile(std::string path) : path_{std::move(path)} {
    if (path_.empty()) return;
    // Appending to nothing: what stands there stays until there is something to put in its place.
    if (!std::ofstream{path_, std::ios::app}) problem_ = std::generic_category().message(errno);
  }

  /// Why it cannot be written; empty: it can.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// False: not all of it was written.
  [[nodiscard]] bool write(const nlohmann::ordered_json& report) const {
    if (path_.empty()) return true;
    std::ofstream file{path_, std::ios::trunc};
    // Paths need not be UTF-8, and JSON must be: what is not becomes U+FFFD.
    file << report.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
    file.flush();
    return file.good();
  }

 private:
  std::string path_;
  std::string problem_;
};

}  // namespace examples
