#include "journal_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

namespace coppice::detail {

namespace {

// Of the SQLite file format: the first hundred bytes.
constexpr std::string_view kMagic{"SQLite format 3\0", 16};
constexpr std::size_t kHeaderBytes = 100;
constexpr std::size_t kVersionAt = 60;
constexpr std::size_t kApplicationAt = 68;
using Header = std::array<char, kHeaderBytes>;

std::uint32_t number_at(const Header& header, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<unsigned char>(header[at + i]);
  return number;
}

Error<std::string> system_error() { return Error{std::generic_category().message(errno)}; }

}  // namespace

JournalFile::~JournalFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void, std::string> JournalFile::open(const std::string& path, std::uint32_t application_id,
                                            std::uint32_t version) {
  // Without waiting: it may be a pipe that nobody reads.
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
  if (descriptor_ < 0) return system_error();
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) return system_error();
  if (!S_ISREG(status.st_mode)) return Error{std::string{"it is not a regular file"}};
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Error{std::string{"another process has it open"}};
    return system_error();
  }
  if (::fstat(descriptor_, &status) != 0) return system_error();
  if (status.st_size == 0) return {};
  Header header{};
  const ssize_t got = ::pread(descriptor_, header.data(), header.size(), 0);
  if (got < 0) return system_error();
  if (static_cast<std::size_t>(got) < header.size() || std::string_view{header.data(), kMagic.size()} != kMagic)
    return Error{std::string{"it is not an SQLite database"}};
  if (number_at(header, kApplicationAt) != application_id)
    return Error{std::string{"it is an SQLite database of another program"}};
  if (const std::uint32_t its = number_at(header, kVersionAt); its != version)
    return Error{"it is a journal of version " + std::to_string(its) + "; this program knows version " +
                 std::to_string(version)};
  return {};
}

}  // namespace coppice::detail
