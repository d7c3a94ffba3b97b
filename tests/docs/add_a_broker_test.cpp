// A broker of one's own. docs/how-to/add_a_broker.md quotes this file.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <coppice/coppice.hpp>
#include <coppice/testing/probe.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

/// Puts everything below one topic: two tenants share a broker and do not hear each other.
class TenantBroker {
 public:
  TenantBroker(InMemoryBroker& shared, std::string tenant) : shared_{shared}, tenant_{std::move(tenant)} {}

  template <class M, class A>
  Subscription subscribe(std::string_view pattern, const ActorRef<A>& ref) {
    return shared_.subscribe<M>(below(pattern), ref);
  }
  template <class M>
  Published publish(std::string_view topic, M&& message) {
    return shared_.publish(below(topic), std::forward<M>(message));
  }
  [[nodiscard]] std::uint64_t subscriptions() const { return shared_.subscriptions(); }

 private:
  [[nodiscard]] std::string below(std::string_view topic) const { return tenant_ + "." + std::string{topic}; }

  InMemoryBroker& shared_;
  std::string tenant_;
};
static_assert(Broker<TenantBroker>);

struct Price {
  int cents;
};

}  // namespace

/// Works with every broker.
template <Broker B>
Published announce(B& broker, int cents) {
  return broker.publish("price.tea", Price{cents});
}

TEST_CASE("two tenants of one broker do not hear each other") {
  testing::TestSystem system{{.seed = 42}};
  InMemoryBroker shared{system};
  TenantBroker north{shared, "north"};
  TenantBroker south{shared, "south"};

  testing::Probe<Price> probe{system};
  const Subscription prices = north.subscribe<Price>("price.*", probe.actor());
  CHECK(announce(south, 1).delivered == 0);
  CHECK(announce(north, 2).delivered == 1);
  CHECK(probe.expect<Price>().value().cents == 2);
  CHECK(probe.expect_none(1s));
}
