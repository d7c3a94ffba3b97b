#include "catch.hpp"
#include "interleave/core/scene.hpp"

// Asks, timers and what comes in between.

namespace coppice::interleave {
namespace {

struct Answerer : Actor<Answerer> {
  int handle(int number) {
    pause(this);
    if (number < 0) throw 1;
    return number;
  }
};

TEST_CASE("an ask from outside is answered without help of time") {  // P12
  check_weak_and_in_order(400, {{2'496, 226}, {7'830, 2'170}}, [](unsigned workers) {
    Scene scene{workers};
    const auto answerer = scene.system.spawn<Answerer>();
    int left = 2;
    // Idle workers look around every few milliseconds; the asks' own time-outs are an hour away.
    at_stall([&] { expect(left == 0, "an ask waits, and nobody comes to it unless time passes"); });
    const auto ask = [&](int number) {
      return [&, number] {
        expect(answerer.ask(number, 1h).get() == Result<int, AskError>{number}, "the answer is its own");
        --left;
      };
    };
    together({ask(1), ask(2)});
    scene.check_end();
  });
}

TEST_CASE("an ask meets its deadline and a stop and a crash and completes once") {  // P12
  CHECK_THAT(
      explore("sequential", Sampled{.runs = 1'000, .early_timers = true},
              [] {
                Scene scene;
                const auto answerer = scene.system.spawn<Answerer>();
                int completed = 0;
                const auto ask = [&](int number) {
                  return [&, number] {
                    const auto answer = answerer.ask(number, 1ms).get();
                    if (answer) expect(answer.value() == number && number > 0, "the answer is its own");
                    ++completed;
                  };
                };
                together({ask(1), ask(-1), ask(2), [&] { static_cast<void>(scene.system.stop(answerer).get()); }});
                expect(completed == 3, "each ask completes once");
                scene.check_end();
              }),
      holds());
}

struct Tick {};
struct Timed : Actor<Timed> {
  explicit Timed(Turns* t) : turns{t} {}
  void handle(Tick) {
    expect(!is_cancelled, "[P14] nothing fires after a cancel on the actor's own turn");
    turns->take(0, ++number);
  }
  void handle(bool starts) {
    if (starts) {
      timer = send_after(1us, Tick{});
      is_cancelled = false;
    } else {
      timer.cancel();
      is_cancelled = true;
    }
  }
  TimerHandle timer;
  bool is_cancelled = false;
  int number = 0;
  Turns* turns;
};

TEST_CASE("a timer meets its cancel and a stop") {  // P14
  check_by_seed_and_in_order(Sampled{.runs = 1'000, .early_timers = true}, {{720, 190}, {5'481, 1'927}},
                             [](unsigned workers) {
                               Scene scene{workers};
                               Turns turns;
                               const auto timed = scene.system.spawn<Timed>(&turns);
                               together({[&] {
                                           timed.send(true);
                                           timed.send(false);
                                           timed.send(true);
                                         },
                                         [&] { static_cast<void>(scene.system.stop(timed).get()); }});
                               scene.check_end();
                               expect(turns.handled <= 2, "a timer fires once");
                             });
}

}  // namespace
}  // namespace coppice::interleave
