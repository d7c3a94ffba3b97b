#pragma once

#include <cstdint>
#include <string>

#include "coppice/base/result.hpp"

namespace coppice::detail {

/// A file that this process has for itself, looked at before SQLite sees it: opening a database may already write.
///
/// Threads    each journal one at a time; several journals any.
/// Ownership  the lock, until it is destroyed. POSIX drops a process's own locks on a file with any descriptor of it
///            that is closed: so this one outlives SQLite's, and a file that this process has as a journal already is
///            refused before it is opened.
class JournalFile {
 public:
  JournalFile() = default;
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;
  ~JournalFile();

  /// Made where there is none. An error: it is not such a file, or somebody has it; nothing was written.
  [[nodiscard]] Result<void, std::string> open(const std::string& path, std::uint32_t application_id,
                                               std::uint32_t version);

 private:
  /// Opens it and notes that this process has it.
  [[nodiscard]] Result<void, std::string> take(const std::string& path);
  /// Locks it and looks whether it is such a file.
  [[nodiscard]] Result<void, std::string> look(std::uint32_t application_id, std::uint32_t version) const;

  int descriptor_ = -1;
};

}  // namespace coppice::detail
