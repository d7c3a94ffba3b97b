// One message to a hundred, as a publication that all share, and as a hundred sends; each hundred of them acknowledged.

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "../../support/harness.hpp"
#include "suite.hpp"

namespace coppice::bench {
namespace {

struct News {
  std::int64_t value;
};
struct Acknowledged {};
struct Bursts {
  std::int64_t count;
};
using Source = ActorRef<Protocol<void(Acknowledged)>>;

struct Reader : Actor<Reader> {
  Reader(Source s, std::int64_t* t) : source{std::move(s)}, total{t} {}
  void on_stop(const ExitReason&) { *total = count; }
  void handle(const News& news) {
    count += news.value;
    if (count % kPublishBurst == 0) source.send(Acknowledged{});
  }
  Source source;
  std::int64_t* total;
  std::int64_t count = 0;
};

struct Publisher : Actor<Publisher> {
  Publisher(Finish* f, InMemoryBroker* b, const std::vector<ActorRef<Reader>>* r) : finish{f}, broker{b}, readers{r} {}
  void handle(Bursts bursts) {
    left = bursts.count;
    burst();
  }
  void handle(Acknowledged) {
    if (++acknowledged < kSubscribers) return;
    left == 0 ? finish->reach() : burst();
  }
  void burst() {
    --left;
    acknowledged = 0;
    for (int i = 0; i < kPublishBurst; ++i) {
      if (broker != nullptr) {
        const Published published = broker->publish("news.now", News{1});
        require(published.delivered == kSubscribers, "a subscriber did not get a publication");
      } else {
        for (const auto& reader : *readers) reader.send(News{1});
      }
    }
  }
  Finish* finish;
  InMemoryBroker* broker;  // null: by sends
  const std::vector<ActorRef<Reader>>* readers;
  std::int64_t left = 0;
  int acknowledged = 0;
};

Measurements fan_out_by(const Request& request, bool publishes) {
  Finish finish;
  std::vector<std::int64_t> totals(kSubscribers);
  std::vector<ActorRef<Reader>> readers;
  ActorSystem system{default_options(request.workers)};
  InMemoryBroker broker{system};
  std::vector<Subscription> subscriptions;
  const ActorRef<Publisher> publisher = system.spawn<Publisher>(&finish, publishes ? &broker : nullptr, &readers);
  for (auto& total : totals) {
    readers.push_back(system.spawn<Reader>(Source{publisher}, &total));
    if (publishes) subscriptions.push_back(broker.subscribe<News>("news.*", readers.back()));
  }
  come_to_rest(system);
  const auto run = [&](std::int64_t bursts) {
    const Nanoseconds begun = now_ns();
    publisher.send(Bursts{bursts});
    return finish.wait() - begun;
  };
  const std::int64_t bursts = std::max<std::int64_t>(1, request.size / kPublishBurst);
  static_cast<void>(run(warm(bursts)));
  const Nanoseconds took = run(bursts);
  const std::int64_t all = bursts + warm(bursts);
  expect_all_handled(system, static_cast<std::uint64_t>(all * kSubscribers * (kPublishBurst + 1) + 2));
  for (const std::int64_t total : totals) require(total == all * kPublishBurst, "a delivery is missing");
  return rate_of("deliveries", took, bursts * kPublishBurst * kSubscribers);
}
Measurements fan_out(const Request& request) { return fan_out_by(request, true); }
Measurements fan_out_sends(const Request& request) { return fan_out_by(request, false); }

}  // namespace

void add_fan_out(Workloads& all) {
  all.push_back({"fan_out", &fan_out});
  all.push_back({"fan_out_sends", &fan_out_sends});
}

}  // namespace coppice::bench
