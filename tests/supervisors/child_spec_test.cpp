#include "coppice/supervisors/child_spec.hpp"

#include <algorithm>
#include <memory>

#include "catch.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Family;
using testing::Member;
using testing::TestSystem;

struct Simple : Actor<Simple> {
  explicit Simple(int n = 0) : number{n} {}
  int handle(int) { return number; }
  int number;
};
struct Other : Actor<Other> {
  void handle(int) {}
};

TEST_CASE("specs are values that compare by options and type and not by arguments") {
  const ChildSpec a = child<Simple>({.id = "a"}, 1);
  ChildSpec copy = a;
  CHECK(copy == a);
  CHECK(a == child<Simple>({.id = "a"}, 2));
  CHECK(a != child<Simple>({.id = "b"}, 1));
  CHECK(a != child<Other>({.id = "a"}));
  CHECK(a != child<Simple>({.id = "a", .restart = Restart::Transient}, 1));
  CHECK(a != child<Simple>({.id = "a", .shutdown = 1s}, 1));
  CHECK(a != child<Simple>({.id = "a", .start_within = 1s}, 1));
  CHECK(a != child<Simple>({.id = "a", .mailbox = Bounded{.capacity = 5}}, 1));
  CHECK(a.id() == "a");
  CHECK_FALSE(a.is_supervisor());
  CHECK_THAT(std::string{a.type()}, testing::has_text("Simple"));

  const SupervisorSpec tree = supervisor({.id = "t", .strategy = RestForOne{}}, a);
  CHECK(tree == supervisor({.id = "t", .strategy = RestForOne{}}, child<Simple>({.id = "a"}, 9)));
  CHECK(tree != supervisor({.id = "t", .strategy = OneForAll{}}, a));
  CHECK(tree != supervisor({.id = "t", .strategy = RestForOne{}}));
  CHECK(tree != supervisor({.id = "t", .strategy = RestForOne{}, .backoff = Exponential{}}, a));
  CHECK(tree != supervisor({.id = "t", .strategy = RestForOne{}, .intensity = {.restarts = 4}}, a));
  CHECK(supervisor({.id = "x"}, tree) == supervisor({.id = "x"}, tree));
  CHECK(supervisor({.id = "x"}, tree) != supervisor({.id = "x"}, supervisor({.id = "t"}, a)));
  CHECK(ChildSpec{tree}.is_supervisor());
}

TEST_CASE("a tree prints as an indented line for each member") {
  const std::string text =
      supervisor({.id = "app", .strategy = RestForOne{}}, child<Simple>({.id = "db", .restart = Restart::Transient}),
                 supervisor({.id = "workers"}, children<Simple>(2, "worker-{}")))
          .to_string();
  CAPTURE(text);
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    if (to > from) lines.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  REQUIRE(lines.size() == 5);
  const auto indent = [](const std::string& line) { return line.find_first_not_of(" "); };
  CHECK_THAT(lines[0], testing::has_text("app"));
  CHECK_THAT(lines[0], testing::has_text("rest_for_one"));
  CHECK_THAT(lines[1], testing::has_text("db"));
  CHECK_THAT(lines[1], testing::has_text("Simple"));
  CHECK_THAT(lines[2], testing::has_text("workers"));
  CHECK_THAT(lines[3], testing::has_text("worker-1"));
  CHECK_THAT(lines[4], testing::has_text("worker-2"));
  CHECK(indent(lines[0]) < indent(lines[1]));
  CHECK(indent(lines[1]) == indent(lines[2]));
  CHECK(indent(lines[2]) < indent(lines[3]));
  CHECK(indent(lines[3]) == indent(lines[4]));
}

