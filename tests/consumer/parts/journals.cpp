#include <coppice/coppice.hpp>
#include <coppice/journals/sqlite_journal.hpp>

int main() {
  const auto journal = coppice::SqliteJournal::open({.path = "/", .subject = "none"});
  return journal.has_value() ? 1 : 0;
}
