#include "coppice/journals/sqlite_journal.hpp"

#include "coppice/base/fnv1a.hpp"
#include "journal_file.hpp"
#include "sqlite_connection.hpp"

namespace coppice {

using detail::SqliteConnection;
using detail::SqliteStatement;

struct SqliteJournal::File {
  detail::JournalFile file;  // first, so that it is closed last
  SqliteConnection database;
};

namespace {

using Outcome = Result<void, std::string>;

/// The last row: what the next one continues.
struct Last {
  std::int64_t number = 0;
  std::uint64_t sum = 0;
};

std::uint64_t sum_of(std::uint64_t before, std::int64_t batch, const SagaRecord& record) noexcept {
  detail::Fnv1a sum;
  sum.add(before).add(static_cast<std::uint64_t>(batch));
  for (const std::string_view text : {std::string_view{record.saga}, std::string_view{to_string(record.event)},
                                      std::string_view{record.step}, std::string_view{record.text}})
    sum.add(std::uint64_t{text.size()}).add(text);
  return sum.value();
}

/// In the file's first transaction, and not with a write-ahead log yet: so the header that JournalFile looks at has it
/// all from then on.
Outcome create(SqliteConnection& database, const std::string& subject) {
  static_assert(SqliteJournal::kApplicationId == 1'129'271'379 && SqliteJournal::kVersion == 1);
  constexpr const char* kBegin =
      "PRAGMA synchronous = FULL;"
      "BEGIN EXCLUSIVE;"
      "PRAGMA application_id = 1129271379;"
      "PRAGMA user_version = 1;"
      "CREATE TABLE saga_record(number INTEGER PRIMARY KEY, batch INTEGER NOT NULL, saga TEXT NOT NULL, event TEXT NOT "
      "NULL,"
      " step TEXT NOT NULL, text TEXT NOT NULL, sum INTEGER NOT NULL);"
      "CREATE TABLE saga_journal(subject TEXT NOT NULL, last INTEGER NOT NULL, sum INTEGER NOT NULL);";
  if (auto done = database.run(kBegin); !done) return done;
  {
    SqliteStatement insert{database.get(), "INSERT INTO saga_journal VALUES(?, 0, 0)"};
    if (insert.bind(1, subject).step() != SQLITE_DONE) return Error{database.problem()};
  }
  return database.run("COMMIT");
}

Outcome prepare(SqliteConnection& database, const std::string& subject) {
  const auto damaged = [](const std::string& why) { return Error{"it is damaged: " + why}; };
  const auto tables = database.ask("SELECT count(*) FROM sqlite_master");
  if (!tables) return damaged(tables.error());
  const bool is_new = *tables == "0";
  if (is_new) {
    if (auto made = create(database, subject); !made) return made;
  }
  const auto sound = database.ask("PRAGMA quick_check(1)");
  if (!sound) return damaged(sound.error());
  if (*sound != "ok") return damaged(*sound);
  const auto about = database.ask("SELECT subject FROM saga_journal");
  if (!about) return damaged(about.error());
  if (*about != subject) return Error{"it was begun with \"" + *about + "\" and not with \"" + subject + '"'};
  const auto mode = database.ask("PRAGMA journal_mode = WAL");
  if (!mode) return Error{mode.error()};
  if (*mode != "wal") return Error{std::string{"there can be no write-ahead log beside it"}};
  database.may_checkpoint(is_new);  // else the rows are to be looked at first: load()
  return database.run("PRAGMA synchronous = FULL");
}

Result<Last, std::string> last_of(SqliteConnection& database) {
  SqliteStatement select{database.get(), "SELECT last, sum FROM saga_journal"};
  const int stepped = select.step();
  if (stepped == SQLITE_ROW) return Last{select.number(0), static_cast<std::uint64_t>(select.number(1))};
  return Error{stepped == SQLITE_DONE ? "it is damaged: nothing says which row is the last" : database.problem()};
}

Outcome insert(SqliteConnection& database, std::span<const SagaRecord> records) {
  const auto before = last_of(database);
  if (!before) return Error{before.error()};
  Last last = *before;
  SqliteStatement put{database.get(), "INSERT INTO saga_record VALUES(?, ?, ?, ?, ?, ?, ?)"};
  const std::int64_t batch = last.number + 1;
  for (const SagaRecord& record : records) {
    last = {last.number + 1, sum_of(last.sum, batch, record)};
    put.bind(1, last.number).bind(2, batch).bind(3, record.saga).bind(4, std::string_view{to_string(record.event)});
    put.bind(5, record.step).bind(6, record.text).bind(7, static_cast<std::int64_t>(last.sum));
    if (put.step() != SQLITE_DONE) return Error{database.problem()};
    put.reset();
  }
  SqliteStatement note{database.get(), "UPDATE saga_journal SET last = ?, sum = ?"};
  note.bind(1, last.number).bind(2, static_cast<std::int64_t>(last.sum));
  if (note.step() != SQLITE_DONE) return Error{database.problem()};
  return {};
}

}  // namespace

SqliteJournal::SqliteJournal(std::unique_ptr<File> file) : file_{std::move(file)} {}
SqliteJournal::~SqliteJournal() = default;

Result<std::shared_ptr<SqliteJournal>, std::string> SqliteJournal::open(const SqliteJournalOptions& options) {
  auto file = std::make_unique<File>();
  if (auto ours = file->file.open(options.path, kApplicationId, kVersion); !ours) return Error{ours.error()};
  if (auto opened = file->database.open(options.path); !opened) return Error{opened.error()};
  if (auto ready = prepare(file->database, options.subject); !ready) return Error{ready.error()};
  return std::shared_ptr<SqliteJournal>{new SqliteJournal{std::move(file)}};
}

Result<std::vector<SagaRecord>, std::string> SqliteJournal::load() {
  // A write-ahead log with rows that are not as they were written is evidence, and stays beside a file that is whole.
  file_->database.may_checkpoint(false);
  SqliteStatement select{file_->database.get(),
                         "SELECT number, saga, event, step, text, sum, batch FROM saga_record ORDER BY number"};
  std::vector<SagaRecord> records;
  std::uint64_t sum = 0;
  int stepped = select.step();
  for (; stepped == SQLITE_ROW; stepped = select.step()) {
    const auto damaged = [&] {
      return Error{"it is damaged: row " + std::to_string(select.number(0)) + " is not as it was written"};
    };
    const auto event = saga_event(select.text(2));
    if (!event) return damaged();
    records.push_back({select.text(1), *event, select.text(3), select.text(4)});
    sum = sum_of(sum, select.number(6), records.back());
    if (select.number(0) != static_cast<std::int64_t>(records.size())) return damaged();
    if (static_cast<std::uint64_t>(select.number(5)) != sum) return damaged();
  }
  if (stepped != SQLITE_DONE) return Error{file_->database.problem()};
  const auto last = last_of(file_->database);
  if (!last) return Error{last.error()};
  if (last->number != static_cast<std::int64_t>(records.size()) || last->sum != sum)
    return Error{"it is damaged: row " + std::to_string(last->number) + " was the last one, and row " +
                 std::to_string(records.size()) + " is"};
  file_->database.may_checkpoint(true);
  return records;
}

Result<void, std::string> SqliteJournal::append(std::span<const SagaRecord> records) {
  SqliteConnection& database = file_->database;
  if (auto begun = database.run("BEGIN IMMEDIATE"); !begun) return begun;
  auto done = insert(database, records);
  if (done) done = database.run("COMMIT");
  if (!done) static_cast<void>(database.run("ROLLBACK"));  // refused where the failure has rolled back already
  return done;
}

}  // namespace coppice
