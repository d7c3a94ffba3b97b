#include "progress_bar.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

namespace {

std::size_t columns_of_terminal() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

/// By bytes, for files differ in size; by files where there is nothing in them.
double share_done(const Progress& progress) {
  const auto ratio = [](std::uint64_t part, std::uint64_t all) {
    return std::min(1.0, static_cast<double>(part) / static_cast<double>(all));
  };
  if (progress.bytes_all > 0) return ratio(progress.bytes, progress.bytes_all);
  return progress.files_all > 0 ? ratio(progress.files, progress.files_all) : 1.0;
}

}  // namespace

std::string progress_line(const Progress& progress, std::size_t columns) {
  constexpr std::size_t kShortestBar = 10;
  constexpr std::size_t kLongestBar = 60;
  if (columns < 2) return {};
  const double share = share_done(progress);
  // Rounded down: 100% is said when it is true.
  std::string text = fmt::format("{:3}%  {}/{} files, {} crashes", static_cast<int>(100 * share), progress.files,
                                 progress.files_all, progress.crashes);
  if (text.size() + kShortestBar + 4 >= columns) return text.substr(0, columns - 1);
  const std::size_t bar = std::min(kLongestBar, columns - text.size() - 4);
  const auto full = static_cast<std::size_t>(share * static_cast<double>(bar));
  return fmt::format("[{:.<{}}] {}", std::string(full, '#'), bar, text);
}

bool ProgressBar::is_possible() {
  const char* const terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && terminal != nullptr && std::string_view{terminal} != "dumb";
}

void ProgressBar::draw(const Progress& progress) {
  const std::size_t columns = columns_of_terminal();
  erase(columns);
  const std::string line = progress_line(progress, columns);
  drawn_ = line.size();
  fmt::print(stderr, "{}", line);
  std::fflush(stderr);
}

void ProgressBar::clear() {
  erase(columns_of_terminal());
  drawn_ = 0;
  std::fflush(stderr);
}

/// A terminal that became narrower since has wrapped the line: the cursor stands in the last of its rows.
void ProgressBar::erase(std::size_t columns) {
  if (drawn_ == 0) return;
  const std::size_t rows_above = (drawn_ - 1) / columns;
  if (rows_above > 0) fmt::print(stderr, "\x1b[{}A", rows_above);
  fmt::print(stderr, "\r\x1b[J");
}
