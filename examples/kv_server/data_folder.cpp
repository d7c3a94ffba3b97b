#include "data_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include "meta_file.hpp"

namespace {

[[nodiscard]] bool exists(const std::string& path, off_t* bytes = nullptr) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return false;
  if (bytes != nullptr) *bytes = found.st_size;
  return true;
}

/// The folder that a folder's own name is in.
[[nodiscard]] std::string parent_of(const std::string& path) {
  std::error_code error;
  const auto whole = std::filesystem::canonical(path, error);
  return error ? path + "/.." : whole.parent_path().string();
}

}  // namespace

std::string DataFolder::open() {
  if (::mkdir(path_.c_str(), 0755) != 0 && errno != EEXIST) return failure("cannot make", path_);
  const std::string meta_path = path_ + "/kv_server.meta";
  if (!exists(meta_path)) {
    if (std::string error = look_for_others(); !error.empty())
      return error;  // before it is locked, which leaves a file
  }
  if (std::string error = lock(); !error.empty()) return error;
  // Without waiting: it may be a pipe that nobody writes to.
  const Descriptor file{::open(meta_path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  if (!file) return errno == ENOENT ? create() : failure("cannot open", meta_path);
  std::array<char, meta_file::kBytesMost> buffer{};
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

std::string DataFolder::check(std::string_view found) const {
  const auto shards = meta_file::shards_in(found);
  if (!shards) return path_ + "/kv_server.meta: it is damaged, or no file of kv_server's";
  if (*shards != shards_)
    return path_ + ": it was made with --shards " + std::to_string(*shards) + ", which cannot be changed to " +
           std::to_string(shards_);
  for (const LogFile& log : logs()) {
    if (!exists(log.place().path)) return log.place().path + ": it is missing";
  }
  for (const LogFile& log : logs())  // of snapshots that were never finished
    static_cast<void>(::unlink((log.place().path + ".new").c_str()));
  return {};
}

/// Logs without a meta file are of a first start that did not come to its end: there is nothing in them yet. What else is
/// there is somebody's, who may not want ours among it.
std::string DataFolder::look_for_others() const {
  std::error_code error;
  for (std::filesystem::directory_iterator at{path_, error}, end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    const bool is_log = name.starts_with("shard-") && (name.ends_with(".log") || name.ends_with(".log.new"));
    off_t bytes = 0;
    if (is_log && exists(path_ + '/' + name, &bytes) && bytes > static_cast<off_t>(log_format::kHeaderBytes))
      return path_ + ": it holds logs, but no kv_server.meta that says how many";
    if (!is_log && !name.starts_with("kv_server.") && name != "lost+found")
      return path_ + ": it is not empty, and no folder of kv_server's: there is " + name + " in it";
  }
  return error ? path_ + ": cannot be looked into: " + error.message() : std::string{};
}

std::string DataFolder::create() const {
  if (std::string error = look_for_others(); !error.empty()) return error;
  if (std::string error = sync_folder(parent_of(path_)); !error.empty()) return error;
  for (const LogFile& log : logs()) {
    if (std::string error = log.create(); !error.empty()) return error;
  }
  return write_file(path_, path_ + "/kv_server.meta", meta_file::text(shards_));
}

std::vector<LogFile> DataFolder::logs() const {
  std::vector<LogFile> all;
  all.reserve(shards_);
  for (std::uint32_t shard = 0; shard < shards_; ++shard) all.emplace_back(LogFile::Place{path_, shard, shards_});
  return all;
}
