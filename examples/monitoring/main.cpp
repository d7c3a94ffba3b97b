// Monitoring: what a running system tells of itself, counted, kept, and drawn as a tree.
//
// It shows   the five families of events, each with what really happened; a ring of the newest that matter; the live
//            supervision tree as text, JSON and dot, read while one of its actors does not come out of a handler.
// It prints  the tree three times, the newest warnings and errors, and a count of each kind of event; check.py holds
//            them against each other. On stderr the crash report that is printed by default.
// Read       ../supervisor_strategies before; ../worker_pool after.

#include <chrono>
#include <cstdio>
#include <latch>
#include <memory>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <coppice/coppice.hpp>
#include <coppice/monitors/in_memory_monitor.hpp>

#include "../support/arguments.hpp"

using namespace std::chrono_literals;

struct Job {
  int number;
};
struct Poison {};
/// Keeps its receiver busy until somebody outside says so: a handler that hangs, for as long as it suits us.
struct Stall {
  std::shared_ptr<std::latch> begun;
  std::shared_ptr<std::latch> over;
};

struct Worker : coppice::Actor<Worker> {
  int handle(Job job) { return job.number; }
  void handle(Poison) { throw std::runtime_error{"poisoned"}; }
  void handle(const Stall& stall) {
    stall.begun->count_down();
    stall.over->wait();
  }
};

namespace {

using System = coppice::BasicActorSystem<coppice::InMemoryMonitor>;
using Workers = coppice::ActorRef<coppice::Supervisor>;

coppice::SupervisorSpec tree() {
  const coppice::MailboxOptions small = coppice::Bounded{.capacity = 3, .overflow = coppice::Overflow::Reject};
  return coppice::supervisor(
      {.id = "app"},
      coppice::supervisor({.id = "pool"},
                          coppice::children<Worker>(2, coppice::ChildOptions{.id = "worker-{}", .mailbox = small})),
      coppice::child<Worker>({.id = "spare"}));
}

/// A publication that one worker gets.
bool publish(System& system, const Workers& pool) {
  coppice::InMemoryBroker broker{system};
  const auto worker = pool.child<Worker>("worker-1").value();
  const coppice::Subscription subscription = broker.subscribe<Job>("jobs", worker);
  const bool delivered = broker.publish("jobs", Job{0}).delivered == 1;
  return delivered && worker.ask(Job{1}, 5s).get().value_or(0) == 1;  // it has had the publication by then
}

/// A crash, and the first answer of the next life.
bool crash(const Workers& pool) {
  const auto worker = pool.child<Worker>("worker-1").value();
  worker.send(Poison{});
  return worker.ask(Job{2}, 5s).get().value_or(0) == 2;
}

/// Prints the tree while one worker hangs, with three messages behind it; a fourth finds its mailbox full.
bool hang_and_look(const Workers& root, const Workers& pool) {
  const auto worker = pool.child<Worker>("worker-2").value();
  const Stall stall{std::make_shared<std::latch>(1), std::make_shared<std::latch>(1)};
  worker.send(stall);
  stall.begun->wait();
  std::vector<coppice::AskFuture<int>> answers;
  for (int number = 3; number <= 5; ++number) answers.push_back(worker.ask(Job{number}, 5s));
  const bool full = worker.send(Job{6}) == coppice::Delivery::Rejected;

  const auto now = root.tree();
  stall.over->count_down();
  if (!now) return false;
  fmt::print("--- text\n{}--- json\n{}--- dot\n{}", now->to_string(), now->to_json(), now->to_dot());
  bool answered = true;
  for (auto& answer : answers) answered = answer.get().has_value() && answered;
  return full && answered;
}

/// The newest of what is worth a look.
void print_ring(const coppice::InMemoryMonitor& monitor) {
  fmt::print("--- ring\n");
  for (const coppice::RecordedEvent& event : monitor.snapshot()) {
    const coppice::Severity severity = severity_of(event.kind);
    if (severity < coppice::Severity::Warning) continue;
    fmt::print("{}: {}: {} {}: {}\n", to_string(severity), to_string(event.kind), event.path, event.subject,
               event.text);
  }
}

/// Whether something of each family happened.
bool print_counts(const coppice::InMemoryMonitor& monitor) {
  fmt::print("--- counts\n");
  bool each = true;
  for (int f = 0; f < coppice::kEventFamilies; ++f) {
    const auto family = static_cast<coppice::EventFamily>(f);
    each = each && monitor.count(family) > 0;
    fmt::print("{}: {}\n", to_string(family), monitor.count(family));
    for (int k = 0; k < coppice::kEventKinds; ++k) {
      const auto kind = static_cast<coppice::EventKind>(k);
      if (family_of(kind) == family && monitor.count(kind) > 0)
        fmt::print("  {}: {}\n", to_string(kind), monitor.count(kind));
    }
  }
  return each;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto code = examples::parse_none(
          "What a running system tells of itself: events, a ring of the newest, and the live tree.", argc, argv))
    return *code;

  System system;
  const auto root = system.start(tree());
  if (!root) return 1;
  const auto pool = root->child<coppice::Supervisor>("pool").value();
  const bool published = publish(system, pool);
  const bool crashed = crash(pool);
  const bool looked = hang_and_look(*root, pool);
  const bool in_order = system.shutdown().complete && system.ledger().balances();
  print_ring(system.monitor());
  const bool each_family = print_counts(system.monitor());
  return published && crashed && looked && in_order && each_family ? 0 : 1;
}
