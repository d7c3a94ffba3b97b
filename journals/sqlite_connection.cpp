#include "sqlite_connection.hpp"

namespace coppice::detail {

namespace {
constexpr int kBusyMilliseconds = 10'000;  // another connection of this process, a participant's, may be writing
constexpr int kCheckpointPages = 1'000;    // SQLite's own default
}  // namespace

SqliteStatement::SqliteStatement(sqlite3* database, const char* sql) noexcept {
  problem_ = sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr);
}

SqliteStatement& SqliteStatement::bind(int place, std::string_view text) noexcept {
  // An empty view may have no address, which SQLite would take for NULL.
  const char* const from = text.empty() ? "" : text.data();
  const int bound = sqlite3_bind_text64(statement_, place, from, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (problem_ == SQLITE_OK) problem_ = bound;
  return *this;
}

SqliteStatement& SqliteStatement::bind(int place, std::int64_t number) noexcept {
  const int bound = sqlite3_bind_int64(statement_, place, number);
  if (problem_ == SQLITE_OK) problem_ = bound;
  return *this;
}

int SqliteStatement::step() noexcept { return problem_ == SQLITE_OK ? sqlite3_step(statement_) : problem_; }

std::string SqliteStatement::text(int column) const {
  const auto* const from = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int bytes = sqlite3_column_bytes(statement_, column);
  return from == nullptr ? std::string{} : std::string(from, static_cast<std::size_t>(bytes));
}

SqliteConnection::~SqliteConnection() { sqlite3_close(database_); }

Result<void, std::string> SqliteConnection::open(const std::string& path) {
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;  // one thread at a time; not made here
  if (sqlite3_open_v2(path.c_str(), &database_, kFlags, nullptr) != SQLITE_OK) return Error{problem()};
  sqlite3_busy_timeout(database_, kBusyMilliseconds);
  may_checkpoint(false);
  return {};
}

Result<void, std::string> SqliteConnection::run(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return Error{problem()};
  return {};
}

Result<std::string, std::string> SqliteConnection::ask(const char* sql) {
  SqliteStatement statement{database_, sql};
  const int stepped = statement.step();
  if (stepped == SQLITE_ROW) return statement.text(0);
  if (stepped == SQLITE_DONE) return std::string{};
  return Error{problem()};
}

void SqliteConnection::may_checkpoint(bool may) noexcept {
  sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, may ? 0 : 1, nullptr);
  sqlite3_wal_autocheckpoint(database_, may ? kCheckpointPages : 0);
}

}  // namespace coppice::detail
