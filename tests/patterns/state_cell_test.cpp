#include "coppice/patterns/state_cell.hpp"

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "support/scale.hpp"

namespace coppice {
namespace {

struct Odd {  // not a whole number of words, with padding
  char first;
  std::uint32_t second;
  char third;
  friend bool operator==(const Odd&, const Odd&) = default;
};
struct NoDefault {
  explicit NoDefault(int n) : number{n} {}
  int number;
};
struct Whole {
  std::array<std::uint64_t, 128> same{};
  static Whole of(std::uint64_t n) {
    Whole whole;
    whole.same.fill(n);
    return whole;
  }
  [[nodiscard]] bool is_whole() const {
    for (const std::uint64_t each : same)
      if (each != same[0]) return false;
    return true;
  }
};
/// The same with an owner of memory in it.
struct Text {
  std::string text;
  static Text of(std::uint64_t n) { return {std::string(40, static_cast<char>('a' + n % 26))}; }
  [[nodiscard]] bool is_whole() const { return text == std::string(40, text[0]); }
};

TEST_CASE("a look finds the latest value and its number") {  // F46
  StateCell<Odd> cell{{'a', 1, 'b'}};
  CHECK(cell.peek()->second == 1);
  CHECK(cell.peek().sequence() == 1);
  CHECK(cell.set({'c', 2, 'd'}) == 2);
  const auto second = cell.peek();
  CHECK(*second == Odd{'c', 2, 'd'});
  CHECK(second.sequence() == 2);
  for (std::uint32_t n = 3; n <= 20; ++n) CHECK(cell.set({'x', n, 'y'}) == n);
  CHECK(*cell.peek() == Odd{'x', 20, 'y'});
  CHECK(*second == Odd{'c', 2, 'd'});
  CHECK(cell.sequence() == 20);
}

TEST_CASE("a look since a number finds something only when there is something else") {  // F46
  StateCell<std::string> cell{"one"};
  CHECK(cell.changed_since(0)->value() == "one");
  CHECK_FALSE(cell.changed_since(1));
  cell.set("two");
  cell.set("three");
  const auto changed = cell.changed_since(1);
  REQUIRE(changed);
  CHECK(**changed == "three");
  CHECK((*changed)->size() == 5);
  CHECK_FALSE(cell.changed_since(changed->sequence()));
}

TEST_CASE("any value will do") {  // F46
  StateCell<NoDefault> plain{NoDefault{3}};
  plain.set(NoDefault{4});
  CHECK(plain.peek()->number == 4);
  StateCell<std::unique_ptr<int>> move_only{std::make_unique<int>(5)};
  const auto before = move_only.peek();
  move_only.set(std::make_unique<int>(6));
  CHECK(**move_only.peek() == 6);
  CHECK(**before == 5);
  using Large = std::array<std::uint64_t, 4'000>;
  StateCell<Large> large{Large{}};
  const auto empty = large.peek();
  Large full;
  full.fill(7);
  large.set(full);
  CHECK((*empty)[3'999] == 0);
  CHECK((*large.peek())[3'999] == 7);
  StateCell<bool> by_default;
  CHECK_FALSE(*by_default.peek());
  CHECK(by_default.sequence() == 1);
}

TEST_CASE("a value lives until the last snapshot of it has gone") {  // F46
  auto counted = std::make_shared<int>(1);
  StateCell<std::shared_ptr<int>> cell{counted};
  {
    const auto snapshot = cell.peek();
    cell.set(nullptr);
    CHECK(counted.use_count() == 2);
  }
  CHECK(counted.use_count() == 1);
}

struct ThrowsWhenMoved {
  ThrowsWhenMoved() = default;
  ThrowsWhenMoved(ThrowsWhenMoved&& other) : number{other.number} {  // NOLINT(bugprone-exception-escape): its purpose
    if (other.number == 13) throw std::runtime_error{"moved"};
  }
  int number = 0;
};

TEST_CASE("a value that cannot be made leaves the one before") {  // F46
  StateCell<ThrowsWhenMoved> cell;
  ThrowsWhenMoved good;
  good.number = 12;
  cell.set(std::move(good));
  ThrowsWhenMoved bad;
  bad.number = 13;
  CHECK_THROWS(cell.set(std::move(bad)));
  CHECK(cell.peek()->number == 12);
  CHECK(cell.sequence() == 2);
}

/// Two writers, two readers: each value is whole, and numbers never go back.
template <class T>
void look_and_set(std::size_t count) {
  StateCell<T> cell{T::of(0)};
  const std::size_t rounds = testing::scaled(count);
  detail::Atomic<bool> torn{false};
  detail::Atomic<bool> went_back{false};
  detail::Atomic<int> writing{2};
  std::vector<std::thread> threads;
  for (std::uint64_t writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&, writer] {
      std::uint64_t last = 0;
      for (std::uint64_t i = 0; i < rounds; ++i) {
        const std::uint64_t number = cell.set(T::of(2 * i + writer));
        if (number <= last) went_back = true;
        last = number;
      }
      --writing;
    });
  }
  for (int reader = 0; reader < 2; ++reader) {
    threads.emplace_back([&] {
      std::uint64_t last = 0;
      while (writing > 0) {
        const auto snapshot = cell.peek();
        if (!snapshot->is_whole()) torn = true;
        if (snapshot.sequence() < last) went_back = true;
        last = snapshot.sequence();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK_FALSE(torn.load());
  CHECK_FALSE(went_back.load());
  CHECK(cell.sequence() == 2 * rounds + 1);
  CHECK(cell.peek()->is_whole());
}

TEST_CASE("readers of plain bytes always see a whole value and numbers that grow") {
  look_and_set<Whole>(300'000);
}  // F46
TEST_CASE("readers of any object always see a whole value and numbers that grow") {
  look_and_set<Text>(1'000'000);
}  // F46

TEST_CASE("what happened before a value was set is seen by whoever finds it") {  // F46, [X2]
  StateCell<std::uint64_t> cell{0};
  const std::size_t rounds = testing::scaled(20'000);
  std::vector<int> plain(rounds + 1, 0);  // written without atomics: ThreadSanitizer watches
  std::thread writer{[&] {
    for (std::uint64_t i = 1; i <= rounds; ++i) {
      plain[i] = 1;
      cell.set(i);
    }
  }};
  std::uint64_t seen = 0;
  bool all = true;
  while (seen < rounds) {
    seen = *cell.peek();
    if (seen > 0 && plain[seen] != 1) all = false;
  }
  writer.join();
  CHECK(all);
}

}  // namespace
}  // namespace coppice
