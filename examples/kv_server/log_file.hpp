#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "log_format.hpp"
#include "store.hpp"

/// A descriptor, closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int descriptor = -1) noexcept : descriptor_{descriptor} {}
  Descriptor(Descriptor&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Descriptor();
  [[nodiscard]] int get() const noexcept { return descriptor_; }
  explicit operator bool() const noexcept { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

/// One shard's log in the folder of them: read, written, synchronized, and made smaller. What it holds: log_format.hpp.
///
/// Threads    one at a time.
/// Failure    functions that answer a text say what went wrong; an empty one: nothing.
/// Blocks     all of it.
class LogFile {
 public:
  struct Loaded {
    std::string error;            ///< why it cannot be used; nothing in it has been changed then
    std::unique_ptr<Store> keys;  ///< all that it holds
    std::uint64_t cut_bytes = 0;  ///< a torn tail, which is gone
  };
  struct Snapshot {
    std::string error;
    std::uint64_t end = 0;    ///< of the old file, up to there it is in the snapshot
    std::uint64_t bytes = 0;  ///< of the new one
  };
  /// Which one it is.
  struct Place {
    Place(std::string folder, std::uint32_t shard, std::uint32_t shards);
    std::string folder;
    std::string path;
    std::uint32_t shard;
    std::uint32_t shards;
  };

  explicit LogFile(Place place) : place_{std::move(place)} {}

  /// An empty one, which has its name only when it is whole.
  [[nodiscard]] std::string create() const;
  [[nodiscard]] Loaded load();

  /// A frame that open_frame() has begun. After an error nothing of it is in the file, or is_broken().
  [[nodiscard]] std::string append(std::string& frame);
  [[nodiscard]] std::string sync();
  /// What has not been synchronized goes.
  void drop_unsynced();

  /// Where a snapshot of what is there now would end.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint64_t snapshot_bytes() const noexcept { return snapshot_bytes_; }
  [[nodiscard]] bool is_synced() const noexcept { return synced_bytes_ == bytes_; }
  /// Nobody knows what the disk has: nothing is written any more until the next start.
  [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }
  [[nodiscard]] const Place& place() const noexcept { return place_; }

  /// What the first `end` bytes of a log hold, as a new file beside it. Those bytes do not change any more, so the log may
  /// be written meanwhile, by another thread.
  [[nodiscard]] static Snapshot write_snapshot(const Place& place, std::uint64_t end);
  /// The new file, with what has been appended since, takes this one's place.
  [[nodiscard]] std::string adopt(const Snapshot& snapshot);

 private:
  [[nodiscard]] std::string failed(const char* what) const;
  [[nodiscard]] std::string broken() const;
  void truncate(std::uint64_t bytes);

  Place place_;
  Descriptor file_;
  std::uint64_t bytes_ = 0;
  std::uint64_t synced_bytes_ = 0;
  std::uint64_t snapshot_bytes_ = 0;
  std::uint64_t salt_ = 0;
  std::uint64_t last_ = 0;  // frame
  std::uint64_t synced_ = 0;
  bool is_broken_ = false;
};

// ---- files, as every part of this needs them ----

[[nodiscard]] std::string failure(const char* what, const std::string& path);
[[nodiscard]] std::string write_all(int descriptor, std::string_view bytes, const std::string& path);
/// The names in it are on the disk.
[[nodiscard]] std::string sync_folder(const std::string& folder);
/// A file with these bytes under this name, on the disk; whole, or not at all.
[[nodiscard]] std::string write_file(const std::string& folder, const std::string& path, std::string_view bytes);
