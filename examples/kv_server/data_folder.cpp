#include "data_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace {

constexpr std::string_view kMetaFront = "coppice kv data 1\nshards ";

[[nodiscard]] bool exists(const std::string& path, off_t* bytes = nullptr) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return false;
  if (bytes != nullptr) *bytes = found.st_size;
  return true;
}

}  // namespace

std::string DataFolder::open() {
  if (::mkdir(path_.c_str(), 0755) != 0 && errno != EEXIST) return failure("cannot make", path_);
  if (std::string error = lock(); !error.empty()) return error;
  const std::string meta_path = path_ + "/kv_server.meta";
  const Descriptor file{::open(meta_path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return errno == ENOENT ? create() : failure("cannot open", meta_path);
  std::array<char, 128> buffer{};
  const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
  if (count < 0) return failure("cannot read", meta_path);
  return check({buffer.data(), static_cast<std::size_t>(count)});
}

std::string DataFolder::lock() {
  const std::string path = path_ + "/kv_server.lock";
  lock_ = Descriptor{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
  if (!lock_) return failure("cannot open", path);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  return errno == EWOULDBLOCK ? path_ + ": another kv_server has it" : failure("cannot lock", path);
}

std::string DataFolder::meta() const { return std::string{kMetaFront} + std::to_string(shards_) + '\n'; }

std::string DataFolder::check(const std::string& found) const {
  if (found == meta()) {
    for (const LogFile& log : logs()) {
      static_cast<void>(::unlink((log.place().path + ".new").c_str()));  // of a snapshot that was never finished
      if (!exists(log.place().path)) return log.place().path + ": it is missing";
    }
    return {};
  }
  std::uint32_t shards = 0;
  const std::string_view rest = std::string_view{found}.substr(std::min(kMetaFront.size(), found.size()));
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), shards);
  if (!found.starts_with(kMetaFront) || error != std::errc{} ||
      std::string_view{end, rest.data() + rest.size()} != "\n")
    return path_ + "/kv_server.meta: it is damaged, or no file of kv_server's";
  return path_ + ": it was made with --shards " + std::to_string(shards) + ", which cannot be changed to " +
         std::to_string(shards_);
}

/// Logs without a meta file are of a first start that did not come to its end: there is nothing in them yet.
std::string DataFolder::create() const {
  for (const LogFile& log : logs()) {
    off_t bytes = 0;
    if (exists(log.place().path, &bytes) && bytes != static_cast<off_t>(log_format::kHeaderBytes))
      return path_ + ": it holds logs, but no kv_server.meta that says how many";
  }
  for (const LogFile& log : logs()) {
    if (std::string error = log.create(); !error.empty()) return error;
  }
  return write_file(path_, path_ + "/kv_server.meta", meta());
}

std::vector<LogFile> DataFolder::logs() const {
  std::vector<LogFile> all;
  for (std::uint32_t shard = 0; shard < shards_; ++shard) all.emplace_back(LogFile::Place{path_, shard, shards_});
  return all;
}
