#include "log_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <system_error>

namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

[[nodiscard]] Descriptor open_file(const std::string& path, int flags) {
  return Descriptor{::open(path.c_str(), flags | O_CLOEXEC, 0644)};
}

/// With its data. A failure is not tried again: the kernel may have dropped what it could not write.
[[nodiscard]] bool sync_descriptor(int descriptor) {
  while (::fsync(descriptor) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

[[nodiscard]] std::string name_of(std::uint32_t shard, std::uint32_t shards) {
  return "shard " + std::to_string(shard) + " of " + std::to_string(shards);
}

/// `most` bytes of a file, from `begin` on.
[[nodiscard]] std::string read_file(const std::string& path, std::string& to, std::uint64_t most,
                                    std::uint64_t begin = 0) {
  const Descriptor file = open_file(path, O_RDONLY | O_NONBLOCK);  // without waiting: it may be a pipe
  if (!file) return failure("cannot open", path);
  if (::lseek(file.get(), static_cast<off_t>(begin), SEEK_SET) < 0) return failure("cannot read", path);
  while (to.size() < most) {
    const std::size_t before = to.size();
    const std::size_t wanted = std::min<std::uint64_t>(kPieceBytes, most - before);
    to.resize(before + wanted);
    const ssize_t count = ::read(file.get(), to.data() + before, wanted);
    if (count < 0 && errno != EINTR) return failure("cannot read", path);
    to.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count == 0) break;
  }
  return {};
}

}  // namespace

Descriptor::~Descriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string failure(const char* what, const std::string& path) {
  const std::error_code code{errno, std::generic_category()};
  return std::string{what} + ' ' + path + ": " + code.message();
}

std::string write_all(int descriptor, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), std::min(bytes.size(), std::size_t{1} << 30));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure("cannot write", path);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

std::string sync_folder(const std::string& folder) {
  const Descriptor opened = open_file(folder, O_RDONLY | O_DIRECTORY);
  if (!opened) return failure("cannot open", folder);
  return sync_descriptor(opened.get()) ? std::string{} : failure("cannot synchronize", folder);
}

std::string write_file(const std::string& folder, const std::string& path, std::string_view bytes) {
  const std::string under_way = path + ".new";
  static_cast<void>(::unlink(under_way.c_str()));
  const Descriptor file = open_file(under_way, O_WRONLY | O_CREAT | O_EXCL);
  if (!file) return failure("cannot make", under_way);
  if (std::string error = write_all(file.get(), bytes, under_way); !error.empty()) return error;
  if (!sync_descriptor(file.get())) return failure("cannot synchronize", under_way);
  if (::rename(under_way.c_str(), path.c_str()) != 0) return failure("cannot name", path);
  return sync_folder(folder);
}

LogFile::Place::Place(std::string in, std::uint32_t which, std::uint32_t of)
    : folder{std::move(in)}, path{folder + "/shard-" + std::to_string(which) + ".log"}, shard{which}, shards{of} {}

std::string LogFile::failed(const char* what) const { return failure(what, place_.path); }

std::string LogFile::create() const {
  std::random_device random;
  const std::uint64_t salt = (std::uint64_t{random()} << 32) | random();
  const log_format::Header header{.shard = place_.shard, .shards = place_.shards, .salt = salt};
  return write_file(place_.folder, place_.path, log_format::header(header));
}

LogFile::Loaded LogFile::load() {
  Loaded loaded;
  std::string bytes;
  loaded.error = read_file(place_.path, bytes, ~std::uint64_t{0});
  if (!loaded.error.empty()) return loaded;
  loaded.keys = std::make_unique<Store>();
  const auto reading = log_format::read(bytes, [&](std::string_view frame) { return loaded.keys->apply(frame); });
  if (!reading.error.empty()) {
    loaded.error = place_.path + ": " + reading.error;
  } else if (reading.header.shard != place_.shard || reading.header.shards != place_.shards) {
    loaded.error = place_.path + ": it is the log of " + name_of(reading.header.shard, reading.header.shards) +
                   ", not of " + name_of(place_.shard, place_.shards);
  }
  if (!loaded.error.empty()) return loaded;
  file_ = open_file(place_.path, O_WRONLY | O_APPEND);
  if (!file_) {
    loaded.error = failed("cannot open");
    return loaded;
  }
  loaded.cut_bytes = bytes.size() - reading.good_bytes;
  bytes_ = bytes.size();
  snapshot_bytes_ = reading.header.snapshot_bytes;
  salt_ = reading.header.salt;
  last_ = reading.last;
  if (loaded.cut_bytes != 0) truncate(reading.good_bytes);
  if (is_broken_) return loaded;        // to be read, not to be written
  if (!sync_descriptor(file_.get())) {  // of what a former process left in the kernel's memory, too
    is_broken_ = true;
    loaded.error = failed("cannot synchronize");
    return loaded;
  }
  synced_bytes_ = bytes_;
  synced_ = last_;
  return loaded;
}

