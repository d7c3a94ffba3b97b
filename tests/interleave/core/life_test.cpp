#include "catch.hpp"
#include "interleave/core/scene.hpp"

// Sends, stops, crashes, watches and shutdowns that meet, in orders drawn by seed: nothing is lost, nobody waits in
// vain, one handler at a time.

namespace coppice::interleave {
namespace {

struct Reader : Actor<Reader> {
  explicit Reader(Turns* t) : turns{t} {}
  void handle(Number message) { turns->take(message.sender, message.number); }
  void handle(bool crashes) {
    if (crashes) throw 1;
    stop();
  }
  Turns* turns;
};

TEST_CASE("one actor and one sender in every order with two preemptions") {  // P1, P3, P4, P13
  CHECK_THAT(explore("sequential", Exhaustive{.preemptions = 2, .steps_max = 20'000},
                     [] {
                       Scene scene{1};
                       Turns turns;
                       Progress progress{2, "a message waits, and nobody comes to it unless time passes"};
                       turns.progress = &progress;
                       const auto reader = scene.system.spawn<Reader>(&turns);
                       reader.send(Number{0, 1});
                       reader.send(Number{0, 2});
                       progress.wait();
                       scene.check_end();
                     }),
             found(12'078, 120));
}

TEST_CASE("two senders to one actor on two workers") {  // P1, P2, P3, P4
  check_weak_and_in_order(400, {{1'920, 14}, {6'519, 1'345}}, [](unsigned workers) {
    Scene scene{workers};
    Turns turns;
    Progress progress{6, "a message waits, and nobody comes to it unless time passes"};
    turns.progress = &progress;
    const auto reader = scene.system.spawn<Reader>(&turns);
    const auto send = [&](int sender) {
      return [&, sender] {
        for (int i = 1; i <= 3; ++i) reader.send(Number{sender, i});
      };
    };
    together({send(0), send(1)});
    progress.wait();
    scene.check_end();
  });
}

TEST_CASE("a stop meets sends and each message is handled or a dead letter") {  // P4
  check_weak_and_in_order(400, {{7'264, 2'368}, {47'062, 22'278}}, [](unsigned workers) {
    Scene scene{workers};
    Turns turns;
    const auto reader = scene.system.spawn<Reader>(&turns);
    int accepted = 0;
    const int each = workers == 1 ? 2 : 3;  // with preemptions less, or it takes a minute
    const auto send = [&](int sender) {
      return [&, sender] {
        for (int i = 1; i <= each; ++i) accepted += reader.send(Number{sender, i}) == Delivery::Accepted ? 1 : 0;
      };
    };
    together({send(0), send(1), [&] { static_cast<void>(scene.system.stop(reader).get()); }});
    expect(reader.is_closed(), "it has ended");
    scene.check_end();
    const Ledger ledger = scene.system.ledger();
    expect(ledger.sent == 2 * static_cast<std::uint64_t>(each), "each send is counted");
    expect(ledger.handled == static_cast<std::uint64_t>(turns.handled), "handled is handled");
    expect(turns.handled <= accepted, "what was refused is not handled");
  });
}

TEST_CASE("an actor that crashes or stops by itself meets sends and a shutdown") {  // P4, P6, P13
  check_by_seed_and_in_order(Sampled{.runs = 800}, {{25'008, 12'800}, {75'505, 46'253}}, [](unsigned workers) {
    Scene scene{workers};
    Turns turns;
    const auto one = scene.system.spawn<Reader>(&turns);
    Turns others;
    const auto other = scene.system.spawn<Reader>(&others);
    together({[&] {
                one.send(Number{0, 1});
                one.send(true);
                if (workers > 1) one.send(Number{0, 2});  // with preemptions less, or it takes a minute
              },
              [&] {
                other.send(Number{1, 1});
                other.send(false);
                if (workers > 1) one.send(Number{1, 1});
              },
              [&] { scene.shut_down(); }});
    scene.check_ledger();
  });
}

struct Watcher : Actor<Watcher> {
  explicit Watcher(Progress* d) : downs{d} {}
  void handle(const ActorRef<Reader>& ref) { watch(ref); }
  void handle(Down) { downs->make(); }
  int handle(int number) { return number; }
  Progress* downs;
};

TEST_CASE("a watch meets the death of the watched and brings one Down") {  // P7
  check_by_seed_and_in_order(Sampled{.runs = 600}, {{10'864, 400}, {15'457, 3'681}}, [](unsigned workers) {
    Scene scene{workers};
    Turns turns;
    Progress downs{2, "a Down is missing"};
    const auto reader = scene.system.spawn<Reader>(&turns);
    const auto watcher = scene.system.spawn<Watcher>(&downs);
    together({[&] {
                watcher.send(reader);
                watcher.send(reader);
              },
              [&] {
                reader.send(true);
                static_cast<void>(scene.system.stop(reader).get());
              }});
    expect(watcher.ask(7, 1h).get().value() == 7, "it answers");
    downs.wait();
    scene.check_end();
    expect(downs.made() == 2, "one Down for each watch");
  });
}

TEST_CASE("a name is given from outside to an actor that stops by itself") {  // P4, F43
  check_by_seed_and_in_order(Sampled{.runs = 600}, {{10'456, 258}, {34'234, 7'644}}, [](unsigned workers) {
    Scene scene{workers};
    Turns turns;
    const auto reader = scene.system.spawn<Reader>(&turns);
    together({[&] { reader.send(false); }, [&] { static_cast<void>(scene.system.register_name("given", reader)); },
              [&] { reader.send(Number{0, 1}); }});
    static_cast<void>(scene.system.stop(reader).get());
    expect(scene.system.find<Reader>("given").error() == LookupError::Unknown, "a name does not outlive its actor");
    const auto next = scene.system.spawn<Reader>(&turns);
    expect(static_cast<bool>(scene.system.register_name("given", next)), "another may have it");
    scene.check_end();
  });
}

TEST_CASE("two shutdowns and sends meet") {  // P13
  check_by_seed_and_in_order(Sampled{.runs = 400}, {{21'280, 7'892}, {66'941, 30'883}}, [](unsigned workers) {
    Scene scene{workers};
    Turns turns;
    const auto reader = scene.system.spawn<Reader>(&turns);
    together({[&] { scene.shut_down(); }, [&] { scene.shut_down(); },
              [&] {
                for (int i = 1; i <= (workers == 1 ? 1 : 3); ++i) reader.send(Number{0, i});
              }});
    scene.check_ledger();
  });
}

}  // namespace
}  // namespace coppice::interleave
