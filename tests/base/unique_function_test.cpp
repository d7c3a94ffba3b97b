#include "coppice/base/unique_function.hpp"

#include <array>
#include <memory>
#include <stdexcept>
#include <string>

#include "catch.hpp"

namespace coppice {
namespace {

TEST_CASE("an empty function says that it is empty") {
  const UniqueFunction<void()> made_empty{};
  const UniqueFunction<void()> null = nullptr;
  CHECK_FALSE(static_cast<bool>(made_empty));
  CHECK_FALSE(static_cast<bool>(null));
}

TEST_CASE("a function calls what it was made from") {
  UniqueFunction<int(int, int)> add = [](int a, int b) { return a + b; };
  REQUIRE(static_cast<bool>(add));
  CHECK(add(2, 3) == 5);
}

TEST_CASE("a function keeps its state from call to call") {
  UniqueFunction<int()> next = [n = 0]() mutable { return ++n; };
  CHECK(next() == 1);
  CHECK(next() == 2);
  UniqueFunction<int()> moved = std::move(next);
  CHECK(moved() == 3);
}

TEST_CASE("a function keeps what cannot be copied") {
  UniqueFunction<int()> read = [p = std::make_unique<int>(9)] { return *p; };
  UniqueFunction<int()> moved{std::move(read)};
  CHECK(moved() == 9);
  CHECK_FALSE(static_cast<bool>(read));  // NOLINT(bugprone-use-after-move): moved from means empty
}

TEST_CASE("a function passes on arguments that cannot be copied") {
  UniqueFunction<std::unique_ptr<int>(std::unique_ptr<int>)> increment = [](std::unique_ptr<int> p) {
    ++*p;
    return p;
  };
  CHECK(*increment(std::make_unique<int>(1)) == 2);
}

TEST_CASE("a function passes references through") {
  UniqueFunction<void(std::string&)> append = [](std::string& s) { s += "!"; };
  std::string text = "hey";
  append(text);
  CHECK(text == "hey!");
}

struct Small {
  std::shared_ptr<int> counted;
  int operator()() const { return 1; }
};
struct Large {
  std::shared_ptr<int> counted;
  std::array<char, 200> ballast{};
  int operator()() const { return 2; }
};
struct ThrowsWhenMoved {
  std::shared_ptr<int> counted;
  explicit ThrowsWhenMoved(std::shared_ptr<int> c) : counted{std::move(c)} {}
  ThrowsWhenMoved(const ThrowsWhenMoved&) = default;
  ThrowsWhenMoved(ThrowsWhenMoved&& other) noexcept(false) : counted{other.counted} {}
  int operator()() const { return 3; }
};

TEMPLATE_TEST_CASE("what a function holds is moved along and destroyed once", "", Small, Large, ThrowsWhenMoved) {
  const auto counted = std::make_shared<int>(0);
  {
    UniqueFunction<int()> first = TestType{counted};
    CHECK(counted.use_count() == 2);
    UniqueFunction<int()> second = std::move(first);
    CHECK(counted.use_count() == 2);
    CHECK(second() > 0);
    UniqueFunction<int()> third = TestType{counted};
    CHECK(counted.use_count() == 3);
    third = std::move(second);
    CHECK(counted.use_count() == 2);
    UniqueFunction<int()>& alias = third;
    third = std::move(alias);
    CHECK(counted.use_count() == 2);
    third = nullptr;
    CHECK(counted.use_count() == 1);
  }
  CHECK(counted.use_count() == 1);
}

TEST_CASE("what the callable throws comes out of the call") {
  UniqueFunction<void()> fail = [] { throw std::runtime_error{"as called"}; };
  CHECK_THROWS_WITH(fail(), "as called");
  CHECK_THROWS_WITH(fail(), "as called");
}

struct ThrowsWhenCopied {
  ThrowsWhenCopied() = default;
  ThrowsWhenCopied(const ThrowsWhenCopied&) { throw std::runtime_error{"no copy"}; }
  void operator()() const {}
};

TEST_CASE("a callable that cannot be copied in leaves nothing behind") {
  const ThrowsWhenCopied callable;
  CHECK_THROWS_WITH(UniqueFunction<void()>{callable}, "no copy");
}

}  // namespace
}  // namespace coppice
