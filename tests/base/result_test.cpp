#include "coppice/base/result.hpp"

#include <memory>
#include <stdexcept>
#include <string>

#include "catch.hpp"

namespace coppice {
namespace {

enum class Trouble { Small, Big };

TEST_CASE("a result holds its value") {
  const Result<std::string, Trouble> result{std::string{"fine"}};
  REQUIRE(result.has_value());
  CHECK(static_cast<bool>(result));
  CHECK(result.value() == "fine");
  CHECK(*result == "fine");
  CHECK(result->size() == 4);
  CHECK(result.value_or("else") == "fine");
}

TEST_CASE("a result holds its error") {
  const Result<std::string, Trouble> result{Error{Trouble::Big}};
  CHECK_FALSE(result.has_value());
  CHECK_FALSE(static_cast<bool>(result));
  CHECK(result.error() == Trouble::Big);
  CHECK(result.value_or("else") == "else");
}

TEST_CASE("a result of one type for value and error keeps them apart") {
  const Result<int, int> value{1};
  const Result<int, int> error{Error{1}};
  CHECK(value.value() == 1);
  CHECK(error.error() == 1);
  CHECK_FALSE(value == error);
}

TEST_CASE("a result moves a value that cannot be copied") {
  Result<std::unique_ptr<int>, Trouble> result{std::make_unique<int>(7)};
  Result<std::unique_ptr<int>, Trouble> moved{std::move(result)};
  REQUIRE(moved);
  const std::unique_ptr<int> value = std::move(moved).value();
  CHECK(*value == 7);
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<Result<std::unique_ptr<int>, Trouble>>);
}

TEST_CASE("a result is copied and assigned over whatever it held") {
  using Text = Result<std::string, Trouble>;
  const Text value{std::string{"a text that is too long for the small buffer of a string"}};
  const Text error{Error{Trouble::Small}};
  Text result{value};
  CHECK(result == value);
  result = error;
  CHECK(result == error);
  result = value;
  CHECK(result == value);
  result = Text{result};
  CHECK(result == value);
}

TEST_CASE("every value a result has held is destroyed once") {
  const auto counted = std::make_shared<int>(1);
  {
    Result<std::shared_ptr<int>, Trouble> result{counted};
    CHECK(counted.use_count() == 2);
    result = Error{Trouble::Big};
    CHECK(counted.use_count() == 1);
    result = counted;
    auto copy = result;
    CHECK(counted.use_count() == 3);
  }
  CHECK(counted.use_count() == 1);
}

TEST_CASE("results are equal when both the kind and what they hold are") {
  using Number = Result<int, Trouble>;
  CHECK(Number{1} == Number{1});
  CHECK_FALSE(Number{1} == Number{2});
  CHECK_FALSE(Number{1} == Number{Error{Trouble::Small}});
  CHECK(Number{Error{Trouble::Small}} == Number{Error{Trouble::Small}});
  CHECK_FALSE(Number{Error{Trouble::Small}} == Number{Error{Trouble::Big}});
}

TEST_CASE("a result of nothing is success or the reason why not") {
  using Done = Result<void, Trouble>;
  const Done done;
  const Done not_done{Error{Trouble::Small}};
  CHECK(done.has_value());
  done.value();
  REQUIRE_FALSE(not_done);
  CHECK(not_done.error() == Trouble::Small);
  CHECK(done == Done{});
  CHECK_FALSE(done == not_done);
}

}  // namespace
}  // namespace coppice
