#include "coppice/actor/exit_reason.hpp"

#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"

namespace coppice {
namespace {

template <class T>
ExitReason thrown(T&& value) {
  return ExitReason::from_exception(std::make_exception_ptr(std::forward<T>(value)));
}

TEST_CASE("normal and shutdown are the normal reasons") {
  CHECK(ExitReason{}.kind() == ExitReason::Kind::Normal);
  CHECK(ExitReason::normal().is_normal());
  CHECK(ExitReason::shutdown().is_normal());
  CHECK(ExitReason::shutdown("restart limit reached").is_normal());
  CHECK_FALSE(ExitReason::killed().is_normal());
  CHECK_FALSE(ExitReason::no_proc().is_normal());
  CHECK_FALSE(ExitReason::error("disk full").is_normal());
}

TEST_CASE("a reason is compared by kind and text") {
  CHECK(ExitReason::error("a") == ExitReason::error("a"));
  CHECK_FALSE(ExitReason::error("a") == ExitReason::error("b"));
  CHECK_FALSE(ExitReason::error("a") == ExitReason::shutdown("a"));
  CHECK(ExitReason::shutdown("") == ExitReason::shutdown());
}

TEST_CASE("a reason names the chain of what led to it") {
  const auto reason = ExitReason::shutdown("restart limit reached", ExitReason::error("disk full"));
  REQUIRE(reason.cause() != nullptr);
  CHECK(*reason.cause() == ExitReason::error("disk full"));
  CHECK(reason.cause()->cause() == nullptr);
  CHECK(ExitReason::error("disk full").to_string() == "error: disk full");
  CHECK(reason.to_string() == "shutdown: restart limit reached, because error: disk full");
  CHECK_FALSE(ExitReason::normal().to_string().empty());
}

TEST_CASE("a long chain of causes is built, shown and destroyed without recursion") {
  ExitReason reason = ExitReason::error("the first");
  for (int i = 0; i < 1'000'000; ++i) reason = ExitReason::error("next", reason);
  CHECK_THAT(reason.to_string(), testing::has_text("error: next"));
}

TEST_CASE("a standard exception keeps its words and itself") {
  const auto reason = thrown(std::runtime_error{"disk full"});
  CHECK(reason.kind() == ExitReason::Kind::Error);
  CHECK(reason.text() == "disk full");
  REQUIRE(reason.exception() != nullptr);
  CHECK_THROWS_AS(std::rethrow_exception(reason.exception()), std::runtime_error);
  CHECK_FALSE(thrown(std::bad_alloc{}).text().empty());
}

TEST_CASE("what is no exception is named by its type") {
  CHECK_THAT((std::string{thrown(42).text()}), testing::has_text("int"));
  struct Custom {};
  CHECK_THAT((std::string{thrown(Custom{}).text()}), testing::has_text("Custom"));
  CHECK_FALSE(thrown("words").text().empty());
  CHECK_FALSE(thrown(std::string{"words"}).text().empty());
}

struct NullWhat : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return nullptr; }
};
struct VastWhat : std::exception {
  std::string words = std::string(10'000'000, 'x');  // NOLINT(bugprone-string-constructor): vast, as it says
  [[nodiscard]] const char* what() const noexcept override { return words.c_str(); }
};

TEST_CASE("a hostile what() does no harm") {
  CHECK(thrown(NullWhat{}).kind() == ExitReason::Kind::Error);
  CHECK_FALSE(thrown(NullWhat{}).to_string().empty());
  CHECK(thrown(VastWhat{}).kind() == ExitReason::Kind::Error);
}

TEST_CASE("no exception at all is still a reason") {
  const auto reason = ExitReason::from_exception(nullptr);
  CHECK_FALSE(reason.is_normal());
  CHECK_FALSE(reason.to_string().empty());
}

TEST_CASE("copies of a reason outlive the one they were made from") {
  std::vector<ExitReason> copies;
  {
    const auto reason = ExitReason::error("a text that does not fit into a small buffer", ExitReason::error("cause"));
    for (int i = 0; i < 3; ++i) copies.push_back(reason);
  }
  for (const auto& copy : copies) {
    CHECK(copy.text() == "a text that does not fit into a small buffer");
    CHECK(copy.cause()->text() == "cause");
  }
}

TEST_CASE("every kind of reason has a name") {
  for (const auto kind : {ExitReason::Kind::Normal, ExitReason::Kind::Shutdown, ExitReason::Kind::Killed,
                          ExitReason::Kind::NoProc, ExitReason::Kind::Error}) {
    CHECK_FALSE(std::string{to_string(kind)}.empty());
  }
}

}  // namespace
}  // namespace coppice
