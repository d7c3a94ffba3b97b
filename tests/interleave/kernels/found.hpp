#pragma once

#include <cstdlib>
#include <string>

#include "catch.hpp"
#include "interleave/engine/engine.hpp"

namespace coppice::interleave {

#if __has_include(<catch2/catch_test_macros.hpp>)
using ExploredMatcher = Catch::Matchers::MatcherGenericBase;
#else
using ExploredMatcher = Catch::MatcherBase<Explored>;
#endif

inline constexpr std::uint64_t kAnyNumber = ~std::uint64_t{0};

/// CHECK_THAT(explore(...), found(executions, redundant)): nothing failed, and the search is as large as it was when the
/// test was written. Where a kernel changes on purpose the numbers do too: look that they are what was meant.
class Found final : public ExploredMatcher {
 public:
  Found(std::uint64_t executions, std::uint64_t redundant) : executions_{executions}, redundant_{redundant} {}
  [[nodiscard]] bool match(const Explored& explored) const override {
    said_ = explored.failure;
    return explored.holds() && (is_other() || executions_ == kAnyNumber ||
                                (explored.executions == executions_ && explored.redundant == redundant_));
  }
  [[nodiscard]] std::string describe() const override {
    return said_.empty() ? "is not the search it was: " + numbers() : said_;
  }

 private:
  /// One schedule was asked for, or an order is weakened: then the numbers are others.
  [[nodiscard]] static bool is_other() { return is_weakened || std::getenv("COPPICE_SCHEDULE") != nullptr; }
  [[nodiscard]] std::string numbers() const {
    return "{" + std::to_string(executions_) + ", " + std::to_string(redundant_) + "}";
  }
  std::uint64_t executions_;
  std::uint64_t redundant_;
  mutable std::string said_;
};

/// The same for orders that are drawn: how many, COPPICE_TEST_SCALE says.
[[nodiscard]] inline Found holds() { return {kAnyNumber, 0}; }
[[nodiscard]] inline Found found(std::uint64_t executions, std::uint64_t redundant) { return {executions, redundant}; }

}  // namespace coppice::interleave

namespace Catch {
template <>
struct StringMaker<coppice::interleave::Explored> {
  static std::string convert(const coppice::interleave::Explored& explored) {
    return "{" + std::to_string(explored.executions) + ", " + std::to_string(explored.redundant) + "}";
  }
};
}  // namespace Catch
