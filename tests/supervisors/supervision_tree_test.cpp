#include <algorithm>
#include <atomic>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/supervisors/dynamic_supervisor.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/dot_reader.hpp"
#include "supervisors/family.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

// The live tree as a value: read past its actors, whatever they are doing.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::Bang;
using testing::End;
using testing::Family;
using testing::Gate;
using testing::Grow;
using testing::kPatience;
using testing::Lines;
using testing::TestSystem;
using Node = SupervisionTree::Node;

const std::string kMember{detail::type_name<testing::Member>()};

/// Like a name in an example: short.
struct Hang {
  Gate* gate;
};
struct Worker : Actor<Worker> {
  void handle(Hang hang) { hang.gate->pass(); }
  int handle(int number) { return number; }
  void handle(Bang) { throw std::runtime_error{"boom"}; }
};

TEST_CASE("a tree is read with all that is below it") {
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "z"),
                                            supervisor({.id = "pool"}, testing::members(family, {"w-2", "w-1"})),
                                            testing::member(family, "a")));
  REQUIRE(root);
  testing::at(root->child<Supervisor>("pool").value(), "w-1").send(Bang{});
  testing::at(*root, "a").send(End{ExitReason::normal()});
  system.run_until_idle();
  testing::at(*root, "z").send(Grow{});
  testing::at(*root, "z").send(Grow{});
  const auto tree = root->tree();
  REQUIRE(tree);
  REQUIRE(tree->nodes().size() == 6);
  CHECK(tree->root().path == "app");
  CHECK(tree->root().is_supervisor);
  CHECK(tree->root().actor == root->id());
  const Node* const worker = tree->find("app/pool/w-1");
  REQUIRE(worker != nullptr);
  CHECK(worker->id == "w-1");
  CHECK(worker->type == kMember);
  CHECK(worker->actor == testing::at(root->child<Supervisor>("pool").value(), "w-1").id());
  CHECK(worker->phase == Phase::Running);
  CHECK(worker->restarts == 1);
  CHECK(worker->last_error == ExitReason::error("boom"));
  CHECK(worker->mailbox_depth == 0);
  CHECK(worker->level == 2);
  CHECK(tree->nodes()[worker->parent].path == "app/pool");
  CHECK(tree->find("app/pool/w-2")->last_error == ExitReason::normal());
  CHECK(tree->find("app/a")->last_error == ExitReason::normal());  // it ended in order, and was restarted
  CHECK(tree->find("app/a")->restarts == 1);
  CHECK(tree->find("nobody") == nullptr);
  // In the order of their starts.
  CHECK(tree->to_string() ==
        "app (coppice::Supervisor) running\n"
        "  z (" +
            kMember +
            ") running, mailbox: 2\n"
            "  pool (coppice::Supervisor) running\n"
            "    w-2 (" +
            kMember +
            ") running\n"
            "    w-1 (" +
            kMember +
            ") running, restarts: 1, last error: error: boom\n"
            "  a (" +
            kMember + ") running, restarts: 1\n");
  testing::check_end(system);
}

TEST_CASE("a child whose restart is due and one that is down are in the tree as they stand") {
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app", .backoff = Exponential{}}, testing::member(family, "waiting"),
                                            testing::member(family, "done", Restart::Transient),
                                            testing::member(family, "gone", Restart::Temporary)));
  REQUIRE(root);
  testing::at(*root, "done").send(End{ExitReason::normal()});
  testing::at(*root, "gone").send(Bang{});
  testing::at(*root, "waiting").send(Bang{});
  system.run_until_idle();
  for (int i = 0; i < 3; ++i) testing::at(*root, "waiting").send(Grow{});
  const auto tree = root->tree();
  REQUIRE(tree);
  CHECK(tree->to_string() ==
        "app (coppice::Supervisor) running\n"
        "  waiting (" +
            kMember +
            ") failed, mailbox: 3, last error: error: boom\n"
            "  done (" +
            kMember + ") stopped\n");
  system.advance(100ms);
  CHECK(root->tree()->find("app/waiting")->restarts == 1);
  CHECK(root->tree()->find("app/waiting")->mailbox_depth == 0);
  testing::check_end(system);
}

