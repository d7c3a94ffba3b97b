#include "brokers/late_releases.hpp"

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/eventually.hpp"
#include "support/marked.hpp"

namespace coppice::detail {
namespace {

using testing::Marked;

struct Plain {
  int value;
};
struct Large {
  char bytes[kBlockMax];
};

void add(LateReleases& late, Publication& publication, std::uint32_t place) {
  if (!late.add_further(publication, place)) late.add_first(publication, place);
}

/// A publication that this many have received, the publisher being done with it.
Publication& with_shares(int* ends, std::uint32_t receivers) {
  auto publication = make_publication<Marked>(Marked{ends});
  publication->add_shares(receivers - 1);
  return *publication.detach();
}

TEST_CASE("shares that are put off end their publication when the worker catches up") {  // F39
  int ends = 0;
  LateReleases late;
  Publication& publication = with_shares(&ends, 5);
  for (int i = 0; i < 5; ++i) add(late, publication, 1);
  CHECK(ends == 0);
  late.catch_up();
  CHECK(ends == 1);
  late.catch_up();
  CHECK(ends == 1);
}

TEST_CASE("whose other shares are elsewhere goes on when the worker catches up") {
  int ends = 0;
  LateReleases late;
  Publication& publication = with_shares(&ends, 3);
  add(late, publication, 1);
  add(late, publication, 1);
  late.catch_up();
  CHECK(ends == 0);
  publication.release();
  CHECK(ends == 1);
}

TEST_CASE("of two publications in one place the older one is given back at once") {
  int older_ends = 0;
  int newer_ends = 0;
  LateReleases late;
  Publication& older = with_shares(&older_ends, 2);
  Publication& newer = with_shares(&newer_ends, 2);
  add(late, older, 7);
  add(late, older, 7);
  add(late, newer, 7 + LateReleases::kPlaces);
  CHECK(older_ends == 1);
  add(late, newer, 7);
  CHECK(newer_ends == 0);
  late.catch_up();
  CHECK(newer_ends == 1);
}

TEST_CASE("every place is taken, given back and taken again") {
  int ends = 0;
  LateReleases late;
  for (int round = 1; round <= 3; ++round) {
    std::vector<Publication*> burst;
    std::vector<std::uint32_t> places;
    for (std::uint32_t i = 0; i < LateReleases::kPlaces; ++i) {
      burst.push_back(&with_shares(&ends, 2));
      places.push_back(next_late_place());
      CHECK(places.back() != 0);
    }
    for (int share = 0; share < 2; ++share) {
      for (std::size_t i = 0; i < burst.size(); ++i) add(late, *burst[i], places[i]);
    }
    CHECK(ends == (round - 1) * static_cast<int>(LateReleases::kPlaces));  // none was in another's place
    late.catch_up();
    CHECK(ends == round * static_cast<int>(LateReleases::kPlaces));
  }
}

TEST_CASE("only what nobody sees the end of may end late") {
  int ends = 0;
  CHECK(make_publication<Plain>(Plain{1})->may_end_late());
  CHECK_FALSE(make_publication<Large>(Large{})->may_end_late());
  CHECK_FALSE(make_publication<Marked>(Marked{&ends})->may_end_late());
  const auto asks = make_publication<Plain>(Plain{1});
  asks->extras = std::make_unique<PublicationExtras>();
  CHECK_FALSE(asks->may_end_late());
}

struct Held {
  std::shared_ptr<int> value;
};
struct Look {};

/// What a publication came to, as the last one to look has found it: all readers have handled it by then.
struct Seen {
  int readers = 0;
  int looked = 0;                 // the worker's
  std::weak_ptr<int> value = {};  // the worker's
  std::atomic<std::uint64_t> delivered{0};
  std::atomic<bool> is_gone{false};
  std::atomic<bool> is_put_off{false};
  std::atomic<bool> is_over{false};
};

struct Reader : Actor<Reader> {
  explicit Reader(Seen* s) : seen{s} {}
  void handle(const Plain&) {}
  void handle(const Held&) {}
  void handle(Look) {
    if (++seen->looked < seen->readers) return;
    seen->is_gone.store(seen->value.expired());
    const auto* const late = static_cast<const LateReleases*>(this_thread.worker->put_off.get());
    seen->is_put_off.store(late != nullptr && !late->is_empty());
    seen->is_over.store(true);
  }
  Seen* seen;
};

struct PublishPlain {};
struct PublishHeld {};
struct Publisher : Actor<Publisher> {
  Publisher(InMemoryBroker* b, Seen* s, const std::vector<ActorRef<Reader>>* r) : broker{b}, seen{s}, readers{r} {}
  void handle(PublishPlain) { publish(Plain{7}); }
  void handle(PublishHeld) {
    auto made = std::make_shared<int>(7);
    seen->value = made;
    publish(Held{std::move(made)});
  }
  template <class M>
  void publish(M message) {
    seen->delivered.store(broker->publish("a", std::move(message)).delivered);
    for (const auto& reader : *readers) reader.send(Look{});
  }
  InMemoryBroker* broker;
  Seen* seen;
  const std::vector<ActorRef<Reader>>* readers;
};

/// One worker publishes once to so many.
template <class M, class Publish>
void publish_once(int number, Seen& seen) {
  seen.readers = number;
  std::vector<ActorRef<Reader>> readers;
  std::vector<Subscription> subscriptions;
  ActorSystem system{{.workers = 1}};
  InMemoryBroker broker{system};
  for (int i = 0; i < number; ++i) {
    readers.push_back(system.spawn<Reader>(&seen));
    subscriptions.push_back(broker.subscribe<M>("a", readers.back()));
  }
  system.spawn<Publisher>(&broker, &seen, &readers).send(Publish{});
  CHECK(testing::eventually([&] { return seen.is_over.load(); }));
  CHECK(seen.delivered.load() == static_cast<std::uint64_t>(number));
}

TEST_CASE("many receivers of what has no end give it back together, few of them one by one") {  // F39
  constexpr auto kMany = static_cast<int>(kManyShares);
  // The worker may just have looked around, and caught up: but not each time, with ever more readers.
  bool is_put_off = false;
  for (int more = 0; more < 20 && !is_put_off; ++more) {
    Seen many;
    publish_once<Plain, PublishPlain>(kMany + more, many);
    is_put_off = many.is_put_off.load();
  }
  CHECK(is_put_off);
  Seen few;
  publish_once<Plain, PublishPlain>(kMany - 1, few);
  CHECK_FALSE(few.is_put_off.load());
}

TEST_CASE("a message that has an end is destroyed as soon as the last receiver is done, on a busy worker too") {  // P15
  Seen seen;
  publish_once<Held, PublishHeld>(8, seen);
  CHECK(seen.is_gone.load());
  CHECK_FALSE(seen.is_put_off.load());
}

}  // namespace
}  // namespace coppice::detail
