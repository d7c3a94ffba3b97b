#include "scheduler/spare_places.hpp"

#include <set>
#include <vector>

#include "catch.hpp"

namespace coppice::detail {
namespace {

RunTable run_table;

struct Task : Runnable {
  Task() : Runnable{run_table} {}
};

TEST_CASE("what finds no spare place is told so and each that had one comes back once") {
  SparePlaces places;
  CHECK(places.is_empty());
  CHECK(places.pop() == nullptr);
  std::vector<Task> tasks(100);
  std::size_t taken = 0;
  while (places.try_push(tasks[taken])) ++taken;
  CHECK(taken == 64);
  CHECK_FALSE(places.try_push(tasks[taken]));
  std::set<Runnable*> back;
  for (Runnable* each = places.pop(); each != nullptr; each = places.pop()) back.insert(each);
  CHECK(back.size() == taken);
  CHECK(places.is_empty());  // also after those that were refused
  CHECK(places.try_push(tasks[taken]));
  CHECK(places.pop() == &tasks[taken]);
}

}  // namespace
}  // namespace coppice::detail
