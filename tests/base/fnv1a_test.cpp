#include "coppice/base/fnv1a.hpp"

#include "catch.hpp"

namespace coppice {
namespace {

using detail::Fnv1a;

TEST_CASE("a digest is that of its source whether its bytes come at once or in pieces") {
  STATIC_REQUIRE(Fnv1a{}.value() == 0xcbf2'9ce4'8422'2325);
  STATIC_REQUIRE(Fnv1a{}.add("a").value() == 0xaf63'dc4c'8601'ec8c);  // the source's test vectors
  STATIC_REQUIRE(Fnv1a{}.add("foobar").value() == 0x8594'4171'f739'67e8);
  CHECK(Fnv1a{}.add("foo").add("").add("bar").value() == Fnv1a{}.add("foobar").value());
  CHECK(Fnv1a{}.add(std::uint64_t{0x0807'0605'0403'0201}).value() ==
        Fnv1a{}.add("\x01\x02\x03\x04\x05\x06\x07\x08").value());
  CHECK(Fnv1a{}.add(std::uint64_t{0}).value() != Fnv1a{}.value());
}

}  // namespace
}  // namespace coppice
