#include "sqlite_storage.hpp"

#ifdef SAGA_WITH_SQLITE

#include <sqlite3.h>

#include <array>
#include <stdexcept>
#include <string_view>

using coppice::SagaAnswer;
using Account = Storage::Account;

namespace {

constexpr std::array kAccounts{"stock", "money", "paid", "shipped"};
constexpr int kBusyMilliseconds = 10'000;  // the journal's connection may be writing

struct Close {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

/// One statement of SQL, prepared once.
class Statement {
 public:
  Statement(sqlite3* database, const char* sql) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(database, sql, -1, &made, nullptr) != SQLITE_OK)
      throw std::runtime_error{sqlite3_errmsg(database)};
    statement_.reset(made);
  }
  /// With these in the places of its question marks. Whether there is a row.
  template <class... Values>
  bool run(const Values&... values) {
    sqlite3_reset(statement_.get());
    int place = 0;
    (bind(++place, values), ...);
    return next();
  }
  bool next() {
    const int stepped = sqlite3_step(statement_.get());
    if (stepped == SQLITE_ROW) return true;
    const std::string problem = sqlite3_errmsg(sqlite3_db_handle(statement_.get()));
    sqlite3_reset(statement_.get());
    if (stepped != SQLITE_DONE) throw std::runtime_error{problem};
    return false;
  }
  /// A row that is looked at no more keeps its transaction open.
  void done() { sqlite3_reset(statement_.get()); }
  [[nodiscard]] std::int64_t number(int column) { return sqlite3_column_int64(statement_.get(), column); }
  [[nodiscard]] std::string text(int column) {
    const auto* const from = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
    const int bytes = sqlite3_column_bytes(statement_.get(), column);
    return from == nullptr ? std::string{} : std::string(from, static_cast<std::size_t>(bytes));
  }

 private:
  void bind(int place, std::int64_t number) { sqlite3_bind_int64(statement_.get(), place, number); }
  void bind(int place, std::string_view text) {
    const char* const from = text.empty() ? "" : text.data();
    sqlite3_bind_text(statement_.get(), place, from, static_cast<int>(text.size()), SQLITE_TRANSIENT);
  }
  std::unique_ptr<sqlite3_stmt, Close> statement_;
};

std::unique_ptr<sqlite3, Close> open(const std::string& path) {
  sqlite3* opened = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<sqlite3, Close> database{opened};
  if (result != SQLITE_OK) throw std::runtime_error{sqlite3_errmsg(opened)};
  sqlite3_busy_timeout(opened, kBusyMilliseconds);
  return database;
}

std::string_view name_of(Account account) { return kAccounts[static_cast<std::size_t>(account)]; }

/// The tables with what is in them in the beginning: all of it, or nothing yet.
std::unique_ptr<sqlite3, Close> make_ready(std::unique_ptr<sqlite3, Close> database, const Holdings& beginning) {
  const auto run = [&](const char* sql) { Statement{database.get(), sql}.run(); };
  run("PRAGMA synchronous = FULL");
  run("BEGIN IMMEDIATE");
  run("CREATE TABLE IF NOT EXISTS holding(account TEXT NOT NULL, name TEXT NOT NULL,"
      " amount INTEGER NOT NULL CHECK(amount >= 0), PRIMARY KEY(account, name)) WITHOUT ROWID");
  run("CREATE TABLE IF NOT EXISTS applied(key TEXT PRIMARY KEY, is_done INTEGER NOT NULL, reason TEXT NOT NULL)"
      " WITHOUT ROWID");
  const bool is_new = !Statement{database.get(), "SELECT 1 FROM holding"}.run();
  if (is_new) {
    Statement insert{database.get(), "INSERT INTO holding VALUES(?, ?, ?)"};
    for (const auto& [item, units] : beginning.stock) insert.run(name_of(Account::Stock), item, units);
    for (const auto& [customer, cents] : beginning.money) insert.run(name_of(Account::Money), customer, cents);
    insert.run(name_of(Account::Paid), "", beginning.paid);
    insert.run(name_of(Account::Shipped), "", beginning.shipped);
  }
  run("COMMIT");
  return database;
}

class SqliteStorage final : public Storage {
 public:
  SqliteStorage(const std::string& path, const Holdings& beginning) : database_{make_ready(open(path), beginning)} {}

  void begin() override { begin_.run(); }
  void commit() override { commit_.run(); }
  /// Refused where the failure has rolled back already.
  void roll_back() noexcept override { sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr); }
  std::int64_t amount(Account account, const std::string& name) override {
    const std::int64_t amount = amount_.run(name_of(account), name) ? amount_.number(0) : 0;
    amount_.done();
    return amount;
  }
  void add(Account account, const std::string& name, std::int64_t amount) override {
    add_.run(amount, name_of(account), name);
  }
  std::optional<SagaAnswer> answer(const std::string& key) override {
    std::optional<SagaAnswer> found;
    if (answer_.run(key)) found = SagaAnswer{answer_.number(0) != 0, answer_.text(1)};
    answer_.done();
    return found;
  }
  void note(const std::string& key, const SagaAnswer& answer) override {
    note_.run(key, std::int64_t{answer.is_done}, answer.reason);
  }
  Holdings holdings() override {
    Holdings all;
    Statement rows{database_.get(), "SELECT account, name, amount FROM holding"};
    for (bool is_row = rows.run(); is_row; is_row = rows.next()) {
      const std::string account = rows.text(0);
      if (account == name_of(Account::Stock)) all.stock[rows.text(1)] = rows.number(2);
      if (account == name_of(Account::Money)) all.money[rows.text(1)] = rows.number(2);
      if (account == name_of(Account::Paid)) all.paid = rows.number(2);
      if (account == name_of(Account::Shipped)) all.shipped = rows.number(2);
    }
    return all;
  }

 private:
  std::unique_ptr<sqlite3, Close> database_;
  Statement begin_{database_.get(), "BEGIN IMMEDIATE"};
  Statement commit_{database_.get(), "COMMIT"};
  Statement amount_{database_.get(), "SELECT amount FROM holding WHERE account = ? AND name = ?"};
  Statement add_{database_.get(), "UPDATE holding SET amount = amount + ? WHERE account = ? AND name = ?"};
  Statement answer_{database_.get(), "SELECT is_done, reason FROM applied WHERE key = ?"};
  Statement note_{database_.get(), "INSERT INTO applied VALUES(?, ?, ?)"};
};

}  // namespace

std::shared_ptr<Storage> make_sqlite_storage(const std::string& path, const Holdings& beginning) {
  return std::make_shared<SqliteStorage>(path, beginning);
}

#endif
