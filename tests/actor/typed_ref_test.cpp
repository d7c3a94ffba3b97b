#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;

struct Add {
  int amount;
};
struct AddMore : Add {};
struct Reset {};
struct Text {
  std::string text;
};
struct Hidden {};
struct Wrong {};

struct Counter : Actor<Counter> {
  int total = 0;
  int handle(Add add) { return total += add.amount; }
  void handle(Reset) { total = 0; }
  std::string handle(const Text& text) { return text.text + "!"; }
  void handle(std::unique_ptr<int>&& amount) { total += *amount; }
  long handle(long amount) { return amount; }

 private:
  void handle(Hidden) {}
};

template <class Ref, class M>
concept CanSend = requires(const Ref& ref, M message) { ref.send(std::move(message)); };
template <class Ref, class M>
concept CanTrySend = requires(const Ref& ref, M message) {
  { ref.try_send(message) } -> std::same_as<Delivery>;
};
template <class Ref, class M>
concept CanAsk = requires(const Ref& ref, M message) { ref.ask(std::move(message), 1s).get(); };

TEST_CASE("an actor takes exactly the messages it has handlers for") {  // F1
  using Ref = ActorRef<Counter>;
  STATIC_REQUIRE(CanSend<Ref, Add>);
  STATIC_REQUIRE(CanSend<Ref, Reset>);
  STATIC_REQUIRE(CanSend<Ref, Text>);
  STATIC_REQUIRE(CanSend<Ref, std::unique_ptr<int>>);
  STATIC_REQUIRE(CanSend<Ref, long>);
  STATIC_REQUIRE_FALSE(CanSend<Ref, Wrong>);
  STATIC_REQUIRE_FALSE(CanSend<Ref, AddMore>);  // no slicing
  STATIC_REQUIRE_FALSE(CanSend<Ref, int>);      // no conversion
  STATIC_REQUIRE_FALSE(CanSend<Ref, Add*>);
  STATIC_REQUIRE_FALSE(CanSend<Ref, Hidden>);
  STATIC_REQUIRE(CanTrySend<Ref, Add>);
  STATIC_REQUIRE_FALSE(CanTrySend<Ref, Wrong>);
  STATIC_REQUIRE(CanAsk<Ref, Add>);
  STATIC_REQUIRE_FALSE(CanAsk<Ref, Wrong>);
}

TEST_CASE("the return type of a handler is the type of its reply") {
  STATIC_REQUIRE(std::is_same_v<ReplyOf<Counter, Add>, int>);
  STATIC_REQUIRE(std::is_same_v<ReplyOf<Counter, Reset>, void>);
  STATIC_REQUIRE(std::is_same_v<ReplyOf<Counter, Text>, std::string>);
}

using Adding = Protocol<int(Add)>;
using AddingAndResetting = Protocol<void(Reset), int(Add)>;

TEST_CASE("a protocol takes the messages it lists and no others") {
  using Ref = ActorRef<AddingAndResetting>;
  STATIC_REQUIRE(CanSend<Ref, Add>);
  STATIC_REQUIRE(CanAsk<Ref, Reset>);
  STATIC_REQUIRE(CanTrySend<Ref, Reset>);
  STATIC_REQUIRE_FALSE(CanSend<Ref, Text>);
  STATIC_REQUIRE_FALSE(CanAsk<Ref, Text>);
  STATIC_REQUIRE_FALSE(CanSend<Ref, AddMore>);
}

TEST_CASE("a protocol's ref is made from any actor and any wider protocol that fits") {
  STATIC_REQUIRE(std::is_convertible_v<ActorRef<Counter>, ActorRef<AddingAndResetting>>);
  STATIC_REQUIRE(std::is_convertible_v<ActorRef<AddingAndResetting>, ActorRef<Adding>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<ActorRef<Adding>, ActorRef<AddingAndResetting>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<ActorRef<Counter>, ActorRef<Protocol<void(Add)>>>);  // another reply
  STATIC_REQUIRE_FALSE(std::is_convertible_v<ActorRef<Counter>, ActorRef<Protocol<void(Wrong)>>>);
}

TEST_CASE("a narrowed protocol reaches the same handlers") {
  ActorSystem system;
  const ActorRef<Counter> counter = system.spawn<Counter>();
  const ActorRef<AddingAndResetting> wide = counter;
  const ActorRef<Adding> narrow = wide;
  CHECK(wide.send(Add{2}) == Delivery::Accepted);
  CHECK(narrow.ask(Add{3}, 10s).get() == Result<int, AskError>{5});
  CHECK(wide.ask(Reset{}, 10s).get().has_value());
  CHECK(narrow.ask(Add{1}, 10s).get() == Result<int, AskError>{1});
  CHECK(AnyRef{narrow} == AnyRef{counter});
  testing::check_end(system);
}

