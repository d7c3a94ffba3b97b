#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/asio.hpp"
#include "coppice/coroutine.hpp"
#include "coppice/patterns/router.hpp"
#include "coppice/supervisors/supervisor.hpp"
#include "coppice/system/process_groups.hpp"
#include "coppice/testing/test_system.hpp"
#include "simulation/memory.hpp"
#include "support/echo_server.hpp"
#include "support/ending.hpp"
#include "support/log.hpp"
#include "support/test_end.hpp"

// As tests/environment/life_test.cpp, where the blocks of the pool need memory as well: no place in a mailbox with
// priorities lies ready, and no envelope.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using simulation::FailNthAllocation;
using testing::Lines;
using testing::TestSystem;

constexpr const char* kText = "more than a string has room for in itself";

struct Job {
  std::string text = kText;
};
struct Reader : Actor<Reader> {
  int handle(const Job& job) {
    if (job.text == kText) ++whole;
    return ++seen;
  }
  std::pair<int, int> handle(int) { return {seen, whole}; }
  int seen = 0;
  int whole = 0;
};

/// An actor whose mailbox needs memory for each message.
ActorRef<Reader> spawn_reader(System& system) {
  return system.spawn<Reader>({.mailbox = Unbounded{.order = Order::Priority}});
}
/// Whether it has seen so many, and each of them whole.
bool has_seen(const ActorRef<Reader>& reader, int count) {
  return reader.ask(0, 1h).get() == Result<std::pair<int, int>, AskError>{std::pair{count, count}};
}

struct Tried {
  int done = 0;
  int failed = 0;
};
/// Calls `work` with each n-th allocation failing until there is none of that number.
template <class F>
Tried under_failures(F work) {
  Tried tried;
  for (std::uint64_t n = 1;; ++n) {
    const FailNthAllocation fail{n};
    try {
      work();
      ++tried.done;
    } catch (const std::bad_alloc&) {
      ++tried.failed;
    }
    if (!fail.has_failed()) return tried;
  }
}

TEST_CASE("a message that there is no memory to take stays whole with its caller") {  // P4 P23
  TestSystem system;
  const auto reader = spawn_reader(system);
  const Router<Reader> router{system, {reader}};
  system.run_until_idle();
  const auto stays = [&](auto try_send) {
    int accepted = 0;
    bool is_whole = true;
    Job mine;
    const Tried tried = under_failures([&] {
      is_whole = is_whole && mine.text == kText;
      if (try_send(mine) == Delivery::Accepted) ++accepted;
    });
    CHECK(tried.failed >= 2);  // the envelope, and its place
    CHECK(tried.done == accepted);
    CHECK(is_whole);
    return accepted;
  };
  const int sent = stays([&](Job& job) { return reader.try_send(job); });
  const int routed = stays([&](Job& job) { return router.try_send(job); });
  system.run_until_idle();
  CHECK(has_seen(reader, sent + routed));
  testing::check_end(system);
}

/// Asks on its own turn, under each n-th failure.
struct Asker : Actor<Asker> {
  struct Continue {};
  struct Await {};
  struct Delegate {
    std::uint64_t n;
  };
  explicit Asker(ActorRef<Reader> r) : reader{std::move(r)} {}
  void handle(Continue) {
    tried = under_failures([this] {
      ask(reader, Job{}, 1h).then([this](const Result<int, AskError>& answer) { answers += answer ? 1 : 0; });
    });
  }
  Task<void> handle(Await) {
    std::vector<AskAwaitable<int>> asked;
    asked.reserve(100);
    tried = under_failures([&] { asked.push_back(ask<Job>(reader, 1h)); });
    for (auto& each : asked) answers += co_await each ? 1 : 0;
  }
  Later<int> handle(Delegate delegated) {
    const FailNthAllocation fail{delegated.n};
    auto later = delegate(reader, Job{});
    has_failed = fail.has_failed();
    return later;
  }
  OnError on_error(const ExitReason&) {
    ++crashes;
    return OnError::Resume;
  }
  ActorRef<Reader> reader;
  Tried tried{};
  int answers = 0;
  int crashes = 0;
  bool has_failed = true;
  struct Look {};
  std::vector<int> handle(Look) { return {tried.done, tried.failed, answers, crashes, has_failed ? 1 : 0}; }
};

TEST_CASE("an ask that there is no memory to take is none whether continued or awaited") {  // P12 P23
  TestSystem system;
  const auto reader = spawn_reader(system);
  int asked = 0;
  const auto check = [&](const ActorRef<Asker>& asker, int least) {
    system.run_until_idle();
    const std::vector<int> seen = asker.ask(Asker::Look{}, 1h).get().value();
    CHECK(seen[0] > 0);
    CHECK(seen[1] >= least);
    CHECK(seen[2] == seen[0]);  // each ask that was made is answered, and no other
    CHECK(seen[3] == 0);
    CHECK(system.stats().timers == 0);  // nor does one wait for its deadline
    asked += seen[0];
  };
  const auto first = system.spawn<Asker>(reader);
  first.send(Asker::Continue{});
  check(first, 4);
  const auto second = system.spawn<Asker>(reader);
  second.send(Asker::Await{});
  check(second, 3);
  CHECK(has_seen(reader, asked));
  CHECK(system.stats().late_replies == 0);
  testing::check_end(system);
}

