// A few supervised actors send each other numbered messages through mailboxes of any kind, and crash now and then.

#include "../workloads.hpp"
#include "support/exclusive.hpp"

namespace coppice::simulation {
namespace {

struct Numbered {
  int sender = 0;
  int number = 0;
  int hops = 0;
};

constexpr int kActorsMax = 5;

struct Node;

/// What all lives of all actors share.
struct Mesh {
  explicit Mesh(Run& r) : run{r} {}

  /// False: there was no memory for it.
  bool send(int from, int to, int hops);

  Run& run;
  std::vector<ActorRef<Node>> nodes;
  int next[kActorsMax + 1][kActorsMax] = {};  // number of the next message from (the last: from outside) to
  int seen[kActorsMax + 1][kActorsMax] = {};  // of the last one handled, and one more
  bool may_skip[kActorsMax] = {};             // its mailbox evicts: what arrives has gaps, and goes back never
  std::uint64_t accepted = 0;
  std::uint64_t handled = 0;
  std::uint64_t crashed = 0;
  testing::Exclusive exclusive[kActorsMax];
};

struct Node : Actor<Node> {
  Node(Mesh* m, int i) : mesh{m}, index{i} { mesh->run.fault_point(); }
  ~Node() noexcept(false) { mesh->run.fault_point(); }
  void on_start() { mesh->run.fault_point(); }
  void on_stop(const ExitReason&) { mesh->run.fault_point(); }

  void handle(Numbered message) {
    const auto turn = mesh->exclusive[index].enter();
    int& seen = mesh->seen[message.sender][index];
    mesh->run.check(message.number >= seen, "order", "a message came after a later one, or twice");
    mesh->run.check(message.number == seen || mesh->may_skip[index], "order", "a message was left out");
    seen = message.number + 1;
    ++mesh->crashed;  // unless it gets to the end
    mesh->run.fault_point();
    const int next = (index + message.hops) % static_cast<int>(mesh->nodes.size());
    if (message.hops > 0 && !mesh->send(index, next, message.hops - 1)) throw std::bad_alloc{};
    --mesh->crashed;
    ++mesh->handled;
  }

  Mesh* mesh;
  int index;
};

bool Mesh::send(int from, int to, int hops) {
  const int number = next[from][to];
  Delivery delivery = Delivery::Closed;
  const bool finds_memory =
      run.finds_memory([&] { delivery = nodes[static_cast<std::size_t>(to)].send(Numbered{from, number, hops}); });
  if (delivery == Delivery::Accepted) {
    ++accepted;
    ++next[from][to];  // otherwise nobody will miss it
  }
  return finds_memory;
}

MailboxOptions draw_mailbox(Draw& draw, bool& evicts) {
  const auto capacity = static_cast<std::size_t>(draw.between(1, 3));
  const std::size_t kind = draw.below(5);
  evicts = kind == 4;
  switch (kind) {
    case 0: return Unbounded{};
    case 1: return Unbounded{.measured = true};
    case 2: return Bounded{capacity, Overflow::Reject};
    case 3: return Bounded{capacity, Overflow::DropNewest};
    default: return Bounded{capacity, Overflow::DropOldest};
  }
}

AnyStrategy draw_strategy(Draw& draw) {
  switch (draw.below(3)) {
    case 0: return OneForOne{};
    case 1: return OneForAll{};
    default: return RestForOne{};
  }
}

}  // namespace

void run_mesh(Run& run) {
  Draw& draw = run.draw();
  Mesh& mesh = run.keep<Mesh>(run);
  const int actors = draw.between(2, kActorsMax);
  std::vector<ChildSpec> specs;
  for (int i = 0; i < actors; ++i) {
    const MailboxOptions mailbox = draw_mailbox(draw, mesh.may_skip[i]);
    specs.push_back(child<Node>({.id = "node-" + std::to_string(i),
                                 .shutdown = Shutdown::infinity(),  // a kill would take the mailbox along
                                 .start_within = kForever,
                                 .mailbox = mailbox},
                                &mesh, i));
  }
  const auto root = run.system().start(supervisor(
      {.id = "mesh", .strategy = draw_strategy(draw), .intensity = {.restarts = 1'000, .within = 1h}}, specs));
  if (!root) return run.found("start", "the tree did not start");
  for (int i = 0; i < actors; ++i) mesh.nodes.push_back(root->child<Node>("node-" + std::to_string(i)).value());

  run.faults_begin();
  for (int left = draw.between(5, 40); left > 0; --left) {
    const int to = draw.between(0, actors - 1);
    const int hops = draw.between(0, 4);
    run.operate([&] { mesh.send(kActorsMax, to, hops); });
  }
  run.settle();
  run.faults_end();

  for (const testing::Exclusive& each : mesh.exclusive)
    run.check(each.held(), "exclusivity", "two handlers of one actor ran at once");
  const std::uint64_t evicted = run.system().ledger().dead(DeadReason::DroppedOldest);
  if (mesh.accepted != mesh.handled + mesh.crashed + evicted) {
    run.found("delivery", "accepted " + std::to_string(mesh.accepted) + ", handled " + std::to_string(mesh.handled) +
                              ", in hand at a crash " + std::to_string(mesh.crashed) + ", evicted " +
                              std::to_string(evicted));
  }
  run.finish();
}

}  // namespace coppice::simulation
