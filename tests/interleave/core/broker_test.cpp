#include "catch.hpp"
#include "coppice/brokers/in_memory_broker.hpp"
#include "interleave/core/scene.hpp"

// A publication meets who comes and who goes.

namespace coppice::interleave {
namespace {

struct Note {
  int number;
};
struct Reader : Actor<Reader> {
  Reader(int* l, Progress* p, int f) : last{l}, progress{p}, from{f} {}
  void handle(Note note) {
    expect(note.number > *last, "[P3] publications of one publisher come once, and in order");
    *last = note.number;
    if (note.number >= from) progress->make();
  }
  int* last;
  Progress* progress;
  int from;  // those before may come or not
};

TEST_CASE("publications meet a subscription that comes and one that goes") {  // P15
  check_by_seed_and_in_order(Sampled{.runs = 300}, {{9'888, 544}, {37'184, 15'074}}, [](unsigned workers) {
    Scene scene{workers};
    InMemoryBroker broker{scene.system};
    Progress progress{4, "a publication waits, and nobody comes to it unless time passes"};
    int stays = 0, comes = 0, goes = 0;
    const auto first = scene.system.spawn<Reader>(&stays, &progress, 1);
    const auto second = scene.system.spawn<Reader>(&comes, &progress, 3);
    const auto third = scene.system.spawn<Reader>(&goes, &progress, 4);
    const Subscription kept = broker.subscribe<Note>("a.b", first);
    Subscription later;
    Subscription gone = broker.subscribe<Note>("a.*", third);
    together({[&] {
                for (int i = 1; i <= 2; ++i) {
                  const Published published = broker.publish("a.b", Note{i});
                  expect(published.delivered >= 1 && published.delivered <= 3,
                         "who is subscribed all the time gets it");
                }
              },
              [&] { later = broker.subscribe<Note>("a.b", second); }, [&] { gone.cancel(); }});
    expect(broker.subscriptions() == 2, "two are subscribed");
    expect(broker.publish("a.b", Note{3}).delivered == 2, "and get what comes later");
    progress.wait();
    scene.check_end();
    expect(broker.subscriptions() == 0, "a subscription ends with its actor");
    expect(stays == 3 && comes == 3 && goes < 3, "each has got what was meant for it");
  });
}

}  // namespace
}  // namespace coppice::interleave