std::string LogFile::broken() const {
  return place_.path + ": what the disk has of it is unknown since an error; the server has to be restarted";
}

std::string LogFile::append(std::string& frame) {
  if (is_broken_) return broken();
  log_format::close_frame(frame, salt_, last_ + 1, synced_);
  std::string error = write_all(file_.get(), frame, place_.path);
  if (!error.empty()) {
    truncate(bytes_);
    return error;
  }
  ++last_;
  bytes_ += frame.size();
  return {};
}

std::string LogFile::sync() {
  if (is_synced()) return {};
  if (is_broken_) return broken();
  if (!sync_descriptor(file_.get())) {
    is_broken_ = true;
    return failed("cannot synchronize");
  }
  synced_bytes_ = bytes_;
  synced_ = last_;
  return {};
}

void LogFile::drop_unsynced() {
  last_ = synced_;
  truncate(synced_bytes_);
}

void LogFile::truncate(std::uint64_t bytes) {
  bytes_ = bytes;
  while (::ftruncate(file_.get(), static_cast<off_t>(bytes)) != 0) {
    if (errno == EINTR) continue;
    is_broken_ = true;
    return;
  }
}

LogFile::Snapshot LogFile::write_snapshot(const Place& place, std::uint64_t end) {
  Snapshot snapshot{.error = {}, .end = end};
  std::string bytes;
  snapshot.error = read_file(place.path, bytes, end);
  if (!snapshot.error.empty()) return snapshot;
  Store keys;
  const auto reading = log_format::read(bytes, [&](std::string_view frame) { return keys.apply(frame); });
  if (!reading.error.empty() || reading.good_bytes != end) {
    snapshot.error = place.path + ": " + (reading.error.empty() ? "it cannot be read back" : reading.error);
    return snapshot;
  }
  std::string{}.swap(bytes);
  const std::string under_way = place.path + ".new";
  static_cast<void>(::unlink(under_way.c_str()));
  const Descriptor file = open_file(under_way, O_WRONLY | O_CREAT | O_EXCL);
  if (!file) {
    snapshot.error = failure("cannot make", under_way);
    return snapshot;
  }
  log_format::Header header{
      .shard = place.shard, .shards = place.shards, .base = reading.last, .salt = reading.header.salt};
  snapshot.error = write_all(file.get(), log_format::header(header), under_way);
  keys.tell_all([&](const std::string& piece) {
    std::string frame = log_format::open_frame() + piece;
    log_format::close_frame(frame, header.salt, header.base, header.base);
    if (snapshot.error.empty()) snapshot.error = write_all(file.get(), frame, under_way);
    header.snapshot_bytes += frame.size();
  });
  const std::string front = log_format::header(header);
  const auto front_bytes = static_cast<ssize_t>(front.size());
  if (snapshot.error.empty() && ::pwrite(file.get(), front.data(), front.size(), 0) != front_bytes)
    snapshot.error = failure("cannot write", under_way);
  if (snapshot.error.empty() && !sync_descriptor(file.get())) snapshot.error = failure("cannot synchronize", under_way);
  snapshot.bytes = front.size() + header.snapshot_bytes;
  return snapshot;
}

std::string LogFile::adopt(const Snapshot& snapshot) {
  if (is_broken_) return place_.path + ": it is not made smaller after an error";
  const std::string under_way = place_.path + ".new";
  Descriptor file = open_file(under_way, O_WRONLY | O_APPEND);
  if (!file) return failure("cannot open", under_way);
  std::string since;
  if (std::string error = read_file(place_.path, since, bytes_ - snapshot.end, snapshot.end); !error.empty())
    return error;
  if (std::string error = write_all(file.get(), since, under_way); !error.empty()) return error;
  if (!sync_descriptor(file.get())) return failure("cannot synchronize", under_way);
  if (::rename(under_way.c_str(), place_.path.c_str()) != 0) return failed("cannot name");
  file_ = std::move(file);
  bytes_ = synced_bytes_ = snapshot.bytes + since.size();
  snapshot_bytes_ = snapshot.bytes - log_format::kHeaderBytes;
  synced_ = last_;
  std::string error = sync_folder(place_.folder);
  is_broken_ = is_broken_ || !error.empty();  // which of the two files a power cut leaves is unknown
  return error;
}