TEST_CASE("a question that there is no memory to pass on is answered with the crash of who had it") {  // P12 P23
  TestSystem system;
  const auto reader = spawn_reader(system);
  const auto asker = system.spawn<Asker>(reader);
  int passed_on = 0;
  for (std::uint64_t n = 1;; ++n) {
    CAPTURE(n);
    REQUIRE(n < 100);
    const auto answer = asker.ask(Asker::Delegate{n}, 1h).get();
    const std::vector<int> seen = asker.ask(Asker::Look{}, 1h).get().value();
    if (answer) {
      ++passed_on;
    } else {
      CHECK(answer.error() == AskError::Crashed);  // at once, not at its deadline
      CHECK(seen[3] == static_cast<int>(n) - passed_on);
    }
    if (answer && seen[4] == 0) {
      CHECK(seen[3] >= 2);
      break;
    }
  }
  CHECK(has_seen(reader, passed_on));
  testing::check_end(system);
}

// ---- what waits for memory ----

/// A member of a group as long as it lives. From its destructor on the n-th allocation fails, once.
struct Member : Actor<Member> {
  Member(ProcessGroups* groups, std::optional<FailNthAllocation>* f, std::uint64_t number) : fail{f}, n{number} {
    static_cast<void>(groups->join(kText, self()));
  }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;
  ~Member() { fail->emplace(n); }
  void handle(int) {}
  std::optional<FailNthAllocation>* fail;
  std::uint64_t n;
};

/// Classes apart, so that what is another's would show.
template <char Name>
struct Watcher : Actor<Watcher<Name>> {
  Watcher(ProcessGroups* groups, Lines* l) : log{l} { static_cast<void>(groups->watch(kText, this->self())); }
  void handle(const GroupEvent& event) {
    log->push_back(Name + std::string{event.kind == GroupEvent::Kind::Joined ? " joined" : " left"});
  }
  Lines* log;
};

TEST_CASE("the news that a member has ended waits for memory and each watcher hears it once") {  // P23
  for (std::uint64_t n = 1; n <= 5; ++n) {  // room for two envelopes, and each envelope and its name
    CAPTURE(n);
    Lines first;
    Lines second;
    std::optional<FailNthAllocation> fail;
    TestSystem system;
    ProcessGroups groups{system};
    system.spawn<Watcher<'a'>>(&groups, &first);
    system.spawn<Watcher<'b'>>(&groups, &second);
    system.run_until_idle();
    const auto member = system.spawn<Member>(&groups, &fail, n);
    system.run_until_idle();
    const StopFuture stopped = system.stop(member);
    system.run_until_idle();
    REQUIRE(fail.has_value());
    CHECK(fail->has_failed());
    fail.reset();
    CHECK(first == Lines{"a joined", "a left"});
    CHECK(second == Lines{"b joined", "b left"});
    CHECK(groups.members(kText)->empty());
    testing::check_end(system);
  }
}

/// Ends when it is told to. From its on_stop on the n-th allocation fails, once.
struct Other : Actor<Other> {
  struct Stop {};
  explicit Other(std::optional<FailNthAllocation>* f = nullptr, std::uint64_t number = 0) : fail{f}, n{number} {}
  void handle(Stop) { stop(); }
  void on_stop(const ExitReason&) {
    if (n != 0) fail->emplace(n);
  }
  std::optional<FailNthAllocation>* fail;
  std::uint64_t n;
};

/// What one has heard of another one's end.
struct Heard {
  int ends = 0;
  int nobody = 0;
  void note(const ExitReason& why) { ++(why.kind() == ExitReason::Kind::NoProc ? nobody : ends); }
  friend bool operator==(const Heard&, const Heard&) = default;
};
std::ostream& operator<<(std::ostream& out, const Heard& heard) { return out << heard.ends << " " << heard.nobody; }

/// Does one thing with another one, and from then on the n-th allocation fails, once.
struct Tied : Actor<Tied> {
  enum class What { Link, Unlink, Watch };
  struct Try {
    What what;
    ActorRef<Other> other;
    std::uint64_t n;
  };
  Tied(std::optional<FailNthAllocation>* f, Heard* h) : fail{f}, heard{h} { trap_exits(); }
  void handle(const Try& attempt) {
    if (attempt.what == What::Link) link(attempt.other);
    if (attempt.what == What::Unlink) unlink(attempt.other);
    if (attempt.what == What::Watch) watch(attempt.other);
    if (attempt.n != 0) fail->emplace(attempt.n);
  }
  void handle(const ExitSignal& exit) { heard->note(exit.reason); }
  void handle(const Down& down) { heard->note(down.reason); }
  std::optional<FailNthAllocation>* fail;
  Heard* heard;
};