TEST_CASE("a child that hangs is in the tree with what waits for it") {
  Gate gate;
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto root =
      system.start(supervisor({.id = "app"}, child<Worker>({.id = "hung"}), child<Worker>({.id = "fine"})));
  REQUIRE(root);
  const auto hung = root->child<Worker>("hung").value();
  hung.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  for (int i = 0; i < 50; ++i) hung.send(i);
  const auto tree = root->tree(kPatience);  // were it to wait, the test would take that long
  REQUIRE(tree);
  CHECK(tree->find("app/hung")->mailbox_depth == 50);
  CHECK(tree->find("app/hung")->phase == Phase::Running);
  CHECK(tree->find("app/fine")->mailbox_depth == 0);
  CHECK(gate.inside() == 1);
  CHECK(root->tree(kPatience)->find("app/hung")->mailbox_depth == 50);  // and again
  gate.open();
  REQUIRE(testing::eventually([&] { return hung.message_count() == 51; }));
  CHECK(root->tree()->find("app/hung")->mailbox_depth == 0);
  testing::check_end(system);
}

TEST_CASE("a constructor that hangs does not hold the tree up") {
  struct Slow : Actor<Slow> {
    Slow(Gate* gate, std::atomic<int>* lives) {
      if (++*lives == 2) gate->pass();
    }
    void handle(Bang) { throw std::runtime_error{"boom"}; }
    void handle(int) {}
  };
  Gate gate;
  std::atomic<int> lives{0};
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto root = system.start(supervisor({.id = "app"}, child<Slow>({.id = "slow"}, &gate, &lives)));
  REQUIRE(root);
  const auto slow = root->child<Slow>("slow").value();
  slow.send(Bang{});
  REQUIRE(gate.wait_for_arrivals());
  for (int i = 0; i < 7; ++i) slow.send(i);
  const auto tree = root->tree(kPatience);
  REQUIRE(tree);
  CHECK(tree->find("app/slow")->phase == Phase::Restarting);
  CHECK(tree->find("app/slow")->mailbox_depth == 7);
  CHECK(tree->find("app/slow")->last_error.text() == "boom");
  gate.open();
  testing::check_end(system);
}

