#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "log_file.hpp"

/// The folder of `--data`: a log for each shard, and a file that says how many there are. One server at a time has it.
///
///     kv_server.meta    made last, so that with it all logs are there
///     shard-0.log …     log_file.hpp
///     kv_server.lock    locked as long as the folder is open
///
/// Threads    one.
/// Failure    open() answers what is wrong: nothing in a folder that it does not understand is changed.
class DataFolder {
 public:
  explicit DataFolder(std::string path, std::uint32_t shards) : path_{std::move(path)}, shards_{shards} {}
  /// Makes it, if it is not there or empty.
  [[nodiscard]] std::string open();
  /// Each shard's, which have not been loaded.
  [[nodiscard]] std::vector<LogFile> logs() const;

 private:
  [[nodiscard]] std::string lock();
  [[nodiscard]] std::string check(std::string_view meta) const;
  [[nodiscard]] std::string look_for_others() const;
  [[nodiscard]] std::string create() const;

  std::string path_;
  std::uint32_t shards_;
  Descriptor lock_;
};
