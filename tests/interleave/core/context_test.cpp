#include <asio/io_context.hpp>
#include <memory>
#include <optional>

#include "catch.hpp"
#include "coppice/supervisors/supervisor.hpp"
#include "interleave/core/scene.hpp"

// A system in a context of the user's, which a thread of the user's runs.

namespace coppice::interleave {
namespace {

struct Leaf : Actor<Leaf> {
  void handle(Number) {}
};

TEST_CASE("a tree in a user's context is gone when its shutdown says that it is complete") {  // P13
  const auto play = [] {
    asio::io_context io;
    Atomic<bool> is_over{false};
    auto token = std::make_shared<int>();
    const std::weak_ptr<int> of_the_system = token;
    SystemOptions options;
    options.run_in = UsersContext{&io};
    options.reports = false;
    options.on_failure = [token](const FailureReport&) {};
    token.reset();
    std::optional<ActorSystem> system{std::in_place, std::move(options)};
    together({[&] {
                while (!is_over.load(std::memory_order_acquire)) static_cast<void>(io.run_one());
              },
              [&] {
                {
                  const auto root = system->start(supervisor(
                      {.id = "root"}, supervisor({.id = "inner"}, child<Leaf>({.id = "a"})), child<Leaf>({.id = "b"})));
                  expect(root.has_value(), "the tree starts");
                  expect(system->shutdown({.within = 5s}).complete, "[P13] the shutdown is complete");
                }
                system.reset();
                expect(of_the_system.expired(), "nothing of it is left to run");
                // And the user's thread goes.
                is_over.store(true, std::memory_order_release);
                io.post([] {});
              }});
  };
  for (const Memory memory : {Memory::Sequential, Memory::Weak}) {
    CHECK_THAT(explore(memory == Memory::Weak ? "weak" : "sequential", Sampled{.runs = 500, .memory = memory}, play),
               holds());
  }
}

}  // namespace
}  // namespace coppice::interleave
