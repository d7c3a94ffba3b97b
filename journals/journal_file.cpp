#include "journal_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/mutex.hpp"

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

/// Which files this process has as journals. One of them must not even be opened again: closing that descriptor would
/// drop the locks that SQLite has there.
struct OpenFiles {
  using Identity = std::pair<dev_t, ino_t>;
  Mutex mutex;
  std::set<Identity> all;  // under mutex

  static OpenFiles& instance() {
    static auto* const kFiles = new OpenFiles;  // never destroyed: a journal may be a static object as well
    return *kFiles;
  }
};

OpenFiles::Identity identity_of(const struct stat& status) { return {status.st_dev, status.st_ino}; }

Error<std::string> open_already() { return Error{std::string{"this process has it open already"}}; }

}  // namespace

JournalFile::~JournalFile() {
  if (descriptor_ < 0) return;
  OpenFiles& files = OpenFiles::instance();
  const Lock lock{files.mutex};
  struct stat status{};
  if (::fstat(descriptor_, &status) == 0) files.all.erase(identity_of(status));
  ::close(descriptor_);
}

Result<void, std::string> JournalFile::open(const std::string& path, std::uint32_t application_id,
                                            std::uint32_t version) {
  if (auto taken = take(path); !taken) return taken;
  return look(application_id, version);
}

Result<void, std::string> JournalFile::take(const std::string& path) {
  OpenFiles& files = OpenFiles::instance();
  const Lock lock{files.mutex};
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && files.all.contains(identity_of(status))) return open_already();
  // Without waiting: it may be a pipe that nobody reads.
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
  if (descriptor < 0) return system_error();
  if (::fstat(descriptor, &status) != 0) {
    const auto why = system_error();
    ::close(descriptor);
    return why;
  }
  // Another name was given to it since it was looked at: the descriptor stays open for the sake of those locks.
  if (!files.all.insert(identity_of(status)).second) return open_already();
  descriptor_ = descriptor;
  return {};
}

Result<void, std::string> JournalFile::look(std::uint32_t application_id, std::uint32_t version) const {
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