TEST_CASE("a ref that names no place answers for itself") {
  const ActorRef<Counter> nobody;
  const ActorRef<AddingAndResetting> nobody_either;
  CHECK(nobody.send(Add{1}) == Delivery::Closed);
  CHECK(nobody.send(Add{1}, {.correlation_id = 3}) == Delivery::Closed);
  auto amount = std::make_unique<int>(1);
  CHECK(nobody.try_send(amount) == Delivery::Closed);
  CHECK(amount != nullptr);
  CHECK(nobody.ask(Add{1}, 1s).get() == Result<int, AskError>{Error{AskError::Closed}});
  CHECK(nobody_either.send(Reset{}) == Delivery::Closed);
  CHECK(nobody_either.ask(Add{1}, 1s).get() == Result<int, AskError>{Error{AskError::Closed}});
  CHECK(nobody.id() == 0);
  CHECK(nobody.is_closed());
  CHECK_FALSE(static_cast<bool>(AnyRef{}));
  CHECK(AnyRef{}.as<Counter>().id() == 0);
  CHECK(nobody == ActorRef<Counter>{});
}

TEST_CASE("refs are compared and hashed by the place they name") {  // F3
  ActorSystem system;
  const auto one = system.spawn<Counter>();
  const auto two = system.spawn<Counter>();
  const auto same = one;
  CHECK(one == same);
  CHECK_FALSE(one == two);
  CHECK((one <=> same) == std::strong_ordering::equal);
  CHECK(((one < two) || (two < one)));
  std::unordered_map<ActorRef<Counter>, int> by_ref{{one, 1}, {two, 2}};
  CHECK(by_ref.at(same) == 1);
  const std::set<AnyRef> ordered{one, two, same};
  CHECK(ordered.size() == 2);
  CHECK(one.id() != 0);
  testing::check_end(system);
}

TEST_CASE("any ref becomes a typed one only for the actor's own class") {
  ActorSystem system;
  struct Other : Actor<Other> {
    void handle(Add) {}
  };
  const AnyRef any = system.spawn<Counter>();
  CHECK(any.as<Counter>() == any);
  CHECK(any.as<Other>().id() == 0);
  testing::check_end(system);
}

TEST_CASE("a ref does not keep the actor alive and is safe after its death") {  // F3
  struct Tracked : Actor<Tracked> {
    explicit Tracked(std::shared_ptr<int> k) : keep{std::move(k)} {}
    std::shared_ptr<int> keep;
    void handle(Reset) { stop(); }
    int handle(Add add) { return add.amount; }
  };
  ActorSystem system;
  auto alive = std::make_shared<int>(0);
  const std::weak_ptr<int> watching = alive;
  const auto ref = system.spawn<Tracked>(std::move(alive));
  CHECK(ref.send(Reset{}) == Delivery::Accepted);
  REQUIRE(testing::eventually([&] { return watching.expired(); }));
  REQUIRE(testing::eventually([&] { return system.stats().actors == 0; }));
  CHECK(ref.is_closed());
  CHECK(ref.send(Add{1}) == Delivery::Closed);
  CHECK(ref.ask(Add{1}, 10s).get() == Result<int, AskError>{Error{AskError::Closed}});
  CHECK(system.stats().dead_by_reason[static_cast<std::size_t>(DeadReason::Closed)] == 2);
  testing::check_end(system);
}

struct Pong {};
struct Ping {
  ActorRef<Protocol<void(Pong)>> from;
};
struct Server : Actor<Server> {
  void handle(Ping ping) { ping.from.send(Pong{}); }
};
struct Client : Actor<Client> {
  Client(ActorRef<Server> s, int n) : server{std::move(s)}, left{n} { server.send(Ping{self()}); }
  ActorRef<Server> server;
  int left;
  void handle(Pong) {
    if (--left == 0) return stop();
    server.send(Ping{self()});
  }
};

TEST_CASE("actors of different types exchange messages in one system") {  // F2
  ActorSystem system;
  const auto server = system.spawn<Server>();
  const auto client = system.spawn<Client>(server, 100);
  REQUIRE(testing::eventually([&] { return client.is_closed(); }));
  CHECK(server.message_count() == 100);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
