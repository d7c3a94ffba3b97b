// Messages that are handled later, elsewhere or in another shape. docs/how-to/handle_messages_later.md quotes this file.

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <coppice/coppice.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"
#include "support/ending.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Query {
  std::string text;
};
struct Connected {};

struct Client : Actor<Client> {
  std::string handle(Query query) {
    if (!connected) {
      stash(std::move(query));  // with whoever waits for the answer
      return {};                // answers nobody
    }
    return "rows of " + query.text;
  }
  void handle(Connected) {
    connected = true;
    unstash();  // to the front of the mailbox, in order
  }
  bool connected = false;
};

TEST_CASE("a question that was put aside is answered when it has been handled") {
  testing::TestSystem system;
  const auto client = system.spawn<Client>();
  auto rows = client.ask(Query{"orders"}, 1min);
  client.send(Connected{});
  CHECK(rows.get().value() == "rows of orders");
}

struct Front : Actor<Front> {
  explicit Front(ActorRef<Client> c) : client{std::move(c)} {}
  Later<std::string> handle(Query query) { return delegate(client, std::move(query)); }
  ActorRef<Client> client;
};

TEST_CASE("a question that was passed on is answered by whoever got it") {
  testing::TestSystem system;
  const auto client = system.spawn<Client>();
  const auto front = system.spawn<Front>(client);
  client.send(Connected{});
  CHECK(front.ask(Query{"orders"}, 1s).get().value() == "rows of orders");
}

struct Resized {
  int bytes;
};
struct Resize {
  int bytes;
};

struct Gallery : Actor<Gallery> {
  void handle(Resize resize) {
    auto done = pipe_to_self(Resized{-1});  // what comes if the thread ends without a word
    workers.emplace_back([done = std::move(done), resize]() mutable { done(Resized{resize.bytes / 2}); });
  }
  void handle(Resized resized) { sizes.push_back(resized.bytes); }
  std::vector<int> handle(Connected) { return sizes; }
  ~Gallery() {
    for (auto& worker : workers) worker.join();
  }
  std::vector<std::thread> workers;
  std::vector<int> sizes;
};

TEST_CASE("what a thread has made comes as a message") {
  ActorSystem system;
  const auto gallery = system.spawn<Gallery>();
  gallery.send(Resize{100});
  CHECK(testing::eventually([&] { return gallery.call(Connected{}, 1s) == std::vector{50}; }));
}

struct Reading {
  double celsius;
};
struct Fahrenheit {  // what a sensor sends that knows nothing of us
  double degrees;
};

struct Thermometer : Actor<Thermometer> {
  void handle(Reading reading) { last = reading.celsius; }
  double handle(Query) { return last; }
  ActorRef<Protocol<void(Fahrenheit)>> handle(Connected) {
    return adapter<Fahrenheit>([](Fahrenheit f) { return Reading{(f.degrees - 32) / 1.8}; });
  }
  double last = 0;
};

TEST_CASE("a message of another shape is made into one that the actor handles") {
  testing::TestSystem system;
  const auto thermometer = system.spawn<Thermometer>();
  const auto sensor_sees = thermometer.ask(Connected{}, 1s).get().value();
  sensor_sees.send(Fahrenheit{212});
  CHECK(thermometer.ask(Query{}, 1s).get() == 100.0);
}

struct Session : Actor<Session> {
  Session() { set_receive_timeout(5min); }
  void handle(ReceiveTimeout) { stop(); }
  void handle(Query) {}
};

TEST_CASE("a session ends when nobody has used it for a while") {
  testing::TestSystem system;
  const auto session = system.spawn<Session>();
  system.advance(4min);
  session.send(Query{"still there"});
  system.advance(4min);
  CHECK_FALSE(system.has_stopped(session));
  system.advance(1min);
  CHECK(system.has_stopped(session));
}

TEST_CASE("an actor is stepped by hand") {
  testing::TestSystem system;
  const auto thermometer = system.spawn<Thermometer>({.paused = true});
  thermometer.send(Reading{20});
  thermometer.send(Reading{21});
  thermometer.step();
  system.run_until_idle();
  CHECK(thermometer.message_count() == 1);
  thermometer.resume();
  CHECK(thermometer.ask(Query{}, 1s).get() == 21.0);
}

}  // namespace
