#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "coppice/base/result.hpp"

namespace coppice::detail {

/// One statement of SQL while it is used. Text is bound without a copy: it must outlive the steps.
class SqliteStatement {
 public:
  SqliteStatement(sqlite3* database, const char* sql) noexcept;
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;
  ~SqliteStatement() { sqlite3_finalize(statement_); }

  SqliteStatement& bind(int place, std::string_view text) noexcept;
  SqliteStatement& bind(int place, std::int64_t number) noexcept;
  /// SQLITE_ROW, SQLITE_DONE or an error's code.
  [[nodiscard]] int step() noexcept;
  void reset() noexcept { sqlite3_reset(statement_); }
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::int64_t number(int column) const noexcept { return sqlite3_column_int64(statement_, column); }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int problem_ = SQLITE_OK;
};

/// A connection to a file that is there.
class SqliteConnection {
 public:
  SqliteConnection() = default;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;
  ~SqliteConnection();

  [[nodiscard]] Result<void, std::string> open(const std::string& path);
  [[nodiscard]] Result<void, std::string> run(const char* sql);
  /// The first column of the first row, as text; empty where there is no row.
  [[nodiscard]] Result<std::string, std::string> ask(const char* sql);
  /// Whether what is in the write-ahead log may be written into the file, when that has grown long or when this is
  /// closed. Not from the beginning.
  void may_checkpoint(bool may) noexcept;
  [[nodiscard]] sqlite3* get() const noexcept { return database_; }
  [[nodiscard]] std::string problem() const { return sqlite3_errmsg(database_); }

 private:
  sqlite3* database_ = nullptr;
};

}  // namespace coppice::detail
