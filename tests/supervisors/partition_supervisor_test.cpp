#include <map>
#include <string>
#include <vector>

#include "base/platform.hpp"
#include "catch.hpp"
#include "coppice/supervisors/dynamic_supervisor.hpp"
#include "coppice/supervisors/partition_supervisor.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"
#include "support/test_end.hpp"

// Source: Elixir's PartitionSupervisor.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

struct Store : Actor<Store> {
  int handle(std::string key) { return ++seen[key]; }
  int handle(int) { throw std::runtime_error{"boom"}; }
  std::map<std::string, int> seen;
};

TEST_CASE("each key has one partition, and all partitions have keys") {
  TestSystem system;
  const auto root = system.start(partition_supervisor({.id = "stores", .partitions = 4}, child<Store>({}))).value();
  const auto stores = Partitions<Store>::of(root).value();
  REQUIRE(stores.size() == 4);
  std::map<std::uint64_t, int> keys_of;
  for (int i = 0; i < 400; ++i) {
    const std::string key = "key-" + std::to_string(i);
    const auto& store = stores.for_key(key);
    CHECK(store == stores.for_key(std::string_view{key}));
    CHECK(store == stores.for_key(key.c_str()));
    ++keys_of[store.id()];
    CHECK(store.ask(key, 1s).get() == Result<int, AskError>{1});
  }
  CHECK(keys_of.size() == 4);
  for (const auto& [id, keys] : keys_of) CHECK(keys > 50);
  CHECK(stores.for_key(6) == stores[2]);  // a number's by its remainder
  CHECK(stores.for_key(-1) == stores[3]);
  testing::check_end(system);
}

TEST_CASE("a partition that crashes keeps its keys, and the others their state") {
  TestSystem system;
  const auto root = system.start(partition_supervisor({.id = "stores", .partitions = 2}, child<Store>({}))).value();
  const auto stores = Partitions<Store>::of(root).value();
  for (const auto& store : stores.all()) CHECK(store.ask(std::string{"x"}, 1s).get() == Result<int, AskError>{1});
  CHECK_FALSE(stores[0].ask(1, 1s).get());
  CHECK(stores[0].ask(std::string{"x"}, 1s).get() == Result<int, AskError>{1});
  CHECK(stores[1].ask(std::string{"x"}, 1s).get() == Result<int, AskError>{2});
  testing::check_end(system);
}

TEST_CASE("partitions may be supervisors, each with children of its own") {
  testing::Family family;
  TestSystem system;
  const auto root = system
                        .start(supervisor({.id = "app"}, partition_supervisor({.id = "pools", .partitions = 3},
                                                                              dynamic_supervisor({.id = "pool"}))))
                        .value();
  const auto pools = Partitions<DynamicSupervisor>::of(root.child<Supervisor>("pools").value()).value();
  REQUIRE(pools[0].start_child(testing::member(family, "a")));
  REQUIRE(pools[2].start_child(testing::member(family, "b")));
  CHECK(pools[0].count_children()->specs == 1);
  CHECK(pools[1].count_children()->specs == 0);
  CHECK(pools[2].count_children()->specs == 1);
  testing::check_end(system);
}

TEST_CASE("partitions are refused where there are none, or of another class") {
  TestSystem system;
  const auto none = system.start(partition_supervisor({.id = "none", .partitions = 0}, child<Store>({})));
  REQUIRE_FALSE(none);
  CHECK(none.error().kind == StartError::Kind::BadSpec);
  CHECK_THAT(none.error().text, Catch::Contains("partitions is 0"));
  const auto plain = system.start(supervisor({.id = "plain"}, child<Store>({.id = "store"}))).value();
  CHECK(Partitions<Store>::of(plain).error() == LookupError::Unknown);
  const auto stores = system.start(partition_supervisor({.id = "stores"}, child<Store>({}))).value();
  CHECK(Partitions<Supervisor>::of(stores).error() == LookupError::WrongType);
  CHECK(Partitions<Store>::of(stores).value().size() == detail::usable_cpus());  // by default one for each processor
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
