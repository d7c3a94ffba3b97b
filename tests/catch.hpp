#pragma once

/// Catch2, whichever of its versions 2 and 3 is installed. Tests include this file and nothing of Catch2's.
///
/// REQUIRE and CHECK are for the thread of the test: an actor reports to a probe, and the test checks what that has
/// seen.

#include <string>

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_adapters.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#else
#include <catch2/catch.hpp>
#endif

namespace coppice::testing {

/// CHECK_THAT(message, has_text("late")): the matcher that the two versions name differently.
inline auto has_text(const std::string& text) {
#if __has_include(<catch2/catch_test_macros.hpp>)
  return Catch::Matchers::ContainsSubstring(text);
#else
  return Catch::Matchers::Contains(text);
#endif
}

}  // namespace coppice::testing
