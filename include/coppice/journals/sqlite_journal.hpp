#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "coppice/patterns/saga_journal.hpp"

namespace coppice {

struct SqliteJournalOptions {
  std::string path = {};     ///< made where there is nothing, or an empty file
  std::string subject = {};  ///< what its sagas are about; a journal that was begun with another one is refused
};

/// Sagas in one file of SQLite: write-ahead log, synchronous FULL, each append one transaction. Needs the target
/// coppice::journals, which is built where SQLite is (libsqlite3-dev).
///
/// In the file: `saga_record(number, batch, saga, event, step, text, sum)`, one row a transition, in order; `batch` is
/// the number of the first row of the same append. Each sum covers the row and the sum before, and `saga_journal(subject,
/// last, sum)` has one row with the number and the sum of the last one, so a row that was changed, lost or put in is
/// noticed, at the end as well. Not noticed: a file that is whole as it was at an earlier time, put back or
/// copied without its log. Other tables are not looked at: a participant may keep its own there, through a connection
/// of its own.
///
/// Threads    one at a time, as SagaJournal. Each function may block for as long as the disk takes.
/// Ownership  the file's lock, until it is destroyed. Open it before every other connection that this process has to
///            the file, and destroy it after all of them: POSIX drops all of a process's locks on a file when any one
///            descriptor of it is closed, and what is written without them can be lost. For the same reason nothing
///            else in the process may open and close the file.
/// Failure    what is not such a file, or is one of another subject, is refused with a sentence before anything is
///            written to it; so is one that another process, or this one, has open. load() refuses rows that are not as
///            they were written; until it has found them good, what is appended stays in the write-ahead log beside
///            the file, so nothing that is damaged is written over what is not. That holds for this connection: a
///            participant's own would move a damaged log into the file when it writes, or is the last to close. So
///            open that after load(). A file system that loses what it has synced loses records.
/// [J1], [J2] of SagaJournal, also when the process is killed at any moment.
class SqliteJournal final : public SagaJournal {
 public:
  static constexpr std::uint32_t kApplicationId = 0x434f'5053;  // "COPS", at byte 68 of the file
  static constexpr std::uint32_t kVersion = 1;                  // at byte 60

  [[nodiscard]] static Result<std::shared_ptr<SqliteJournal>, std::string> open(const SqliteJournalOptions& options);
  ~SqliteJournal() override;

  [[nodiscard]] Result<std::vector<SagaRecord>, std::string> load() override;
  [[nodiscard]] Result<void, std::string> append(std::span<const SagaRecord> records) override;

 private:
  struct File;
  explicit SqliteJournal(std::unique_ptr<File> file);
  std::unique_ptr<File> file_;
};

}  // namespace coppice
