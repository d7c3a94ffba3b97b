#include "coppice/patterns/saga_journal.hpp"

namespace coppice {

Result<void, std::string> InMemorySagaJournal::append(std::span<const SagaRecord> records) {
  records_.insert(records_.end(), records.begin(), records.end());
  return {};
}

}  // namespace coppice
