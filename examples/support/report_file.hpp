#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

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
    // What stands there stays until there is something to put in its place. A named pipe that nobody reads is a mistake
    // and not to be waited for; one that is read is written like a file.
    file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
    if (file_ < 0 || ::fcntl(file_, F_SETFL, 0) != 0) problem_ = words_of(errno);
  }
  ~ReportFile() {
    if (file_ >= 0) ::close(file_);
  }
  ReportFile(const ReportFile&) = delete;
  ReportFile& operator=(const ReportFile&) = delete;

  /// Why it cannot be written; empty: it can.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Writes and closes it. Why not all of it was written; empty: it was.
  [[nodiscard]] std::string write(const nlohmann::ordered_json& report) {
    if (file_ < 0) return {};
    // Paths need not be UTF-8, and JSON must be: what is not becomes U+FFFD.
    const std::string text = report.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
    if (::ftruncate(file_, 0) != 0 && errno != EINVAL) return words_of(errno);  // a pipe has nothing to cut off
    for (std::string_view rest = text; !rest.empty();) {
      const ssize_t put = ::write(file_, rest.data(), rest.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return words_of(errno);
      rest.remove_prefix(static_cast<std::size_t>(put));
    }
    return ::close(std::exchange(file_, -1)) == 0 ? std::string{} : words_of(errno);
  }

 private:
  static std::string words_of(int error) {
    return error == ENXIO ? "nobody reads from it" : std::generic_category().message(error);
  }

  std::string path_;
  std::string problem_;
  int file_ = -1;
};

}  // namespace examples
