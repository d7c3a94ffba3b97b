// A tree whose children crash, wait for their restart, tick and send to each other is stopped at any moment, or the
// system is shut down: wholly, and nothing of it moves afterwards.

#include "../workloads.hpp"

namespace coppice::simulation {
namespace {

struct Work {
  int hops = 0;
};
struct Crash {};
struct EndAll {};

struct Leaf;

/// Further off than a schedule fires timers early, so that no deadline but a helper's is met.
constexpr Duration kPatience = 24h;

struct Garden {
  explicit Garden(Run& r) : run{r} {}
  Run& run;
  std::vector<ActorRef<Leaf>> leaves;
  System* system = nullptr;
  int alive = 0;
  int helpers = 0;
  bool is_over = false;  // the stop has answered
};

/// A child of a leaf, which ends with it.
struct Helper : Actor<Helper> {
  explicit Helper(Garden* g) : garden{g} { ++garden->helpers; }
  ~Helper() { --garden->helpers; }
  void on_stop(const ExitReason&) { garden->run.fault_point(); }
  void handle(Work) { garden->run.check(!garden->is_over, "after the end", "a handler ran after the stop"); }
  Garden* garden;
};

struct Leaf : Actor<Leaf> {
  Leaf(Garden* g, int i) : garden{g}, index{i} {
    garden->run.check(!garden->is_over, "after the end", "a life began after the stop had answered");
    ++garden->alive;
  }
  ~Leaf() { --garden->alive; }
  void on_start() {
    if (index % 2 == 0) garden->run.needs_memory([&] { helper = spawn<Helper>(garden); });
    if (index % 3 == 0) garden->run.needs_memory([&] { static_cast<void>(send_every(10ms, Work{})); });
  }
  void on_stop(const ExitReason&) {
    garden->run.fault_point();
    if (index % 2 == 0) garden->run.needs_memory([&] { static_cast<void>(helper.send(Work{})); });
  }
  void handle(Work work) {
    garden->run.check(!garden->is_over, "after the end", "a handler ran after the stop had answered");
    garden->run.fault_point();
    if (index % 2 == 0) garden->run.needs_memory([&] { static_cast<void>(helper.send(work)); });
    if (work.hops == 0) return;
    const std::size_t next = (static_cast<std::size_t>(index) + 1) % garden->leaves.size();
    garden->run.needs_memory([&] { static_cast<void>(garden->leaves[next].send(Work{work.hops - 1})); });
  }
  void handle(Crash) { throw std::runtime_error{"crash"}; }
  void handle(EndAll) { static_cast<void>(garden->system->shutdown({.within = kPatience})); }
  Garden* garden;
  int index;
  ActorRef<Helper> helper;
};

/// Two levels: leaves, and leaves below a supervisor of their own.
SupervisorSpec draw_tree(Draw& draw, Garden& garden, int& leaves, std::vector<std::string>& paths) {
  const auto options = [&](std::string id) {
    SupervisorOptions made{.id = std::move(id), .intensity = {.restarts = 50, .within = 1s}};
    if (draw.one_in(2)) made.strategy = RestForOne{};
    if (draw.one_in(2)) made.backoff = Exponential{.first = 5ms, .jitter = 0.5};
    return made;
  };
  const auto leaf = [&](const std::string& below) {
    const std::string id = std::to_string(leaves);
    paths.push_back(below + id);
    return child<Leaf>({.id = id,
                        .restart = static_cast<Restart>(draw.below(3)),
                        .shutdown = Shutdown::infinity(),
                        .start_within = kForever},
                       &garden, leaves++);
  };
  std::vector<ChildSpec> top;
  for (int left = draw.between(1, 3); left > 0; --left) top.push_back(leaf(""));
  std::vector<ChildSpec> below;
  for (int left = draw.between(0, 3); left > 0; --left) below.push_back(leaf("below/"));
  SupervisorOptions lower = options("below");
  if (draw.one_in(3)) lower.shutdown = Shutdown::brutal();  // a kill takes its children along
  return supervisor(options("garden"), top, supervisor(std::move(lower), below));
}

/// Stops it in one of the ways there are. True: the system has been shut down by that.
bool end(Run& run, Garden& garden, const ActorRef<Supervisor>& root, std::size_t way) {
  if (way == 0) {
    const ShutdownReport report = run.system().shutdown({.within = kPatience});
    garden.is_over = true;
    run.check_shutdown(report);
  } else {
    const StopOptions options{.mailbox = way == 1 ? StopMode::Discard : StopMode::Drain, .within = kPatience};
    const bool was_closed = root.is_closed();
    // Who has no memory for a stop tries again.
    if (!run.finds_memory([&] { static_cast<void>(run.system().stop(root, options)); }))
      run.check(root.is_closed() == was_closed, "stop", "a stop without memory has been one");
    static_cast<void>(run.system().stop(root, options).get());
    garden.is_over = true;
    run.check(root.is_closed(), "stop", "it has answered, and the place is open");
  }
  run.check(garden.alive == 0 && garden.helpers == 0, "stop", "it has answered, and somebody lives");
  return way == 0;
}

}  // namespace

void run_ending(Run& run) {
  Draw& draw = run.draw();
  Garden& garden = run.keep<Garden>(run);
  garden.system = &run.system();
  int leaves = 0;
  std::vector<std::string> paths;
  const auto root = run.system().start(draw_tree(draw, garden, leaves, paths));
  if (!root) return run.found("start", "the tree did not start");
  const auto below = root->child<Supervisor>("below").value();
  for (const std::string& path : paths) {
    const bool is_below = path.find('/') != std::string::npos;
    garden.leaves.push_back((is_below ? below : *root).child<Leaf>(is_below ? path.substr(6) : path).value());
  }
  run.faults_begin();
  for (int left = draw.between(1, 25); left > 0; --left) {
    const auto who = draw.below(garden.leaves.size());
    const std::size_t what = draw.below(4);
    const int hops = draw.between(0, 5);
    run.operate([&] {
      if (what == 0) return static_cast<void>(garden.leaves[who].send(Crash{}));
      if (what == 1) return static_cast<void>(run.system().advance(1ms));
      static_cast<void>(garden.leaves[who].send(Work{hops}));
    });
  }
  const std::size_t way = draw.below(3);
  const bool from_inside = draw.one_in(8);
  bool is_shut_down = false;
  run.operate([&] {
    if (from_inside) static_cast<void>(garden.leaves[0].send(EndAll{}));
    for (std::uint64_t steps = draw.below(20); steps > 0; --steps) static_cast<void>(run.system().explore(1h));
    is_shut_down = end(run, garden, *root, way);
  });
  run.faults_end();
  if (!is_shut_down) run.finish();
}

}  // namespace coppice::simulation
