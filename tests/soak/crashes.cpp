#include <array>
#include <atomic>
#include <exception>
#include <memory>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "process.hpp"
#include "soak.hpp"
#include "support/eventually.hpp"
#include "support/quiet.hpp"

// Everything that may be thrown, from everywhere in a life. Behind each order comes a number: since a restart keeps the
// mailbox, each of them is handled, whatever went wrong before it.

namespace coppice::soak {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;

// ---- what is thrown ----

struct NullWhat : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return nullptr; }
};
/// No std::exception: the language does not let what() of one throw.
struct ThrowingWhat {
  [[nodiscard]] const char* what() const { throw std::logic_error{"thrown by what()"}; }
};
struct ThrowingCopy : std::runtime_error {
  ThrowingCopy() : std::runtime_error{"not to be copied"} {}
  ThrowingCopy(const ThrowingCopy& other) : std::runtime_error{other} { throw std::logic_error{"thrown by a copy"}; }
};
/// Throws again while it is destroyed.
struct Quarrelsome {
  Quarrelsome() = default;
  Quarrelsome(const Quarrelsome&) = default;
  ~Quarrelsome() {
    try {
      throw 1;
    } catch (int) {
    }
  }
};
/// How many there are at this moment: none may be left.
struct Counted : std::exception {
  Counted() noexcept { ++alive; }
  Counted(const Counted& other) noexcept : std::exception{other} { ++alive; }
  ~Counted() override { --alive; }
  [[nodiscard]] const char* what() const noexcept override { return "counted"; }
  static inline std::atomic<std::int64_t> alive{0};
};

