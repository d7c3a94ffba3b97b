#include "coppice/journals/sqlite_journal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <utility>

#include "catch.hpp"
#include "coppice/system/actor_system.hpp"
#include "coppice/system/pinned_thread.hpp"
#include "support/ending.hpp"
#include "support/scale.hpp"

namespace coppice {
namespace {

namespace fs = std::filesystem;

/// A folder that is gone when the test is. In memory where that is to be had: processes are killed here and not
/// machines, so nothing rests on a disk.
struct Folder {
  Folder() {
    const fs::path memory{"/dev/shm"};
    const fs::path home = fs::is_directory(memory) ? memory : fs::temp_directory_path();
    std::string name = (home / "coppice_journal_XXXXXX").string();  // mkdtemp() fills in the rest
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }
  [[nodiscard]] std::string file(const char* name = "sagas.db") const { return (path / name).string(); }
  fs::path path;
};

std::string bytes_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
}
void put_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream{path, std::ios::binary | std::ios::trunc} << bytes;
}
void run_sql(const std::string& path, const char* sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  REQUIRE(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
}

std::shared_ptr<SqliteJournal> opened(const std::string& path, const std::string& subject = "orders") {
  auto journal = SqliteJournal::open({.path = path, .subject = subject});
  CAPTURE(journal ? "" : journal.error());
  REQUIRE(journal);
  return *journal;
}
std::string refusal(const std::string& path, const std::string& subject = "orders") {
  auto journal = SqliteJournal::open({.path = path, .subject = subject});
  if (!journal) return journal.error();
  const auto records = (*journal)->load();
  return records ? "" : records.error();
}

const std::vector<SagaRecord> kSome{{"7", SagaEvent::Begun, "", "a payload"},
                                    {"7", SagaEvent::StepBegun, "charge", ""},
                                    {"7", SagaEvent::StepRefused, "charge", "card declined"},
                                    {"7", SagaEvent::Compensated, "", ""}};

TEST_CASE("a journal on disk answers what was appended in that order") {  // [J1]
  const Folder folder;
  {
    const auto journal = opened(folder.file());
    CHECK(journal->load()->empty());
    CHECK(journal->append({kSome.data(), 2}));
    CHECK(journal->append({}));
    CHECK(journal->append({kSome.data() + 2, 2}));
    CHECK(*journal->load() == kSome);
  }
  CHECK(*opened(folder.file())->load() == kSome);
}

TEST_CASE("a journal on disk keeps any bytes of a text") {
  const Folder folder;
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::vector<SagaRecord> strange{{all, SagaEvent::Begun, "", std::string(1'000'000, '\0')},
                                        {"", SagaEvent::Begun, "", all}};
  REQUIRE(opened(folder.file())->append(strange));
  CHECK(*opened(folder.file())->load() == strange);
}

TEST_CASE("an empty file becomes a journal and what is no file does not") {
  const Folder folder;
  put_bytes(folder.file("empty"), "");
  CHECK(refusal(folder.file("empty")).empty());
  CHECK_THAT(refusal(folder.path.string()), Catch::Contains("directory"));
  CHECK_THAT(refusal(folder.file("no/such")), Catch::Contains("No such file"));
  REQUIRE(::mkfifo(folder.file("pipe").c_str(), 0600) == 0);
  CHECK_THAT(refusal(folder.file("pipe")), Catch::Contains("not a regular file"));
  CHECK_THAT(refusal("/dev/null"), Catch::Contains("not a regular file"));
}

TEST_CASE("a file of somebody else is refused and not a byte of it changes") {
  const Folder folder;
  const std::string path = folder.file();
  const auto refused = [&](const char* why) {
    const std::string before = bytes_of(path);
    CHECK_THAT(refusal(path), Catch::Contains(why));
    CHECK(bytes_of(path) == before);
  };
  put_bytes(path, "x");
  refused("not an SQLite database");
  put_bytes(path, std::string(9'000, 'x'));
  refused("not an SQLite database");
  put_bytes(path, std::string("SQLite format 3\0", 16));
  refused("not an SQLite database");
  put_bytes(path, "");
  run_sql(path, "CREATE TABLE t(a)");
  refused("of another program");
  run_sql(path, "PRAGMA application_id = 1129271379; PRAGMA user_version = 2");
  refused("version 2; this program knows version 1");
  run_sql(path, "PRAGMA user_version = 1");
  refused("it is damaged: no such table");
}

TEST_CASE("a journal of another subject is refused and keeps its records") {
  const Folder folder;
  REQUIRE(opened(folder.file())->append(kSome));
  const std::string before = bytes_of(folder.file());
  CHECK(refusal(folder.file(), "others") == "it was begun with \"orders\" and not with \"others\"");
  CHECK(bytes_of(folder.file()) == before);
  CHECK(*opened(folder.file())->load() == kSome);
}

/// A process that is there already: of what happens here from now on it knows nothing but the files.
class Stranger {
 public:
  /// `work` answers whether all went well.
  template <class Work>
  explicit Stranger(Work work) {
    REQUIRE(::pipe(start_) == 0);
    child_ = ::fork();
    if (child_ != 0) return;
    char byte = 0;
    const bool told = ::read(start_[0], &byte, 1) == 1;
    ::_exit(told && work() ? 0 : 1);
  }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;
  ~Stranger() {
    if (child_ > 0) CHECK(work());
    ::close(start_[0]);
    ::close(start_[1]);
  }
  /// Lets it work, and waits until it is gone.
  bool work() {
    int status = 0;
    const bool told = ::write(start_[1], "+", 1) == 1;
    ::waitpid(std::exchange(child_, 0), &status, 0);
    return told && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  int start_[2] = {};
  pid_t child_ = 0;
};

TEST_CASE("a journal that another process has open is refused") {
  const Folder folder;
  Stranger other{[&] { return refusal(folder.file()) == "another process has it open"; }};
  const auto journal = opened(folder.file());
  CHECK(other.work());
  CHECK(journal->append(kSome));
}

TEST_CASE("a journal that is refused because this process has it open loses nothing") {  // [J1]
  const Folder folder;
  const std::string path = folder.file();
  const std::string other_name = folder.file("link");
  // Once the locks here are gone nobody has it open, as SQLite sees it there: then it ends the write-ahead log, and what
  // is appended from then on is in a file without a name.
  const auto sees = [&](int rows) {
    sqlite3* database = nullptr;
    sqlite3_stmt* count = nullptr;
    const bool right =
        sqlite3_open(path.c_str(), &database) == SQLITE_OK &&
        sqlite3_prepare_v2(database, "SELECT count(*) FROM saga_record", -1, &count, nullptr) == SQLITE_OK &&
        sqlite3_step(count) == SQLITE_ROW && sqlite3_column_int(count, 0) == rows;
    sqlite3_finalize(count);
    return sqlite3_close(database) == SQLITE_OK && right;
  };
  Stranger reader{[&] { return sees(2); }};
  Stranger later_reader{[&] { return sees(4); }};
  {
    const auto journal = opened(path);
    REQUIRE(journal->append({kSome.data(), 2}));
    CHECK_THAT(refusal(path), Catch::Contains("has it open"));
    fs::create_symlink(path, other_name);
    CHECK(refusal(other_name) == "this process has it open already");
    CHECK(reader.work());
    REQUIRE(journal->append({kSome.data() + 2, 2}));
    CHECK(later_reader.work());
  }
  CHECK(*opened(path)->load() == kSome);
  CHECK(*opened(other_name)->load() == kSome);
}

TEST_CASE("a record that was changed or taken away or put in is noticed") {
  const Folder folder;
  const std::string path = folder.file();
  REQUIRE(opened(path)->append(kSome));
  const std::string whole = bytes_of(path);
  for (const char* const sql :
       {"UPDATE saga_record SET text = 'a ' WHERE number = 1",
        "UPDATE saga_record SET event = 'step done' WHERE number = 3",
        "UPDATE saga_record SET event = 'nonsense' WHERE number = 3", "UPDATE saga_record SET sum = 0 WHERE number = 4",
        "DELETE FROM saga_record WHERE number = 2", "DELETE FROM saga_record WHERE number = 4",
        "DELETE FROM saga_record", "UPDATE saga_journal SET last = 3", "UPDATE saga_journal SET sum = 0",
        "UPDATE saga_record SET number = 9 WHERE number = 4",
        "INSERT INTO saga_record VALUES(5, 5, '8', 'begun', '', '', 17)"}) {
    CAPTURE(sql);
    put_bytes(path, whole);
    run_sql(path, sql);
    CHECK_THAT(refusal(path), Catch::Contains("it is damaged: row"));
  }
}

TEST_CASE("a journal whose last rows were lost is not continued in silence") {
  const Folder folder;
  REQUIRE(opened(folder.file())->append(kSome));
  run_sql(folder.file(), "DELETE FROM saga_record WHERE number >= 3");
  REQUIRE(opened(folder.file())->append(kSome));
  CHECK_THAT(refusal(folder.file()), Catch::Contains("it is damaged: row"));
}

TEST_CASE("a journal whose log has a row that is not as it was written is refused and stays as it is") {
  const Folder folder;
  const std::string path = folder.file();
  REQUIRE(opened(path)->append(kSome));
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  REQUIRE(sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr) == SQLITE_OK);
  const char* const sql = GENERATE("UPDATE saga_record SET text = 'a ' WHERE number = 1",
                                   "UPDATE saga_record SET event = 'nonsense' WHERE number = 3",
                                   "DELETE FROM saga_record WHERE number = 2");
  REQUIRE(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_close(database) == SQLITE_OK);

  const std::string before = bytes_of(path);
  const std::string log_before = bytes_of(path + "-wal");
  REQUIRE_FALSE(log_before.empty());
  CHECK_THAT(refusal(path), Catch::Contains("it is damaged: row"));
  CHECK(bytes_of(path) == before);
  CHECK(bytes_of(path + "-wal") == log_before);
}

TEST_CASE("a journal that is read writes its log into the file when it is closed") {
  const Folder folder;
  const std::string path = folder.file();
  REQUIRE(opened(path)->append({kSome.data(), 2}));
  CHECK_FALSE(fs::exists(path + "-wal"));
  {
    const auto journal = opened(path);
    REQUIRE(journal->load());
    REQUIRE(journal->append({kSome.data() + 2, 2}));
  }
  CHECK_FALSE(fs::exists(path + "-wal"));
  REQUIRE(opened(path)->append({kSome.data(), 1}));  // not read: it may be damaged
  CHECK(fs::exists(path + "-wal"));
  CHECK(opened(path)->load()->size() == 5);
  CHECK_FALSE(fs::exists(path + "-wal"));
}

TEST_CASE("a journal with spoiled or missing bytes is read as it was or refused") {  // [J1]
  const Folder folder;
  const std::string path = folder.file();
  std::vector<SagaRecord> many;
  for (int i = 0; i < 300; ++i) many.push_back({std::to_string(i), SagaEvent::Begun, "", std::string(50, 'x')});
  REQUIRE(opened(path)->append(many));
  const std::string whole = bytes_of(path);
  std::mt19937_64 random{5};
  std::uint64_t refused = 0;
  const std::uint64_t tries = testing::scaled(200);
  for (std::uint64_t i = 0; i < tries; ++i) {
    std::string spoiled = whole;
    if (i % 4 == 0) {
      spoiled.resize(1 + random() % (spoiled.size() - 1));
    } else {
      char& byte = spoiled[random() % spoiled.size()];
      byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << random() % 8));
    }
    put_bytes(path, spoiled);
    fs::remove(path + "-wal");
    fs::remove(path + "-shm");
    const auto journal = SqliteJournal::open({.path = path, .subject = "orders"});
    if (!journal) {
      CHECK(bytes_of(path) == spoiled);
      ++refused;
      continue;
    }
    const auto records = (*journal)->load();
    if (records) {
      CHECK(*records == many);  // the bit was in what nobody reads
    } else {
      ++refused;
    }
  }
  CHECK(refused >= tries / 4);
}

TEST_CASE("what a killed process had appended is there and of its last append all or nothing") {  // [J1], [J2]
  const Folder folder;
  std::mt19937_64 random{11};
  std::size_t known = 0;
  for (std::uint64_t round = 0; round < testing::scaled(20); ++round) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto journal = SqliteJournal::open({.path = folder.file(), .subject = "orders"});
      while (journal) {
        if (!(*journal)->append(kSome) || ::write(pipe[1], "+", 1) != 1) break;
      }
      ::_exit(1);
    }
    ::close(pipe[1]);
    const std::size_t least = 1 + random() % 20;
    std::size_t answered = 0;
    for (char byte = 0; answered < least && ::read(pipe[0], &byte, 1) == 1;) ++answered;
    ::usleep(static_cast<useconds_t>(random() % 2'000));  // nothing is waited for: this is the moment of the kill
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    for (char byte = 0; ::read(pipe[0], &byte, 1) == 1;) ++answered;
    ::close(pipe[0]);

    const auto records = opened(folder.file())->load();
    REQUIRE(records);
    CHECK(records->size() % kSome.size() == 0);
    CHECK(records->size() / kSome.size() >= known + answered);
    CHECK(records->size() / kSome.size() <= known + answered + 1);
    known = records->size() / kSome.size();
  }
}

/// A process that opens a journal, and says by a pipe when it begins and when it has it.
class Maker {
 public:
  explicit Maker(const std::string& path) {
    REQUIRE(::pipe(said_) == 0);
    child_ = ::fork();
    if (child_ == 0) {
      const bool said = ::write(said_[1], "b", 1) == 1;
      const auto journal = SqliteJournal::open({.path = path, .subject = "orders"});
      ::_exit(said && journal && ::write(said_[1], "e", 1) == 1 ? 0 : 1);
    }
    ::close(said_[1]);
    REQUIRE(hears('b'));
  }
  Maker(const Maker&) = delete;
  Maker& operator=(const Maker&) = delete;
  ~Maker() {
    if (child_ > 0) kill();
    ::close(said_[0]);
  }
  /// Waits for it. False: it has said something else, or is gone.
  bool hears(char wanted) const {
    char byte = 0;
    return ::read(said_[0], &byte, 1) == 1 && byte == wanted;
  }
  /// Whether that came in the middle of it. It has not failed in any case.
  bool kill() {
    ::kill(child_, SIGKILL);
    int status = 0;
    ::waitpid(std::exchange(child_, 0), &status, 0);
    CHECK((WIFSIGNALED(status) || WEXITSTATUS(status) == 0));
    return !hears('e');
  }

 private:
  int said_[2] = {};
  pid_t child_ = 0;
};

/// The middle one of some.
std::chrono::nanoseconds time_to_make() {
  std::vector<std::chrono::nanoseconds> all;
  for (int i = 0; i < 5; ++i) {
    const Folder folder;
    const Maker maker{folder.file()};
    const auto begun = std::chrono::steady_clock::now();
    REQUIRE(maker.hears('e'));
    all.push_back(std::chrono::steady_clock::now() - begun);
  }
  std::ranges::sort(all);
  return all[all.size() / 2];
}

TEST_CASE("a process that is killed while it makes a journal leaves what can be opened") {  // [J2]
  std::mt19937_64 random{13};
  const auto whole = static_cast<std::uint64_t>(time_to_make().count());
  const std::uint64_t rounds = testing::scaled(60);
  std::uint64_t in_middle = 0;
  // Where other processes are busy most kills may come too late: then more of them, and not for ever.
  for (std::uint64_t round = 0; round < rounds || (in_middle < rounds / 4 + 1 && round < rounds * 20); ++round) {
    const Folder folder;
    Maker maker{folder.file()};
    const auto kill_at = std::chrono::steady_clock::now() + std::chrono::nanoseconds{random() % whole};
    while (std::chrono::steady_clock::now() < kill_at) {  // a sleep may last as long as all of it does
    }
    if (maker.kill()) ++in_middle;
    const auto journal = opened(folder.file());
    CHECK(journal->append(kSome));
    CHECK(*journal->load() == kSome);
  }
  CAPTURE(whole, rounds);
  CHECK(in_middle > rounds / 4);
}

TEST_CASE("a writer on a thread of its own writes to disk") {
  const Folder folder;
  {
    ActorSystem system;
    const std::shared_ptr<SagaJournal> journal = opened(folder.file());
    const auto lease = PinnedThread::make(system, {.cpu = thread_affinity().empty() ? 0 : thread_affinity().front()});
    SpawnOptions options = lease ? SpawnOptions{.on = *lease} : SpawnOptions{};
    const auto writer = system.spawn<SagaJournalWriter>(std::move(options), journal);
    CHECK(writer.ask(WriteSagaJournal{kSome}, kForever).get()->has_value());
    CHECK(**writer.ask(ReadSagaJournal{}, kForever).get() == kSome);
    testing::check_end(system);
  }
  CHECK(*opened(folder.file())->load() == kSome);
}

}  // namespace
}  // namespace coppice
