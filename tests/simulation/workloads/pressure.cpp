// Actors, coroutines and a caller from outside send to a slow actor whose small mailbox blocks, round circles as well:
// nothing may be lost, nobody may wait for ever, and no mailbox may grow beyond what it says.

#include "coppice/coroutine.hpp"

#include "../workloads.hpp"

namespace coppice::simulation {
namespace {

struct Item {
  int sender = 0;
  int number = 0;
};
struct Produce {
  int items = 0;
};
struct ProduceWaiting {
  int items = 0;
};

constexpr int kStagesMax = 4;

struct Stage;

struct Plant {
  explicit Plant(Run& r) : run{r} {}
  Run& run;
  std::vector<ActorRef<Stage>> stages;
  int to[kStagesMax] = {};     // where each sends on what it gets; itself: nowhere
  int burst[kStagesMax] = {};  // how much it makes of one thing
  std::size_t capacity[kStagesMax] = {};
  int next[kStagesMax + 1][kStagesMax] = {};
  int seen[kStagesMax + 1][kStagesMax] = {};
  std::uint64_t accepted = 0;
  std::uint64_t handled = 0;
  std::uint64_t most_ahead[kStagesMax] = {};
};

/// Gets things, makes things of them, sends them on.
struct Stage : Actor<Stage> {
  Stage(Plant* p, int i) : plant{p}, index{i} {}

  void handle(Item item) {
    int& seen = plant->seen[item.sender][index];
    plant->run.check(item.number == seen, "order", "a message was left out, or came twice or late");
    seen = item.number + 1;
    ++plant->handled;
    plant->run.slow_point();
    if (item.number % 3 == 0) make(plant->burst[index]);
  }
  void handle(Produce order) { make(order.items); }
  Task<void> handle(ProduceWaiting order) {
    for (int i = 0; i < order.items; ++i) {
      const int target = plant->to[index];
      const int number = plant->next[index][target]++;
      const Delivery delivery = co_await send<Item>(plant->stages[static_cast<std::size_t>(target)], index, number);
      plant->run.check(delivery == Delivery::Accepted, "delivery", "a send that waits for room was refused");
      ++plant->accepted;
      plant->run.slow_point();
    }
  }
  void make(int items) {
    const int target = plant->to[index];
    if (target == index) return;
    for (int i = 0; i < items; ++i) {
      const int number = plant->next[index][target];
      Delivery delivery = Delivery::Closed;
      const auto& stage = plant->stages[static_cast<std::size_t>(target)];
      if (!plant->run.finds_memory([&] { delivery = stage.send(Item{index, number}); })) continue;
      ++plant->next[index][target];
      plant->run.check(delivery == Delivery::Accepted, "delivery", "a send of a handler was refused");
      ++plant->accepted;
    }
  }
  Plant* plant;
  int index;
};

}  // namespace

void run_pressure(Run& run) {
  Draw& draw = run.draw();
  Plant& plant = run.keep<Plant>(run);
  const int stages = draw.between(2, kStagesMax);
  for (int i = 0; i < stages; ++i) {
    plant.capacity[i] = static_cast<std::size_t>(draw.between(1, 3));
    plant.burst[i] = draw.between(0, 2);
    plant.to[i] = draw.between(0, stages - 1);
    const Bounded mailbox{plant.capacity[i], Overflow::Block};
    plant.stages.push_back(run.system().spawn<Stage>({.mailbox = mailbox}, &plant, i));
  }
  run.faults_begin();
  for (int left = draw.between(5, 30); left > 0; --left) {
    const int who = draw.between(0, stages - 1);
    const std::size_t kind = draw.below(4);
    const int items = draw.between(1, 5);
    run.operate([&] {
      const ActorRef<Stage>& stage = plant.stages[static_cast<std::size_t>(who)];
      if (kind == 0) return static_cast<void>(stage.send(Produce{items}));
      if (kind == 1 && plant.to[who] != who) return static_cast<void>(stage.send(ProduceWaiting{items}));
      const int number = plant.next[kStagesMax][who]++;
      const Delivery delivery = stage.send(Item{kStagesMax, number});
      if (delivery == Delivery::Accepted) {
        ++plant.accepted;
      } else {
        --plant.next[kStagesMax][who];  // it waited for as long as a send does
        run.check(delivery == Delivery::TimedOut, "delivery", "a send from outside was refused");
      }
    });
  }
  run.settle();
  run.faults_end();
  if (plant.accepted != plant.handled && !run.has_failed()) {
    run.found("liveness", "accepted " + std::to_string(plant.accepted) + " messages, handled " +
                              std::to_string(plant.handled) + ", and nobody runs");
  }
  run.finish();
}

}  // namespace coppice::simulation
