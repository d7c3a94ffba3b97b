#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "coppice/actor/actor.hpp"
#include "coppice/patterns/saga_record.hpp"

namespace coppice {

/// Where sagas are kept. coppice/journals/sqlite_journal.hpp has one on disk.
///
/// Threads    one at a time: that of its SagaJournalWriter. Its functions may block there.
/// [J1] What append() has answered without an error, load() answers from then on, in that order, whatever process asks.
/// [J2] An append() that answers an error, or never answers, has kept all of its records or none.
class SagaJournal {
 public:
  SagaJournal() = default;
  SagaJournal(const SagaJournal&) = delete;
  SagaJournal& operator=(const SagaJournal&) = delete;
  virtual ~SagaJournal() = default;
  /// Every record that was ever appended; or why they cannot be read.
  [[nodiscard]] virtual Result<std::vector<SagaRecord>, std::string> load() = 0;
  /// Or why they are not kept.
  [[nodiscard]] virtual Result<void, std::string> append(std::span<const SagaRecord> records) = 0;
};

/// A journal that outlives actors and not the process.
class InMemorySagaJournal final : public SagaJournal {
 public:
  [[nodiscard]] Result<std::vector<SagaRecord>, std::string> load() override { return records_; }
  [[nodiscard]] Result<void, std::string> append(std::span<const SagaRecord> records) override;
  [[nodiscard]] const std::vector<SagaRecord>& records() const noexcept { return records_; }

 private:
  std::vector<SagaRecord> records_;
};

/// To a SagaJournalWriter: all records.
struct ReadSagaJournal {};
/// To a SagaJournalWriter: keep these.
struct WriteSagaJournal {
  std::vector<SagaRecord> records = {};
};

/// The actor through which a coordinator reaches its journal. A journal on disk blocks, so spawn it where no worker is
/// blocked: `.on` a pinned thread, or an executor with a thread of its own. What a coordinator's earlier life has sent
/// is written before a later one reads: one mailbox, in order.
class SagaJournalWriter : public Actor<SagaJournalWriter> {
 public:
  explicit SagaJournalWriter(std::shared_ptr<SagaJournal> journal) : journal_{std::move(journal)} {}
  Result<std::vector<SagaRecord>, std::string> handle(ReadSagaJournal) { return journal_->load(); }
  Result<void, std::string> handle(const WriteSagaJournal& write) { return journal_->append(write.records); }

 private:
  std::shared_ptr<SagaJournal> journal_;
};

}  // namespace coppice