TEST_CASE("children of a batch are numbered by their pattern") {  // F59
  const auto ids = [](const std::vector<ChildSpec>& specs) {
    std::vector<std::string> names;
    for (const auto& spec : specs) names.push_back(spec.id());
    return names;
  };
  CHECK(ids(children<Simple>(3, "worker-{}")) == std::vector<std::string>{"worker-1", "worker-2", "worker-3"});
  CHECK(ids(children<Simple>(2, "w{}x")) == std::vector<std::string>{"w1x", "w2x"});
  CHECK(ids(children<Simple>(2, "w")) == std::vector<std::string>{"w1", "w2"});
  CHECK(children<Simple>(0, "w").empty());
  const auto specs = children<Simple>(2, ChildOptions{.id = "t-{}", .restart = Restart::Temporary, .shutdown = 1s}, 4);
  CHECK(ids(specs) == std::vector<std::string>{"t-1", "t-2"});
  CHECK(specs[1].options().restart == Restart::Temporary);
  CHECK(specs[1].options().shutdown == Shutdown{1s});
}

TEST_CASE("arguments are kept by value and passed as const references to each life") {
  struct Copies {
    int* copies;
    explicit Copies(int* c) : copies{c} {}
    Copies(const Copies& other) : copies{other.copies} { ++*copies; }
    Copies(Copies&& other) noexcept : copies{other.copies} {}
  };
  struct Takes : Actor<Takes> {
    Takes(const Copies& c, const std::string& t) : given{&c}, text{t} {}
    void handle(testing::Bang) { throw 1; }
    std::string handle(int) { return text; }
    const Copies* given;
    std::string text;
  };
  int copies = 0;
  std::string text = "kept";
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, child<Takes>({.id = "t"}, Copies{&copies}, text)));
  text = "changed";
  REQUIRE(root);
  const auto t = root->child<Takes>("t").value();
  t.send(testing::Bang{});
  CHECK(t.ask(1, 1s).get() == Result<std::string, AskError>{"kept"});
  CHECK(copies == 0);
  testing::check_end(system);
}

TEST_CASE("a factory makes each life's move-only resource anew") {
  struct Owner : Actor<Owner> {
    explicit Owner(std::unique_ptr<int> r) : resource{std::move(r)} {}
    void handle(testing::Bang) { throw 1; }
    int handle(int) { return *resource; }
    std::unique_ptr<int> resource;
  };
  int made = 0;
  TestSystem system;
  const auto root = system.start(
      supervisor({.id = "app"}, child({.id = "o"}, [&made] { return Owner(std::make_unique<int>(++made)); })));
  REQUIRE(root);
  const auto o = root->child<Owner>("o").value();
  CHECK(o.ask(0, 1s).get() == Result<int, AskError>{1});
  o.send(testing::Bang{});
  CHECK(o.ask(0, 1s).get() == Result<int, AskError>{2});
  testing::check_end(system);
}

TEST_CASE("a factory that throws is a start that failed") {
  struct Owner : Actor<Owner> {
    explicit Owner(int) {}
    void handle(testing::Bang) { throw 1; }
  };
  bool fail = false;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, child({.id = "o"}, [&fail] {
                                              if (fail) throw std::runtime_error{"no resource"};
                                              return Owner(1);
                                            })));
  REQUIRE(root);
  fail = true;
  root->child<Owner>("o").value().send(testing::Bang{});
  CHECK(system.has_stopped(root));
  REQUIRE(system.failures().size() == 1);
  CHECK_THAT(system.failures().front(), testing::has_text("no resource"));
  testing::check_end(system);
}

TEST_CASE("one spec starts several trees that share nothing") {
  Family family;
  TestSystem system;
  const auto spec = supervisor({.id = "app"}, supervisor({.id = "sub"}, testing::member(family, "a")));
  const auto first = system.start(spec);
  const auto second = system.start(spec);
  REQUIRE((first && second));
  const auto a1 = first->child<Supervisor>("sub").value().child<Member>("a").value();
  const auto a2 = second->child<Supervisor>("sub").value().child<Member>("a").value();
  CHECK_FALSE(a1 == a2);
  a1.send(testing::Bang{});
  system.run_until_idle();
  CHECK(a1.incarnation() == 2);
  CHECK(a2.incarnation() == 1);
  CHECK(system.stop(*first).get().has_value());
  CHECK(a1.is_closed());
  CHECK_FALSE(a2.is_closed());
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