TEST_CASE("a place that was killed is in the tree with its next life") {
  Gate gate;
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto root = system.start(supervisor({.id = "app"}, child<Worker>({.id = "w", .shutdown = 10ms})));
  REQUIRE(root);
  const auto worker = root->child<Worker>("w").value();
  worker.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  REQUIRE(root->terminate_child("w"));
  CHECK(root->tree()->find("app/w")->mailbox_depth == 0);
  CHECK(root->tree()->find("app/w")->phase == Phase::Stopped);
  REQUIRE(root->restart_child("w"));
  const auto tree = root->tree();
  REQUIRE(tree);
  CHECK(tree->find("app/w")->phase == Phase::Running);
  CHECK(tree->find("app/w")->restarts == 1);
  CHECK(tree->find("app/w")->last_error == ExitReason::killed());
  gate.open();
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("what cannot be known at the deadline is unknown") {
  Gate gate;
  SystemOptions options = testing::quiet();
  options.workers = 1;
  ActorSystem system{std::move(options)};
  const auto root =
      system.start(supervisor({.id = "app"}, child<Worker>({.id = "hog"}), child<Worker>({.id = "ready"})));
  REQUIRE(root);
  root->child<Worker>("hog").value().send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  root->child<Worker>("ready").value().send(1);  // nobody is left to run it
  const auto tree = root->tree(20ms);
  REQUIRE(tree);
  CHECK(tree->find("app/hog")->mailbox_depth == 0);
  CHECK(tree->find("app/ready")->mailbox_depth == SupervisionTree::kUnknown);
  CHECK_THAT(tree->to_string(), testing::has_text("mailbox: ?"));
  CHECK(json::parse(tree->to_json())["children"][1]["mailbox_depth"].is_null());
  gate.open();
  CHECK(root->tree(kPatience)->find("app/ready")->mailbox_depth >= 0);
  testing::check_end(system);
}

TEST_CASE("many messages are counted to a bound") {
  Gate gate;
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto root = system.start(supervisor({.id = "app"}, child<Worker>({.id = "w"})));
  REQUIRE(root);
  const auto worker = root->child<Worker>("w").value();
  worker.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  for (int i = 0; i < 12'000; ++i) worker.send(i);
  CHECK(root->tree(kPatience)->find("app/w")->mailbox_depth == 10'000);
  gate.open();
  testing::check_end(system);
}

struct Look {
  ActorRef<Supervisor> root;
};
struct Onlooker : Actor<Onlooker> {
  explicit Onlooker(std::optional<SupervisionTree>* t) : tree{t} {}
  void handle(const Look& look) {
    CHECK(look.root.tree().error().kind == CallError::Kind::Blocking);
    CHECK_FALSE(look.root.print_tree());
    ask(look.root, GetTree{}, 5s).then([this](Result<SupervisionTree, AskError> answer) {
      REQUIRE(answer);
      *tree = std::move(answer).value();
    });
  }
  std::optional<SupervisionTree>* tree;
};

TEST_CASE("an actor asks for the tree and does not wait") {
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, testing::members(family, {"a", "b"})));
  REQUIRE(root);
  std::optional<SupervisionTree> tree;
  const auto onlooker = system.spawn<Onlooker>(&tree);
  onlooker.send(Look{*root});
  testing::at(*root, "a").send(Grow{});
  system.run_until_idle();
  REQUIRE(tree);
  CHECK(tree->nodes().size() == 3);
  CHECK(tree->find("app/b") != nullptr);
  testing::check_end(system);
}

TEST_CASE("the children of a dynamic supervisor are in the tree with or without a name") {
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, dynamic_supervisor({.id = "conns"})));
  REQUIRE(root);
  const auto conns = root->child<DynamicSupervisor>("conns").value();
  const AnyRef nameless = conns.start_child(testing::member(family, "")).value();
  REQUIRE(conns.start_child(testing::member(family, "c")));
  const std::string number = "#" + std::to_string(nameless.id());
  CHECK(root->tree()->to_string() ==
        "app (coppice::Supervisor) running\n"
        "  conns (coppice::DynamicSupervisor) running\n"
        "    " +
            number + " (" + kMember +
            ") running\n"
            "    c (" +
            kMember + ") running\n");
  CHECK(conns.tree()->root().path == "app/conns");
  CHECK(conns.tree()->nodes().size() == 3);
  CHECK(conns.tree()->find(nameless.path()) != nullptr);
  testing::check_end(system);
}

TEST_CASE("there is no tree of a supervisor that has ended") {
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, testing::members(family, {"a"})));
  REQUIRE(root);
  CHECK(system.stop(*root).get());
  CHECK(root->tree().error().kind == CallError::Kind::Closing);
  CHECK(ActorRef<Supervisor>{}.tree().error().kind == CallError::Kind::Closing);
  testing::check_end(system);
}

TEST_CASE("whatever stands in an id or a reason the output is well formed") {
  const std::string hostile = "a \"quoted\" \\back\\slash\n\ttwo lines \xff\xfe \x1b[2J {}";
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor({.id = hostile}, testing::member(family, hostile)));
  REQUIRE(root);
  testing::at(*root, hostile).send(End{ExitReason::error(hostile)});
  system.run_until_idle();
  const auto tree = root->tree();
  REQUIRE(tree);
  const std::string text = tree->to_string();
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
  CHECK(text.find('\x1b') == std::string::npos);

  const json parsed = json::parse(tree->to_json());
  const std::string valid = "a \"quoted\" \\back\\slash\n\ttwo lines \xef\xbf\xbd\xef\xbf\xbd \x1b[2J {}";
  CHECK(parsed["id"] == valid);
  CHECK(parsed["children"][0]["id"] == valid);
  CHECK(parsed["children"][0]["last_error"] == "error: " + valid);

  const auto dot = testing::read_dot(tree->to_dot());
  REQUIRE(dot);
  CHECK(dot->nodes.size() == 2);
  CHECK(dot->edges == std::vector<std::pair<int, int>>{{0, 1}});
  CHECK(dot->nodes[1].starts_with("a \"quoted\" \\back\\slash\n"));
  testing::check_end(system);
}

