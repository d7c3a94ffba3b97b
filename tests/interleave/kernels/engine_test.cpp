#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/base/atomic.hpp"
#include "interleave/engine/engine.hpp"
#include "interleave/engine/search.hpp"
#include "interleave/kernels/found.hpp"
#include "support/scale.hpp"

// The engine itself: that it sees what C++20 allows and nothing else, and what no program may do. The names of the
// small programs are the field's.

namespace coppice::interleave {
namespace {

using namespace coppice::detail;

/// All outcomes that a program of two words x and y can have; each fiber writes what it saw.
class Outcomes {
 public:
  using Program = void (*)(Atomic<int>& x, Atomic<int>& y, int (&seen)[4]);

  Outcomes(Memory memory, std::initializer_list<Program> fibers) {
    const auto explored = explore("litmus", Exhaustive{.memory = memory}, [&] {
      Atomic<int> x{0};
      Atomic<int> y{0};
      int seen[4] = {};
      std::vector<Body> bodies;
      for (const Program program : fibers) bodies.emplace_back([&, program] { program(x, y, seen); });
      together(std::move(bodies));
      all_.insert({seen[0], seen[1], seen[2], seen[3]});
    });
    holds_ = explored.holds();
  }
  [[nodiscard]] bool has(int a, int b, int c = 0, int d = 0) const { return holds_ && all_.count({a, b, c, d}) != 0; }
  [[nodiscard]] std::size_t size() const { return holds_ ? all_.size() : 0; }

