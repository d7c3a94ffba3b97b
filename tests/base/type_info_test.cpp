#include "coppice/base/type_info.hpp"

#include <string>
#include <vector>

#include "catch.hpp"

namespace coppice::type_info_test {

struct Ping {};
template <class T, int N>
struct Box {};

TEST_CASE("the name of a type is the one in the source") {
  using detail::type_name;
  CHECK(type_name<int>() == "int");
  CHECK(type_name<Ping>() == "coppice::type_info_test::Ping");
  CHECK_THAT((std::string{type_name<Box<Ping, 3>>()}), testing::has_text("Box<coppice::type_info_test::Ping, 3>"));
  CHECK_THAT((std::string{type_name<std::vector<int>>()}), testing::has_text("vector<int"));
}

TEST_CASE("types are told apart and recognised") {
  using detail::kTypeInfo;
  using detail::same_type;
  CHECK(same_type(&kTypeInfo<Ping>, &kTypeInfo<Ping>));
  CHECK_FALSE(same_type(&kTypeInfo<Ping>, &kTypeInfo<int>));
  const detail::TypeInfo from_another_library{kTypeInfo<Ping>.name};
  CHECK(same_type(&kTypeInfo<Ping>, &from_another_library));
}

}  // namespace coppice::type_info_test