constexpr void (*kThrown[])() = {
    [] { throw 42; },
    [] { throw std::runtime_error{"boom"}; },
    [] { throw std::bad_alloc{}; },
    [] { throw NullWhat{}; },
    [] { throw ThrowingWhat{}; },
    [] { throw ThrowingCopy{}; },
    [] { throw Quarrelsome{}; },
    [] { throw Counted{}; },
    [] { throw std::string(1'000, 'x'); },
    [] { throw static_cast<const char*>(nullptr); },
    [] { throw std::make_unique<int>(1); },
    [] { throw ExitReason::normal(); },
    [] {
      try {
        throw std::runtime_error{"inner"};
      } catch (...) {
        std::throw_with_nested(Counted{});
      }
    },
};

// ---- from where ----

enum class Hook : unsigned char {
  Handler,
  Constructor,
  OnStart,
  OnRestart,
  OnError,
  OnStop,
  Destructor,
  Coroutine,
  SuspendedCoroutine,
  ReentrantCoroutine,
  MessageMove,
  ReplyMove,
  Continuation,
  Timer,
  Adapter,
  HealthCheck,  // the last; not ordered: it comes by itself
};
constexpr std::size_t kHooks = static_cast<std::size_t>(Hook::HealthCheck) + 1;
constexpr const char* kHookNames[kHooks] = {
    "handler",        "constructor",  "on_start",     "on_restart",          "on_error",
    "on_stop",        "destructor",   "coroutine",    "suspended coroutine", "reentrant coroutine",
    "message's move", "reply's move", "continuation", "timer's message",     "adapter's function",
    "health check"};

/// What a place is to do wrong next, and what it has done. Over all of its lives; the actor's turn orders it but for the
/// counts.
struct alignas(64) Plan {
  Hook hook = Hook::Handler;
  std::uint32_t thrown = 0;
  bool armed = false;
  std::atomic<std::uint64_t> raised{0};
  std::atomic<std::uint64_t> raised_by[kHooks]{};
  std::atomic<std::uint64_t> numbers{0};
  std::atomic<std::int64_t> alive{0};

  [[noreturn]] void raise(Hook from, std::uint32_t what) {
    ++raised_by[static_cast<std::size_t>(from)];
    ++raised;
    kThrown[what % std::size(kThrown)]();
    std::abort();
  }
  void at(Hook here) {
    if (!armed || hook != here) return;
    armed = false;
    raise(here, thrown);
  }
};

struct Order {
  Hook hook;
  std::uint32_t thrown;
};
struct Number {};
struct Ping {};
struct LateOrder {
  std::uint32_t thrown;
};
struct Wait : LateOrder {};
struct WaitReentrant : LateOrder {};
struct Raw : LateOrder {};

/// Throws when the handler takes it.
struct Mine {
  Mine(Plan* p, std::uint32_t t) noexcept : plan{p}, thrown{t} {}
  Mine(Mine&& other) : plan{other.plan}, thrown{other.thrown}, moves{other.moves + 1} {
    if (moves == 2) plan->raise(Hook::MessageMove, thrown);
  }
  Plan* plan;
  std::uint32_t thrown;
  int moves = 0;
};
/// A reply that throws when it is moved to who asked.
struct BadReply {
  explicit BadReply(Plan* p, std::uint32_t t) noexcept : plan{p}, thrown{t} {}
  BadReply(BadReply&& other) : plan{other.plan}, thrown{other.thrown} { plan->raise(Hook::ReplyMove, thrown); }
  Plan* plan;
  std::uint32_t thrown;
};
struct WantReply : LateOrder {};

struct Helper : Actor<Helper> {
  int handle(Ping) { return 1; }
};

struct Hostile : Actor<Hostile> {
  Hostile(Plan* p, ActorRef<Helper> h) : plan{p}, helper{std::move(h)} {
    plan->at(Hook::Constructor);
    ++plan->alive;
  }
  ~Hostile() noexcept(false) {
    --plan->alive;
    plan->at(Hook::Destructor);
  }
  void on_start() { plan->at(Hook::OnStart); }
  void on_restart(const ExitReason&) { plan->at(Hook::OnRestart); }
  void on_stop(const ExitReason&) { plan->at(Hook::OnStop); }
  OnError on_error(const ExitReason&) {
    plan->at(Hook::OnError);
    return OnError::Supervise;
  }
  /// Ends the life by a crash of its own; on the way out and in again the hook that was ordered throws as well.
  void handle(Order order) {
    if (order.hook != Hook::Handler) {
      plan->hook = order.hook;
      plan->thrown = order.thrown;
      plan->armed = true;
    }
    plan->raise(Hook::Handler, order.thrown);
  }
  void handle(Mine) {}
  void handle(Number) { ++plan->numbers; }
  bool handle(Ping) { return true; }
  BadReply handle(WantReply want) { return BadReply{plan, want.thrown}; }
  Task<> handle(Wait wait) {
    if (wait.thrown % 2 == 0) plan->raise(Hook::Coroutine, wait.thrown);
    co_await yield();
    plan->raise(Hook::SuspendedCoroutine, wait.thrown);
  }
  ReentrantTask<> handle(WaitReentrant wait) {
    co_await sleep_for(1us);
    plan->raise(Hook::ReentrantCoroutine, wait.thrown);
  }
  void handle(std::pair<Hook, std::uint32_t> late) {
    const std::uint32_t thrown = late.second;
    if (late.first == Hook::Timer) {
      timer = send_after(Duration::zero(), LateOrder{thrown});
      return;
    }
    ask(helper, Ping{}, kForever).then([this, thrown](const Result<int, AskError>&) {
      plan->raise(Hook::Continuation, thrown);
    });
  }
  void handle(LateOrder late) { plan->raise(Hook::Timer, late.thrown); }
  ActorRef<Protocol<void(Raw)>> handle(Hook) {
    return adapter<Raw>([](Hostile& self, Raw raw) -> Number { self.plan->raise(Hook::Adapter, raw.thrown); });
  }
  Plan* plan;
  ActorRef<Helper> helper;
  TimerHandle timer;
};

/// Never well, in its own words, and left alone.
struct Sickly : Actor<Sickly> {
  explicit Sickly(Plan* p) : plan{p} {}
  Health on_health_check() { plan->raise(Hook::HealthCheck, draw++); }
  std::uint32_t handle(Ping) { return incarnation(); }
  Plan* plan;
  std::uint32_t draw = 0;
};

/// Throws at each event but the commonest.
struct HostileMonitor {
  static constexpr bool kRecords = true;
  using Event = coppice::Event;
  void record(const Event& event) {
    if (event.kind == EventKind::MessageHandled) return;
    ++thrown;
    throw 42;
  }
  std::atomic<std::uint64_t> thrown{0};
};

constexpr std::size_t kChildren = 8;
constexpr std::uint64_t kRound = 512;

struct Scene {
  std::array<Plan, kChildren + 1> plans{};  // the last: Sickly's
  std::vector<ActorRef<Hostile>> children;
  std::vector<ActorRef<Protocol<void(Raw)>>> adapters;
  std::uint64_t raises = 0;  // expected of the children
  std::uint64_t numbers = 0;
  std::uint64_t reply_moves = 0;
};

/// False: what was ordered did not happen.
[[nodiscard]] bool order(Scene& scene, std::size_t which, Hook hook, std::uint32_t thrown) {
  Plan& plan = scene.plans[which];
  const ActorRef<Hostile>& child = scene.children[which];
  ++scene.raises;
  switch (hook) {
    case Hook::Handler: child.send(Order{hook, thrown}); return true;
    case Hook::Coroutine:
    case Hook::SuspendedCoroutine: child.send(Wait{{thrown}}); return true;
    case Hook::MessageMove: child.send(Mine{&plan, thrown}); return true;
    case Hook::Adapter: scene.adapters[which].send(Raw{{thrown}}); return true;
    case Hook::ReplyMove: return child.ask(WantReply{{thrown}}, kPatience).get().error() == AskError::Crashed;
    case Hook::ReentrantCoroutine:
    case Hook::Continuation:
    case Hook::Timer: {
      // A crash before it would cancel it: nothing else is under way meanwhile.
      if (child.ask(Ping{}, kPatience).get() != Result<bool, AskError>{true}) return false;
      const std::uint64_t before = plan.raised;
      if (hook == Hook::ReentrantCoroutine) {
        child.send(WaitReentrant{{thrown}});
      } else {
        child.send(std::pair{hook, thrown});
      }
      return testing::eventually([&] { return plan.raised > before; });
    }
    default:
      ++scene.raises;  // the handler's own crash
      child.send(Order{hook, thrown});
      return true;
  }
}

[[nodiscard]] bool all_answer(const Scene& scene) {
  for (const auto& child : scene.children) {
    if (child.ask(Ping{}, kPatience).get() != Result<bool, AskError>{true}) return false;
  }
  return true;
}

void judge(const Scene& scene, const Ledger& ledger, Findings& findings) {
  std::uint64_t raised = 0;
  std::uint64_t numbers = 0;
  std::int64_t alive = 0;
  for (std::size_t i = 0; i < kChildren; ++i) {
    raised += scene.plans[i].raised;
    numbers += scene.plans[i].numbers;
    alive += scene.plans[i].alive;
  }
  for (std::size_t hook = 0; hook < kHooks; ++hook) {
    std::uint64_t by = 0;
    for (const Plan& plan : scene.plans) by += plan.raised_by[hook];
    findings.count(std::string{"from the "} + kHookNames[hook], by);
  }
  findings.count("crashes", raised + scene.plans.back().raised);
  findings.equal("crashes of what was ordered", scene.raises, raised);
  findings.equal("messages behind crashes that were handled", scene.numbers, numbers);
  findings.equal("instances left", 0, static_cast<std::uint64_t>(alive));
  findings.holds(ledger.balances() && ledger.queued == 0, "the ledger does not balance");
}

[[nodiscard]] SupervisorSpec tree(Scene& scene, const ActorRef<Helper>& helper) {
  std::vector<ChildSpec> specs;
  for (std::size_t i = 0; i < kChildren; ++i)
    specs.push_back(child<Hostile>({.id = std::to_string(i)}, &scene.plans[i], helper));
  specs.push_back(child<Sickly>({.id = "sickly", .health = {.interval = 1ms, .timeout = 1s, .failures = ~0U}},
                                &scene.plans.back()));
  return SupervisorSpec{{.id = "app", .intensity = {.restarts = 1'000'000'000, .within = 1ms}}, std::move(specs)};
}

/// Orders until it is enough. False: something did not happen.
[[nodiscard]] bool drive(Scene& scene, const System& system, const Length& length, Findings& findings) {
  std::mt19937 dice{length.seed};
  const std::uint64_t threads = Process::now().threads;
  std::uint64_t warm = 0;
  do {
    for (std::uint64_t i = 0; i < kRound; ++i) {
      const std::size_t which = dice() % kChildren;
      const auto hook = static_cast<Hook>(dice() % (kHooks - 1));
      if (!order(scene, which, hook, static_cast<std::uint32_t>(dice()))) return false;
      scene.children[which].send(Number{});
      ++scene.numbers;
    }
    if (!testing::eventually([&] { return system.ledger().queued == 0; }) || !all_answer(scene)) return false;
    const Process now = Process::now();
    findings.equal("threads", threads, now.threads);
    if (scene.raises > 20'000 && warm == 0) warm = now.resident;
  } while (!length.is_over(scene.raises));
  if (warm != 0 && kMeasuresMemory) {
    const std::uint64_t resident = Process::now().resident;
    const std::uint64_t grown = resident > warm ? resident - warm : 0;
    findings.most("KiB more resident", grown / 1024);
    findings.holds(grown < kMemoryNoise, "the memory grows with the crashes");
  }
  return true;
}

}  // namespace

void crash(const Length& length, Findings& findings) {
  auto scene = std::make_unique<Scene>();
  {
    SystemOptions options = testing::two_workers();
    options.on_failure = [](const FailureReport&) { throw 42; };
    options.on_report = [](const SupervisorReport&) { throw 42; };
    options.shutdown_within = kPatience;
    BasicActorSystem<HostileMonitor> system{std::move(options)};
    const auto helper = system.spawn<Helper>();
    const auto root = system.start(tree(*scene, helper));
    if (!root) return findings.holds(false, "the tree did not start");
    for (std::size_t i = 0; i < kChildren; ++i) {
      scene->children.push_back(root->child<Hostile>(std::to_string(i)).value());
      scene->adapters.push_back(scene->children.back().ask(Hook::Adapter, kPatience).get().value());
    }
    findings.holds(drive(*scene, system, length, findings), "what was ordered did not happen");
    const auto sickly = root->child<Sickly>("sickly").value();
    findings.holds(sickly.ask(Ping{}, kPatience).get() == Result<std::uint32_t, AskError>{1U},
                   "a health check that throws has ended its child");
    findings.holds(system.shutdown({.within = kPatience}).complete, "the shutdown was late");
    findings.count("thrown by the monitor", system.monitor().thrown);
    judge(*scene, system.ledger(), findings);
  }
  scene->children.clear();  // a place keeps the reason of its end
  scene->adapters.clear();
  findings.equal("exceptions left", 0, static_cast<std::uint64_t>(Counted::alive));
}

}  // namespace coppice::soak