 private:
  std::set<std::array<int, 4>> all_;
  bool holds_ = false;
};

using Words = Atomic<int>&;
using Seen = int (&)[4];

TEST_CASE("store buffering: relaxed stores are overtaken by loads unless all is seq_cst", "[engine]") {
  const Outcomes relaxed{Memory::Weak,
                         {[](Words x, Words y, Seen s) {
                            x.store(1, kRelaxed);
                            s[0] = y.load(kRelaxed);
                          },
                          [](Words x, Words y, Seen s) {
                            y.store(1, kRelaxed);
                            s[1] = x.load(kRelaxed);
                          }}};
  CHECK(relaxed.has(0, 0));
  CHECK(relaxed.size() == 4);
  const Outcomes handed{Memory::Weak,
                        {[](Words x, Words y, Seen s) {
                           x.store(1, kRelease);
                           s[0] = y.load(kAcquire);
                         },
                         [](Words x, Words y, Seen s) {
                           y.store(1, kRelease);
                           s[1] = x.load(kAcquire);
                         }}};
  CHECK(handed.has(0, 0));
  const Outcomes ordered{Memory::Weak,
                         {[](Words x, Words y, Seen s) {
                            x.store(1, kSeqCst);
                            s[0] = y.load(kSeqCst);
                          },
                          [](Words x, Words y, Seen s) {
                            y.store(1, kSeqCst);
                            s[1] = x.load(kSeqCst);
                          }}};
  CHECK_FALSE(ordered.has(0, 0));
  CHECK(ordered.size() == 3);
  const Outcomes half{Memory::Weak,
                      {[](Words x, Words y, Seen s) {
                         x.store(1, kSeqCst);
                         s[0] = y.load(kSeqCst);
                       },
                       [](Words x, Words y, Seen s) {
                         y.store(1, kSeqCst);
                         s[1] = x.load(kAcquire);
                       }}};
  CHECK(half.has(0, 0));
  const Outcomes sequential{Memory::Sequential,
                            {[](Words x, Words y, Seen s) {
                               x.store(1, kRelaxed);
                               s[0] = y.load(kRelaxed);
                             },
                             [](Words x, Words y, Seen s) {
                               y.store(1, kRelaxed);
                               s[1] = x.load(kRelaxed);
                             }}};
  CHECK_FALSE(sequential.has(0, 0));
  CHECK(sequential.size() == 3);
}

TEST_CASE("store buffering: two fences order it and one does not", "[engine]") {
  const Outcomes both{Memory::Weak,
                      {[](Words x, Words y, Seen s) {
                         x.store(1, kRelaxed);
                         full_fence();
                         s[0] = y.load(kRelaxed);
                       },
                       [](Words x, Words y, Seen s) {
                         y.store(1, kRelaxed);
                         full_fence();
                         s[1] = x.load(kRelaxed);
                       }}};
  CHECK_FALSE(both.has(0, 0));
  CHECK(both.size() == 3);
  const Outcomes one{Memory::Weak,
                     {[](Words x, Words y, Seen s) {
                        x.store(1, kRelaxed);
                        full_fence();
                        s[0] = y.load(kRelaxed);
                      },
                      [](Words x, Words y, Seen s) {
                        y.store(1, kRelaxed);
                        s[1] = x.load(kRelaxed);
                      }}};
  CHECK(one.has(0, 0));
  const Outcomes mixed{Memory::Weak,
                       {[](Words x, Words y, Seen s) {
                          x.store(1, kSeqCst);
                          s[0] = y.load(kSeqCst);
                        },
                        [](Words x, Words y, Seen s) {
                          y.store(1, kRelaxed);
                          full_fence();
                          s[1] = x.load(kRelaxed);
                        }}};
  CHECK_FALSE(mixed.has(0, 0));
}

TEST_CASE("store buffering: a heavy fence is enough for two and a light one alone is not", "[engine]") {
  const Outcomes heavy{Memory::Weak,
                       {[](Words x, Words y, Seen s) {
                          x.store(1, kRelaxed);
                          fence_all();
                          s[0] = y.load(kRelaxed);
                        },
                        [](Words x, Words y, Seen s) {
                          y.store(1, kRelaxed);
                          compiler_fence();
                          s[1] = x.load(kRelaxed);
                        }}};
  CHECK_FALSE(heavy.has(0, 0));
  CHECK(heavy.size() == 3);
}

TEST_CASE("message passing: a release is handed to an acquire and to nothing weaker", "[engine]") {
  const auto outcomes = [](Outcomes::Program sender, Outcomes::Program reader) {
    return Outcomes{Memory::Weak, {sender, reader}};
  };
  const Outcomes::Program releases = [](Words x, Words y, Seen) {
    x.store(1, kRelaxed);
    y.store(1, kRelease);
  };
  const Outcomes::Program relaxed = [](Words x, Words y, Seen) {
    x.store(1, kRelaxed);
    y.store(1, kRelaxed);
  };
  const Outcomes::Program acquires = [](Words x, Words y, Seen s) {
    s[0] = y.load(kAcquire);
    s[1] = x.load(kRelaxed);
  };
  const Outcomes::Program reads = [](Words x, Words y, Seen s) {
    s[0] = y.load(kRelaxed);
    s[1] = x.load(kRelaxed);
  };
  CHECK_FALSE(outcomes(releases, acquires).has(1, 0));
  CHECK(outcomes(releases, acquires).size() == 3);
  CHECK(outcomes(relaxed, acquires).has(1, 0));
  CHECK(outcomes(releases, reads).has(1, 0));
  const Outcomes::Program fenced = [](Words x, Words y, Seen) {
    x.store(1, kRelaxed);
    fence(kRelease);
    y.store(1, kRelaxed);
  };
  const Outcomes::Program fences = [](Words x, Words y, Seen s) {
    s[0] = y.load(kRelaxed);
    fence(kAcquire);
    s[1] = x.load(kRelaxed);
  };
  CHECK_FALSE(outcomes(fenced, fences).has(1, 0));
  CHECK_FALSE(outcomes(releases, fences).has(1, 0));
  CHECK(outcomes(fenced, reads).has(1, 0));
}

TEST_CASE("message passing: a release sequence goes on over changes and ends at a store", "[engine]") {
  const Outcomes::Program sender = [](Words x, Words y, Seen) {
    x.store(1, kRelaxed);
    y.store(1, kRelease);
  };
  const Outcomes::Program reader = [](Words x, Words y, Seen s) {
    s[0] = y.load(kAcquire);
    s[1] = x.load(kRelaxed);
  };
  const Outcomes changed{Memory::Weak, {sender, reader, [](Words, Words y, Seen) { y.fetch_add(1, kRelaxed); }}};
  CHECK_FALSE(changed.has(2, 0));
  CHECK(changed.has(1, 0));  // the change came first, and is no release
  const Outcomes stored{Memory::Weak, {sender, reader, [](Words, Words y, Seen) { y.store(2, kRelaxed); }}};
  CHECK(stored.has(2, 0));
}

TEST_CASE("coherence: a reader sees the stores of one word in one order", "[engine]") {
  const Outcomes outcomes{Memory::Weak,
                          {[](Words x, Words, Seen) {
                             x.store(1, kRelaxed);
                             x.store(2, kRelaxed);
                           },
                           [](Words x, Words, Seen s) {
                             s[0] = x.load(kRelaxed);
                             s[1] = x.load(kRelaxed);
                           }}};
  CHECK(outcomes.size() == 6);
  CHECK_FALSE(outcomes.has(2, 1));
  CHECK_FALSE(outcomes.has(1, 0));
}

TEST_CASE("two plus two writes: stores that do not know of each other have no order over two words", "[engine]") {
  const auto outcomes = [](Outcomes::Program one, Outcomes::Program other) {
    std::set<std::pair<int, int>> left;
    const auto explored = explore("left", Exhaustive{.memory = Memory::Weak}, [&] {
      Atomic<int> x{0};
      Atomic<int> y{0};
      int seen[4] = {};
      together({[&] { one(x, y, seen); }, [&] { other(x, y, seen); }});
      left.emplace(x.load(kRelaxed), y.load(kRelaxed));
    });
    return explored.holds() ? left : std::set<std::pair<int, int>>{};
  };
  const Outcomes::Program one = [](Words x, Words y, Seen) {
    x.store(1, kRelaxed);
    y.store(2, kRelaxed);
  };
  const Outcomes::Program other = [](Words x, Words y, Seen) {
    y.store(1, kRelaxed);
    x.store(2, kRelaxed);
  };
  CHECK(outcomes(one, other).count({1, 1}) == 1);
  CHECK(outcomes(one, other).size() == 4);
  const Outcomes::Program fenced = [](Words x, Words y, Seen) {
    x.store(1, kRelaxed);
    full_fence();
    y.store(2, kRelaxed);
  };
  const Outcomes::Program fences = [](Words x, Words y, Seen) {
    y.store(1, kRelaxed);
    full_fence();
    x.store(2, kRelaxed);
  };
  CHECK(outcomes(fenced, fences).count({1, 1}) == 0);
  CHECK(outcomes(fenced, fences).size() == 3);
}

TEST_CASE("independent reads of independent writes: only seq_cst gives them one order", "[engine]") {
  const auto outcomes = [](Outcomes::Program one, Outcomes::Program other) {
    return Outcomes{Memory::Weak,
                    {[](Words x, Words, Seen) { x.store(1, kSeqCst); },
                     [](Words, Words y, Seen) { y.store(1, kSeqCst); }, one, other}};
  };
  CHECK(outcomes(
            [](Words x, Words y, Seen s) {
              s[0] = x.load(kAcquire);
              s[1] = y.load(kAcquire);
            },
            [](Words x, Words y, Seen s) {
              s[2] = y.load(kAcquire);
              s[3] = x.load(kAcquire);
            })
            .has(1, 0, 1, 0));
  CHECK_FALSE(outcomes(
                  [](Words x, Words y, Seen s) {
                    s[0] = x.load(kSeqCst);
                    s[1] = y.load(kSeqCst);
                  },
                  [](Words x, Words y, Seen s) {
                    s[2] = y.load(kSeqCst);
                    s[3] = x.load(kSeqCst);
                  })
                  .has(1, 0, 1, 0));
}

TEST_CASE("a compare-exchange that fails may see an old value and one that succeeds sees the newest", "[engine]") {
  const Outcomes outcomes{Memory::Weak,
                          {[](Words x, Words, Seen) {
                             x.store(1, kRelaxed);
                             x.store(2, kRelaxed);
                           },
                           [](Words x, Words, Seen s) {
                             s[0] = 2;
                             s[1] = x.compare_exchange_strong(s[0], 3, kRelaxed, kRelaxed) ? 1 : 0;
                           }}};
  CHECK(outcomes.has(0, 0));
  CHECK(outcomes.has(1, 0));
  CHECK(outcomes.has(2, 1));
  CHECK(outcomes.size() == 3);
}

TEST_CASE("sleep sets leave out no outcome that a search without them finds", "[engine]") {
  const auto count = [](Memory memory, std::uint32_t preemptions, std::set<std::string>& outcomes) {
    return explore("three", Exhaustive{.memory = memory, .preemptions = preemptions},
                   [&] {
                     Atomic<int> x{0};
                     Atomic<int> y{0};
                     Atomic<int> z{0};
                     int seen[5] = {};
                     together({[&] {
                                 x.store(1, kRelease);
                                 seen[0] = y.fetch_add(1, kRelaxed);
                               },
                               [&] {
                                 y.store(5, kSeqCst);
                                 seen[2] = x.load(kRelaxed);
                                 z.store(seen[2] + 1, kRelease);
                               },
                               [&] {
                                 seen[3] = z.load(kAcquire);
                                 seen[4] = x.load(kSeqCst);
                                 seen[1] = y.load(kRelaxed);
                               }});
                     std::string text;
                     for (const int each : seen) text += std::to_string(each) + ",";
                     outcomes.insert(text);
                   })
        .executions;
  };
  for (const Memory memory : {Memory::Sequential, Memory::Weak}) {
    std::set<std::string> with;
    std::set<std::string> without;
    const auto few = count(memory, kUnbounded, with);
    const auto many = count(memory, 100, without);
    CHECK(with == without);
    CHECK(few < many / 2);
  }
}

TEST_CASE("a data race is found though nothing goes wrong", "[engine]") {
  const auto run = [](std::memory_order order) {
    return explore("race", Exhaustive{.memory = Memory::Weak}, [order] {
      Plain<int> data{0};
      Atomic<bool> ready{false};
      together({[&] {
                  data.write() = 1;
                  ready.store(true, order);
                },
                [&] {
                  if (ready.load(kAcquire)) expect(data.read() == 1, "what was handed over is seen");
                }});
    });
  };
  CHECK(run(kRelease).holds());
  CHECK_THAT(run(kRelaxed).failure, testing::has_text("a data race"));
}

TEST_CASE("a deadlock and a livelock are found and shown", "[engine]") {
  const auto dead = explore("dead", Exhaustive{}, [] {
    Mutex a;
    Mutex b;
    together({[&] {
                a.lock();
                b.lock();
                b.unlock();
                a.unlock();
              },
              [&] {
                b.lock();
                a.lock();
                a.unlock();
                b.unlock();
              }});
  });
  CHECK_THAT(dead.failure, testing::has_text("a deadlock; waiting: 0 1 2"));
  CHECK_THAT(dead.failure, testing::has_text("COPPICE_SCHEDULE='dead:"));
  const auto live = explore("live", Exhaustive{}, [] {
    Atomic<bool> never{false};
    together({[&] {
      while (!never.load(kAcquire)) yield();
    }});
  });
  CHECK_THAT(live.failure, testing::has_text("a livelock"));
}

/// Three fibers, each with a few drawn steps on two words and a lock; what came of it.
std::vector<int> run_drawn(std::uint64_t seed) {
  Atomic<int> words[2] = {Atomic<int>{0}, Atomic<int>{0}};
  Atomic<std::uint32_t> gate{0};
  Mutex mutex;
  std::vector<int> seen;
  int guarded = 0;
  int saw[3] = {};
  std::vector<Body> bodies;
  for (int fiber = 0; fiber < 3; ++fiber) {
    bodies.emplace_back([&, fiber] {
      Dice dice{seed * 8 + static_cast<std::uint64_t>(fiber)};
      for (int step = 0; step < 3; ++step) {
        Atomic<int>& word = words[dice.below(2)];
        switch (dice.below(6)) {
          case 0: saw[fiber] = saw[fiber] * 7 + word.load(kAcquire); break;
          case 1: word.store(10 * fiber + step + 1, kRelease); break;
          case 2: saw[fiber] = saw[fiber] * 7 + word.fetch_add(1, kAcqRel); break;
          case 3:
            mutex.lock();
            guarded = guarded * 3 + fiber + 1;
            if (words[0].load(kRelaxed) > 5) words[1].fetch_add(100, kRelaxed);
            mutex.unlock();
            break;
          case 4:
            if (word.load(kAcquire) == 0) yield();
            break;
          default:
            if (fiber == 0) {
              gate.store(1, kRelease);
              wake(gate, kUnbounded);
            } else {
              static_cast<void>(wait_while(gate, 0, clock_now() + std::int64_t{1'000} * fiber));
              saw[fiber] = saw[fiber] * 7 + static_cast<int>(gate.load(kAcquire));
            }
        }
      }
    });
  }
  together(std::move(bodies));
  return {words[0].peek(), words[1].peek(), guarded, saw[0], saw[1], saw[2]};
}

TEST_CASE("giving up known states loses no outcome of any drawn program", "[engine]") {
  std::uint64_t with = 0;
  std::uint64_t without = 0;
  for (std::uint64_t seed = 1; seed <= testing::scaled(60); ++seed) {
    for (const std::uint32_t preemptions : {0U, 1U, 2U}) {
      CAPTURE(seed, preemptions);
      std::set<std::vector<int>> outcomes[2];
      for (const bool gives_up : {false, true}) {
        const auto explored =
            explore("drawn", Exhaustive{.preemptions = preemptions, .gives_up_known_states = gives_up},
                    [&] { outcomes[gives_up].insert(run_drawn(seed)); });
        INFO(explored.failure);
        REQUIRE(explored.holds());
        (gives_up ? with : without) += explored.executions;
      }
      CHECK(outcomes[0] == outcomes[1]);
    }
  }
  CHECK(with < without / 3);
}

TEST_CASE("who waits in a loop sees in the end what others have stored", "[engine]") {
  const auto explored = explore("loop", Exhaustive{.memory = Memory::Weak}, [] {
    Atomic<bool> go{false};
    together({[&] { go.store(true, kRelaxed); },
              [&] {
                while (!go.load(kRelaxed)) yield();
              },
              [&] {
                while (!go.load(kRelaxed)) yield();
              }});
  });
  INFO(explored.failure);
  CHECK(explored.holds());
}

TEST_CASE("a failure found by seeds comes with a schedule of few steps that shows it again", "[engine]") {
  const auto scenario = [] {
    Atomic<int> x{0};
    together({[&] {
                for (int i = 0; i < 5; ++i) x.store(x.load(kRelaxed) + 1, kRelaxed);
              },
              [&] {
                for (int i = 0; i < 5; ++i) x.store(x.load(kRelaxed) + 1, kRelaxed);
              }});
    expect(x.peek() == 10, "no update is lost");
  };
  const auto first = explore("lost", Sampled{}, scenario);
  const auto second = explore("lost", Sampled{}, scenario);
  CHECK_THAT(first.failure, testing::has_text("no update is lost"));
  CHECK(first.failure == second.failure);
  const auto begin = first.failure.find("lost:");
  REQUIRE(begin != std::string::npos);
  const std::string schedule = first.failure.substr(begin, first.failure.find('\'', begin) - begin);
  CHECK(std::count(schedule.begin(), schedule.end(), '=') <= 3);
}

TEST_CASE("a failure found with a bound comes with a schedule that shows it again", "[engine]") {
  const auto scenario = [] {
    Atomic<int> shared{0};
    together({[&] {
                Atomic<int> own{0};
                for (int i = 0; i < 3; ++i) own.store(own.load(kRelaxed) + 1, kRelaxed);
                shared.store(shared.load(kRelaxed) + 1, kRelaxed);
              },
              [&] { shared.store(shared.load(kRelaxed) + 1, kRelaxed); }});
    expect(shared.peek() == 2, "no update is lost");
  };
  const Exhaustive bound{.preemptions = 1};
  const auto found = explore("bound", bound, scenario);
  REQUIRE_THAT(found.failure, testing::has_text("no update is lost"));
  const auto begin = found.failure.find("bound:");
  const std::string schedule = found.failure.substr(begin, found.failure.find('\'', begin) - begin);
  ::setenv("COPPICE_SCHEDULE", schedule.c_str(), 1);
  const auto again = explore("bound", bound, scenario);
  ::unsetenv("COPPICE_SCHEDULE");
  CHECK_THAT(again.failure, testing::has_text("no update is lost"));
  CHECK(again.executions == 0);
}

TEST_CASE("two who meet for a step are found with one preemption", "[engine]") {
  const auto met = explore("met", Exhaustive{.preemptions = 1}, [] {
    Plain<bool> is_on{false};
    const auto enter = [&is_on] {
      expect(!is_on.read(), "one at a time");
      is_on.write() = true;
      pause(&is_on);
      is_on.write() = false;
    };
    together({enter, enter});
  });
  CHECK_THAT(met.failure, testing::has_text("one at a time"));
}

}  // namespace
}  // namespace coppice::interleave
