#include "coppice/asio.hpp"

#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "support/descriptors.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"

// What becomes of an operation whose actor ends: by a stop, a crash with a restart, a kill, the system's end.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::kPatience;
using testing::Lines;
using testing::Log;
using Stream = asio::local::stream_protocol::socket;

/// The two ends of a connection: one for the actor under test, which takes it by its number; the test keeps the other.
struct Ends {
  Ends() : actors{io}, tests{io} { asio::local::connect_pair(actors, tests); }
  asio::io_context io;
  Stream actors;
  Stream tests;
};

struct ReadInHandler {};
struct ReadByCallback {};
struct Crash {};
struct StandIn {
  testing::Gate* gate;
};

/// Reads from a connection that all of its lives use, so that what an earlier life's read would take is seen by the
/// later one's absence of it.
struct Reader : Actor<Reader> {
  Reader(Log* l, int descriptor) : log{l}, socket{executor(), asio::local::stream_protocol{}, ::dup(descriptor)} {}
  void on_start() { log->add("life " + std::to_string(incarnation())); }
  ReentrantTask<> handle(ReadInHandler) {
    auto reading = asio::async_read(socket, asio::buffer(bytes), use_task);
    log->add("reads");
    const auto read = co_await reading;
    log->add("life " + std::to_string(incarnation()) + (read ? " got it" : " was refused"));
  }
  void handle(ReadByCallback) {
    asio::async_read(socket, asio::buffer(bytes), [this](const std::error_code& error, std::size_t) {
      log->add("life " + std::to_string(incarnation()) + (error ? " was refused" : " got it"));
    });
    log->add("reads");
  }
  void handle(Crash) { throw std::runtime_error{"boom"}; }
  void handle(StandIn in) { in.gate->pass(); }
  Log* log;
  std::array<char, 4> bytes{};
  Stream socket;
};

template <class Read>
void check_restart(Read read) {
  Ends ends;
  Log log;
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto root =
      system.start(supervisor({.id = "app"}, child<Reader>({.id = "reader"}, &log, ends.actors.native_handle())));
  const auto reader = root->child<Reader>("reader").value();
  reader.send(read);
  REQUIRE(eventually([&] { return log.size() == 2; }));
  reader.send(Crash{});
  REQUIRE(eventually([&] { return log.size() == 3; }));
  reader.send(read);  // the next life's; it gets all of the bytes, and the earlier one's none
  REQUIRE(eventually([&] { return log.size() == 4; }));
  asio::write(ends.tests, asio::buffer(std::string_view{"four"}));
  REQUIRE(eventually([&] { return log.size() == 5; }));
  REQUIRE(testing::at_rest(system));
  CHECK(log.lines() == Lines{"life 1", "reads", "life 2", "reads", "life 2 got it"});
  testing::check_end(system);
}

TEST_CASE("a restart cancels what its handler awaited and the next life hears nothing of it") {  // P5 [H3]
  check_restart(ReadInHandler{});
}

TEST_CASE("a restart cancels what its socket was doing and the next life hears nothing of it") {  // P5
  check_restart(ReadByCallback{});
}

TEST_CASE("a completion that waits in the mailbox when its life crashes never reaches the next") {  // P5
  Ends ends;
  Log log;
  testing::Gate gate;
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto root =
      system.start(supervisor({.id = "app"}, child<Reader>({.id = "reader"}, &log, ends.actors.native_handle())));
  const auto reader = root->child<Reader>("reader").value();
  reader.send(ReadByCallback{});
  reader.send(StandIn{&gate});
  REQUIRE(gate.wait_for_arrivals());
  reader.send(Crash{});
  const auto sent = system.ledger().sent;
  asio::write(ends.tests, asio::buffer(std::string_view{"four"}));
  REQUIRE(eventually([&] { return system.ledger().sent > sent; }));  // it is behind the crash, in the mailbox
  gate.open();
  REQUIRE(eventually([&] { return log.size() == 3; }));
  REQUIRE(testing::at_rest(system));
  CHECK(log.lines() == Lines{"life 1", "reads", "life 2"});
  CHECK(system.ledger().dead_by_reason[static_cast<int>(DeadReason::Cancelled)] == 1);
  testing::check_end(system);
}

TEST_CASE("a stop ends the read that its handler awaits and closes its socket") {  // P5 [H3]
  Ends ends;
  Log log;
  ActorSystem system{testing::two_workers()};
  const Stream first{io_context(system)};  // what all sockets of a system have in common is there from now on
  const auto before = testing::open_descriptors();
  const auto reader = system.spawn<Reader>(&log, ends.actors.native_handle());
  reader.send(ReadInHandler{});
  REQUIRE(eventually([&] { return log.size() == 2; }));
  REQUIRE(system.stop(reader).get());
  CHECK(testing::open_descriptors() == before);
  asio::write(ends.tests, asio::buffer(std::string_view{"four"}));
  REQUIRE(testing::at_rest(system));
  CHECK(log.lines() == Lines{"life 1", "reads"});
  testing::check_end(system);
}

TEST_CASE("a kill of a standing handler leaves its socket until the handler returns and no longer") {  // P5
  Ends ends;
  Log log;
  testing::Gate gate;
  ActorSystem system{testing::quiet(testing::two_workers())};
  const Stream first{io_context(system)};  // as above
  const auto before = testing::open_descriptors();
  const auto reader = system.spawn<Reader>(&log, ends.actors.native_handle());
  reader.send(ReadByCallback{});
  reader.send(StandIn{&gate});
  REQUIRE(gate.wait_for_arrivals());
  CHECK(system.stop(reader, {.within = 0s}).get() == Result<ExitReason, StopError>{ExitReason::killed()});
  asio::write(ends.tests, asio::buffer(std::string_view{"four"}));
  gate.open();
  REQUIRE(eventually([&] { return system.stats().zombies == 0; }));
  CHECK(testing::open_descriptors() == before);
  CHECK(log.lines() == Lines{"life 1", "reads"});
  testing::check_end(system);
}

TEST_CASE("a system with a hundred reads under way ends in time and leaves no descriptor") {  // F72 P5
  const auto before = testing::open_descriptors();
  {
    std::vector<std::unique_ptr<Ends>> all;
    Log log;
    ActorSystem system{testing::two_workers()};
    for (int i = 0; i < 100; ++i) {
      all.push_back(std::make_unique<Ends>());
      const auto reader = system.spawn<Reader>(&log, all.back()->actors.native_handle());
      if (i % 2 == 0) {
        reader.send(ReadInHandler{});
      } else {
        reader.send(ReadByCallback{});
      }
    }
    REQUIRE(eventually([&] { return log.size() == 200; }));
    const ShutdownReport report = system.shutdown({.within = 10s});
    CHECK(report.complete);
    CHECK(report.late.empty());
    CHECK(log.size() == 200);
    testing::check_ledger(system);
  }
  CHECK(testing::open_descriptors() == before);
}

}  // namespace
}  // namespace coppice