/// One that is tied to others, in a system of its own.
struct Knot {
  Heard heard;
  std::optional<FailNthAllocation> fail;
  TestSystem system;
  ActorRef<Tied> tied = system.spawn<Tied>(&fail, &heard);

  /// Runs until all is idle, and answers whether an allocation has failed meanwhile.
  bool has_failed_meanwhile() {
    system.run_until_idle();
    REQUIRE(fail.has_value());
    const bool has_failed = fail->has_failed();
    fail.reset();
    return has_failed;
  }
};

/// Ties a new knot for the first allocation that fails, the second, until there was none to fail. Answers how many knots.
/// `scene(knot, n)` answers whether one has failed.
template <class Scene>
std::uint64_t knots_until_none_fails(const Scene& scene) {
  std::uint64_t n = 0;
  for (bool has_failed = true; has_failed;) {
    ++n;
    CAPTURE(n);
    REQUIRE(n < 20);
    Knot knot;
    has_failed = scene(knot, n);
    testing::check_end(knot.system);
  }
  return n;
}

TEST_CASE("what an actor asks of another one waits there for memory and is done") {  // P23
  using What = Tied::What;
  for (const What what : {What::Link, What::Unlink, What::Watch}) {
    CAPTURE(static_cast<int>(what));
    const std::uint64_t knots = knots_until_none_fails([what](Knot& knot, std::uint64_t n) {
      const auto other = knot.system.spawn<Other>();
      if (what == What::Unlink) knot.tied.send(Tied::Try{What::Link, other, 0});
      knot.system.run_until_idle();
      knot.tied.send(Tied::Try{what, other, n});
      const bool has_failed = knot.has_failed_meanwhile();
      other.send(Other::Stop{});
      knot.system.run_until_idle();
      CHECK(knot.heard == Heard{.ends = what == What::Unlink ? 0 : 1});
      return has_failed;
    });
    if (what != What::Unlink) CHECK(knots > 1);
  }
}

TEST_CASE("the end of a linked actor waits for memory and is felt once") {  // P23
  const std::uint64_t knots = knots_until_none_fails([](Knot& knot, std::uint64_t n) {
    const auto other = knot.system.spawn<Other>(&knot.fail, n);
    knot.tied.send(Tied::Try{Tied::What::Link, other, 0});
    knot.system.run_until_idle();
    other.send(Other::Stop{});
    const bool has_failed = knot.has_failed_meanwhile();
    CHECK(knot.heard == Heard{.ends = 1});
    return has_failed;
  });
  CHECK(knots > 1);
}

TEST_CASE("a link to a child that was terminated is refused though there is no memory") {  // P23
  const std::uint64_t knots = knots_until_none_fails([](Knot& knot, std::uint64_t n) {
    const auto root = knot.system.start(supervisor({.id = "app"}, child<Other>({.id = "c"})));
    REQUIRE(root);
    const auto other = root->child<Other>("c").value();
    REQUIRE(root->terminate_child("c"));
    knot.tied.send(Tied::Try{Tied::What::Link, other, n});
    const bool has_failed = knot.has_failed_meanwhile();
    CHECK(knot.heard == Heard{.nobody = 1});
    return has_failed;
  });
  CHECK(knots > 1);
}

#if !defined(COPPICE_PORTABLE)  // there each look is an operation of Asio's, whose completion needs memory
TEST_CASE("who finds no memory to tell of input goes on and it is told when there is some") {  // P23
  asio::io_context io;
  testing::EchoServer server{{.id = "echo"}, {.run_in = users_context(io)}};
  testing::TcpClient client = server.connect();
  REQUIRE(testing::eventually([&] { return server.stats().open == 1; }));
  io.poll();
  REQUIRE(client.send("hello"));
  {
    const FailNthAllocation fail{1, true};
    while (!fail.has_failed()) static_cast<void>(io.run_one_for(testing::kPatience));
  }
  std::thread runs{[&] { io.run(); }};
  CHECK(client.receive(5) == "hello");
  client.reset();
  testing::check_end(server.system);
  runs.join();
}
#endif

// ---- what is not told ----

/// From its destructor on the first allocation fails.
struct Quiet : Actor<Quiet> {
  explicit Quiet(std::optional<FailNthAllocation>* f) : fail{f} {}
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
  ~Quiet() { fail->emplace(1U); }
  void handle(int) {}
  std::optional<FailNthAllocation>* fail;
};

TEST_CASE("an event that there is no memory to tell is missing and its actor ends as any other") {  // P23
  std::optional<FailNthAllocation> fail;
  TestSystem system;
  const auto quiet = system.spawn<Quiet>({.name = kText}, &fail);
  system.run_until_idle();
  const std::size_t before = system.event_log().size();
  const StopFuture stopped = system.stop(quiet);
  system.run_until_idle();
  REQUIRE(fail.has_value());
  CHECK(fail->has_failed());
  fail.reset();
  CHECK(system.event_log().size() == before);
  CHECK(quiet.is_closed());
  CHECK_FALSE(system.find_any(kText));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
