// A supervisor and its children, which end in every way; beside it OTP's rules in twenty lines say who has to start and
// stop, in which order. Source: the stdlib manual, supervisor(3).

#include <algorithm>

#include "../workloads.hpp"

namespace coppice::simulation {
namespace {

struct Crash {};
struct Quit {};
struct Noise {};

constexpr int kMembersMax = 5;
constexpr Duration kWithin = 5s;

/// Positive: that member's constructor ran; negative: its destructor. From 1.
using Moves = std::vector<int>;

struct Family {
  explicit Family(Run& r) : run{r} {}
  Run& run;
  Moves moves;
  int alive[kMembersMax + 1] = {};
  TimePoint ended_at{};  // when a member came to its end by itself, as late as its handler made that
};

struct Member : Actor<Member> {
  Member(Family* f, int i) : family{f}, index{i} {
    family->moves.push_back(index);
    family->run.check(++family->alive[index] == 1, "one life", "a life began before the one before it had ended");
  }
  ~Member() {
    family->moves.push_back(-index);
    --family->alive[index];
    family->run.check(had_stop, "on_stop", "a life that had started ended without its on_stop");
  }
  void on_stop(const ExitReason&) {
    family->run.check(!had_stop, "on_stop", "it ran twice in one life");
    had_stop = true;
  }
  void handle(Crash) {
    end();
    throw std::runtime_error{"crash"};
  }
  void handle(Quit) {
    end();
    stop();
  }
  void end() const {
    family->run.slow_point();
    family->ended_at = family->run.system().now();
  }
  void handle(Noise) {}
  Family* family;
  int index;
  bool had_stop = false;
};

/// The rules.
struct Expected {
  enum class Group : unsigned char { One, All, Rest };

  struct Child {
    Restart restart;
    bool runs = true;
    bool is_known = true;  // a Temporary child's spec goes with it
  };

  /// What happens when member `who` has ended by itself.
  void ended(int who, bool normally, TimePoint now) {
    moves.push_back(-who);
    Child& child = children[static_cast<std::size_t>(who) - 1];
    child.runs = false;
    if (child.restart == Restart::Temporary) child.is_known = false;
    if (child.restart == Restart::Temporary || (normally && child.restart == Restart::Transient)) return;
    std::erase_if(restarts, [&](TimePoint t) { return now - t > kWithin; });
    restarts.push_back(now);
    if (restarts.size() > intensity) return give_up();
    const int first = group == Group::Rest ? who : 1;
    if (group == Group::One) return start(who);
    stop_down_to(first);
    for (int each = first; each <= count(); ++each) {
      if (children[static_cast<std::size_t>(each) - 1].is_known) start(each);
    }
  }
  void give_up() {
    stop_down_to(1);
    gave_up = true;
  }
  void stop_down_to(int first) {
    for (int each = count(); each >= first; --each) stop(each);
  }
  void stop(int who) {
    Child& child = children[static_cast<std::size_t>(who) - 1];
    if (child.runs) moves.push_back(-who);
    child.runs = false;
    if (child.restart == Restart::Temporary) child.is_known = false;
  }
  void start(int who) {
    moves.push_back(who);
    children[static_cast<std::size_t>(who) - 1].runs = true;
  }
  [[nodiscard]] int count() const { return static_cast<int>(children.size()); }

  Group group = Group::One;
  std::size_t intensity = 0;
  std::vector<Child> children;
  std::vector<TimePoint> restarts;
  Moves moves;
  bool gave_up = false;
};

std::string text_of(const Moves& moves) {
  std::string text;
  for (const int each : moves) text += (each > 0 ? " +" : " ") + std::to_string(each);
  return text;
}

AnyStrategy strategy_of(Expected::Group group) {
  switch (group) {
    case Expected::Group::One: return OneForOne{};
    case Expected::Group::All: return OneForAll{};
    case Expected::Group::Rest: return RestForOne{};
  }
  return OneForOne{};
}

/// What the oracle is called that found the difference.
std::string_view oracle_of(const Moves& expected, Moves moves) {
  Moves sorted = expected;
  std::sort(sorted.begin(), sorted.end());
  std::sort(moves.begin(), moves.end());
  return sorted == moves ? "order of starts and stops" : "who starts and stops";
}

/// One end of a member, seen to its end, against the rules.
void end_one(Run& run, Family& family, Expected& expected, const ActorRef<Member>& member, int who, bool normally) {
  family.moves.clear();
  expected.moves.clear();
  if (normally) {
    member.send(Quit{});
  } else {
    member.send(Crash{});
  }
  run.settle();
  expected.ended(who, normally, family.ended_at);
  if (family.moves == expected.moves) return;
  run.found(oracle_of(expected.moves, family.moves),
            "expected" + text_of(expected.moves) + ", came" + text_of(family.moves));
}

}  // namespace

void run_tree(Run& run) {
  Draw& draw = run.draw();
  Family& family = run.keep<Family>(run);
  Expected expected;
  expected.group = static_cast<Expected::Group>(draw.below(3));
  expected.intensity = static_cast<std::size_t>(draw.between(0, 6));
  const int count = draw.between(3, kMembersMax);
  std::vector<ChildSpec> specs;
  for (int i = 1; i <= count; ++i) {
    const auto restart = static_cast<Restart>(draw.below(3));
    expected.children.push_back({.restart = restart});
    specs.push_back(child<Member>({.id = std::to_string(i),
                                   .restart = restart,
                                   .shutdown = Shutdown::infinity(),  // their limits are not what is checked here
                                   .start_within = kForever},
                                  &family, i));
  }
  const auto root = run.system().start(
      supervisor({.id = "tree",
                  .strategy = strategy_of(expected.group),
                  .intensity = {.restarts = static_cast<std::uint32_t>(expected.intensity), .within = kWithin}},
                 specs));
  if (!root) return run.found("start", "the tree did not start");
  std::vector<ActorRef<Member>> members;
  for (int i = 1; i <= count; ++i) members.push_back(root->child<Member>(std::to_string(i)).value());

  constexpr Duration kPauses[] = {0s, 0s, 1s, kWithin - 1ms, kWithin, kWithin + 1ms};
  run.faults_begin();
  for (int left = draw.between(6, 20); left > 0; --left) {
    const int who = draw.between(1, count);
    const bool normally = draw.one_in(3);
    const Duration pause = kPauses[draw.below(std::size(kPauses))];
    const std::uint64_t noise = draw.next();  // two bits for each
    run.operate([&] {
      run.system().advance(pause);
      for (std::size_t i = 0; i < 2 * members.size(); ++i)
        if ((noise >> i & 1) != 0) static_cast<void>(run.finds_memory([&] { members[i / 2].send(Noise{}); }));
      if (expected.gave_up || !expected.children[static_cast<std::size_t>(who) - 1].runs) return;
      end_one(run, family, expected, members[static_cast<std::size_t>(who) - 1], who, normally);
    });
  }
  run.settle();
  run.faults_end();
  run.check(run.system().has_stopped(AnyRef{*root}) == expected.gave_up, "intensity",
            "the supervisor should have given up, or should not");
  family.moves.clear();
  expected.moves.clear();
  expected.stop_down_to(1);
  run.finish();
  run.check(family.moves == expected.moves, oracle_of(expected.moves, family.moves),
            "at the end expected" + text_of(expected.moves) + ", came" + text_of(family.moves));
}

}  // namespace coppice::simulation
