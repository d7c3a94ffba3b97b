#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"
#include "support/test_end.hpp"
#include "system/report_printer.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using detail::ReportPrinter;
using testing::TestSystem;

struct Bang {};
struct Pester;
struct Fragile : Actor<Fragile> {
  void handle(Bang) { throw std::runtime_error{"boom"}; }
  void handle(const Pester& pester);
};

struct Pester {
  ActorRef<Fragile> whom;
};
void Fragile::handle(const Pester& pester) { pester.whom.send(Bang{}, {.reply_to = self()}); }

/// A file that is gone when the test is.
class Paper {
 public:
  Paper() : file_{std::tmpfile()} { REQUIRE(file_ != nullptr); }
  ~Paper() { std::fclose(file_); }
  Paper(const Paper&) = delete;
  Paper& operator=(const Paper&) = delete;
  [[nodiscard]] std::FILE* file() const { return file_; }
  [[nodiscard]] std::string text() const {
    std::fflush(file_);
    REQUIRE(std::fseek(file_, 0, SEEK_SET) == 0);
    std::string text;
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) text += static_cast<char>(c);
    return text;
  }

 private:
  std::FILE* file_;
};

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

TEST_CASE("a crash loop is printed so often a second and what was left out is told") {
  Paper paper;
  ReportPrinter printer{paper.file(), 10};
  testing::TestOptions options;
  options.system.on_report = [&](const SupervisorReport& report) { printer.print(report); };
  TestSystem system{std::move(options)};
  const auto root = system.start(
      supervisor({.id = "app", .intensity = {.restarts = 100'000, .within = 5s}}, children<Fragile>(100, "w-{}")));
  REQUIRE(root);
  const auto crash_all = [&] {
    for (int i = 1; i <= 100; ++i) root->child<Fragile>("w-" + std::to_string(i)).value().send(Bang{});
    system.run_until_idle();
  };
  crash_all();
  CHECK(count_of(paper.text(), " crashed\n") == 10);
  system.advance(999ms);
  crash_all();
  CHECK(count_of(paper.text(), " crashed\n") == 10);  // the same second
  system.advance(1ms);
  crash_all();
  const std::string text = paper.text();
  CHECK(count_of(text, " crashed\n") == 20);
  CHECK(count_of(text, "coppice: 190 reports were left out, since only 10 are printed in a second\n") == 1);
  testing::check_end(system);
  printer.flush();
  CHECK(paper.text().ends_with("coppice: 90 reports were left out, since only 10 are printed in a second\n"));
  printer.flush();
  CHECK(count_of(paper.text(), "left out") == 2);  // once each
}

TEST_CASE("reports of many threads come whole and each is printed or counted") {
  Paper paper;
  ReportPrinter printer{paper.file(), 1'000};
  constexpr int kEach = 500;
  const SupervisorReport report{
      .kind = EventKind::ChildFailed, .path = "app/w", .type = "W", .reason = ExitReason::error("boom")};
  const std::string whole = to_string(report);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) printer.print(report);
    });
  }
  threads.clear();
  printer.flush();
  const std::string text = paper.text();
  CHECK(count_of(text, whole) == 1'000);
  CHECK(text.ends_with("coppice: 1000 reports were left out, since only 1000 are printed in a second\n"));
  CHECK(count_of(text, "coppice: ") == 1'001);
}

/// What the process says on stderr until this is gone.
class Overheard {
 public:
  Overheard() : before_{::dup(STDERR_FILENO)} {
    std::fflush(stderr);
    REQUIRE(::dup2(::fileno(paper_.file()), STDERR_FILENO) >= 0);
  }
  ~Overheard() { static_cast<void>(end()); }
  Overheard(const Overheard&) = delete;
  Overheard& operator=(const Overheard&) = delete;
  [[nodiscard]] std::string end() {
    if (before_ < 0) return {};
    std::fflush(stderr);
    ::dup2(before_, STDERR_FILENO);
    ::close(std::exchange(before_, -1));
    return paper_.text();
  }

 private:
  Paper paper_;
  int before_;
};

TEST_CASE("dead letters are printed where that is wished") {
  SystemOptions options;
  options.dead_letters_per_second = 100;
  Overheard overheard;
  {
    ActorSystem system{std::move(options)};
    const auto gone = system.spawn<Fragile>({.name = "gone"});
    CHECK(system.stop(gone).get());
    gone.send(Bang{});
    system.spawn<Fragile>({.name = "who"}).send(Pester{gone});
    CHECK(testing::at_rest(system));
    testing::check_end(system);
  }
  const std::string text = overheard.end();
  CAPTURE(text);
  CHECK(count_of(text, "coppice: dead letter: ") == 2);
  CHECK(count_of(text, "Bang to gone: closed\n") == 1);
  CHECK(count_of(text, "Bang to gone from who: closed\n") == 1);
}

TEST_CASE("the limit of reports must be one at least") {
  SystemOptions options;
  options.reports_per_second = 0;
  ActorSystem system{std::move(options)};
  REQUIRE_FALSE(system.status());
  CHECK_THAT(system.status().error().text, testing::has_text("reports_per_second"));
}

}  // namespace
}  // namespace coppice