TEST_CASE("json and dot say the same as the tree") {
  Family family;
  TestSystem system;
  const auto root = system.start(
      supervisor({.id = "app"}, supervisor({.id = "s"}, supervisor({.id = "t"}, testing::member(family, "u"))),
                 supervisor({.id = "v"}), testing::members(family, {"w", "x"})));
  REQUIRE(root);
  testing::at(*root, "x").send(Bang{});
  system.run_until_idle();
  const auto tree = root->tree();
  REQUIRE(tree);
  const json parsed = json::parse(tree->to_json());
  CHECK(parsed["path"] == "app");
  CHECK(parsed["is_supervisor"] == true);
  CHECK(parsed["children"].size() == 4);
  CHECK(parsed["children"][0]["children"][0]["children"][0]["path"] == "app/s/t/u");
  CHECK(parsed["children"][1]["children"].empty());
  const json x = parsed["children"][3];
  CHECK(x == json{{"id", "x"},
                  {"path", "app/x"},
                  {"type", kMember},
                  {"actor", testing::at(*root, "x").id()},
                  {"is_supervisor", false},
                  {"phase", "running"},
                  {"restarts", 1},
                  {"last_error", "error: boom"},
                  {"mailbox_depth", 0},
                  {"children", json::array()}});
  const auto dot = testing::read_dot(tree->to_dot());
  REQUIRE(dot);
  CHECK(dot->name == "app");
  REQUIRE(dot->nodes.size() == 7);
  CHECK(dot->nodes[6] == "x\n" + kMember + "\nrunning, restarts: 1, mailbox: 0");
  CHECK(dot->edges == std::vector<std::pair<int, int>>{{0, 1}, {1, 2}, {2, 3}, {0, 4}, {0, 5}, {0, 6}});
  testing::check_end(system);
}

TEST_CASE("a tree may be nested as deep as one likes") {
  Family family;
  TestSystem system;
  constexpr std::size_t kDepth = 1'000;
  SupervisorSpec spec = supervisor({.id = "s"}, testing::member(family, "w"));
  for (std::size_t i = 1; i < kDepth; ++i) spec = supervisor({.id = "s"}, spec);
  const auto root = system.start(spec);
  REQUIRE(root);
  const auto tree = root->tree();
  REQUIRE(tree);
  REQUIRE(tree->nodes().size() == kDepth + 1);
  CHECK(tree->nodes().back().level == kDepth);
  const std::string text = tree->to_string();
  CHECK(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) == kDepth + 1);
  CHECK(json::accept(tree->to_json()));
  CHECK(testing::read_dot(tree->to_dot())->edges.size() == kDepth);
  testing::check_end(system);
}

TEST_CASE("print_tree prints the lines of the tree") {
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, testing::members(family, {"a"})));
  REQUIRE(root);
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  CHECK(root->print_tree(file));
  REQUIRE(std::fseek(file, 0, SEEK_SET) == 0);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  CHECK(text == root->tree()->to_string());
  testing::check_end(system);
}

TEST_CASE("a tree is read while everything in it is sent to and crashes") {
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto root = system.start(supervisor(
      {.id = "app", .intensity = testing::kPlenty}, children<Worker>(4, "w-{}"),
      supervisor({.id = "sub", .strategy = OneForAll{}, .intensity = testing::kPlenty}, children<Worker>(4, "v-{}"))));
  REQUIRE(root);
  std::atomic<bool> over{false};
  std::vector<std::jthread> senders;
  for (int s = 0; s < 2; ++s) {
    senders.emplace_back([&, s] {
      const auto sub = root->child<Supervisor>("sub").value();
      for (int i = 0; !over.load(); ++i) {
        const std::string number = std::to_string(1 + i % 4);
        const auto worker =
            s == 0 ? root->child<Worker>("w-" + number).value() : sub.child<Worker>("v-" + number).value();
        if (i % 500 == 499) {
          worker.send(Bang{});
          static_cast<void>(worker.ask(1, kPatience).get());  // so that no mailbox grows without end
        } else {
          worker.send(i);
        }
      }
    });
  }
  for (std::size_t i = 0; i < testing::scaled(300); ++i) {
    const auto tree = root->tree(kPatience);
    REQUIRE(tree);
    REQUIRE(tree->nodes().size() == 10);
    for (const Node& node : tree->nodes()) REQUIRE(node.mailbox_depth >= 0);
  }
  over.store(true);
  senders.clear();
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
