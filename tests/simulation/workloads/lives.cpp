// Actors spawn, watch, link and end each other in every way, with names, groups and children.

#include <algorithm>
#include <deque>
#include <map>

#include "../workloads.hpp"
#include "coppice/system/process_groups.hpp"

namespace coppice::simulation {
namespace {

constexpr int kBeingsMax = 40;
constexpr int kNone = -1;
constexpr std::string_view kNames[] = {"", "", "ada", "bob", "cid"};

enum class Act : unsigned char { Spawn, SpawnLink, Watch, Unwatch, Link, Unlink, Exit, Note, Stop, Throw, Join };
constexpr int kActs = 11;

struct Do {
  Act act;
  int with;  // another being
  int name;
  bool traps;
  ExitReason reason;
};
struct Note {
  int from;
};

/// What is known of one being, who has one life.
struct Life {
  Life(int p, bool t, bool killed) : parent{p}, traps{t}, may_be_killed{killed} {}

  AnyRef ref;
  int parent;
  bool traps;
  bool may_be_killed;  // its parent's patience may end before it has had a turn
  int constructed = 0;
  int destroyed = 0;
  int started = 0;
  int stopped = 0;
  bool is_over = false;
  bool is_joined = false;
  ExitReason reason;  // that on_stop was told, or why there was no start
  std::vector<int> children;
  std::map<int, int> watches;     // of whom, how many
  std::map<int, int> notes_sent;  // to whom
  std::map<int, int> notes_seen;  // from whom
  std::vector<int> linked;        // those to which this one linked itself
  std::map<int, int> link_exits;  // that may come, from whom; of one that traps, as the next
  std::map<int, int> sent_exits;
  std::map<int, int> heard_exits;
};

struct Being;

/// What all beings share.
struct World {
  explicit World(Run& r) : run{r}, groups{r.system()} {}

  Life& at(int being) { return lives[static_cast<std::size_t>(being)]; }
  [[nodiscard]] bool has_room() const { return lives.size() < kBeingsMax; }
  /// Of a being that is about to be spawned.
  int expect(int parent, bool traps) {
    lives.emplace_back(parent, traps, parent != kNone && !run.is_punctual());
    return static_cast<int>(lives.size()) - 1;
  }
  void link(int from, int to);
  /// Also of one that was told to stop before it had a turn: nothing of it has run.
  [[nodiscard]] bool is_over(const Life& life) const {
    return life.is_over || (life.constructed == 0 && life.ref.is_closed());
  }
  [[nodiscard]] int number_of(const AnyRef& ref) const;
  [[nodiscard]] int holder_of(std::string_view name) const;
  template <class Try>
  void spawn(int parent, const Do& what, Try&& attempt);
  void ended(int being);
  void check_children(int being);
  void check_younger(int being);
  void check_at_rest();
  void check_watches(int being);
  void check_link(const Life& one, const Life& other, int number, int other_number);

  Run& run;
  ProcessGroups groups;
  std::deque<Life> lives;
  std::map<std::string, int, std::less<>> names;
};

int World::number_of(const AnyRef& ref) const {
  for (std::size_t i = 0; i < lives.size(); ++i)
    if (lives[i].ref == ref) return static_cast<int>(i);
  return kNone;
}

int World::holder_of(std::string_view name) const {
  const auto found = names.find(name);
  return found == names.end() || is_over(lives[static_cast<std::size_t>(found->second)]) ? kNone : found->second;
}

struct Being : Actor<Being> {
  Being(World* w, int i) : world{w}, index{i} {
    life().is_over = true;  // unless it gets through
    life().reason = ExitReason::error("did not start");
    world->run.fault_point();
    life().is_over = false;
    ++life().constructed;
  }
  ~Being() {
    ++life().destroyed;
    world->check_children(index);
    world->ended(index);
  }
  void on_start() {
    if (life().traps) trap_exits();
    world->run.fault_point();
    ++life().started;
  }
  void on_stop(const ExitReason& reason) {
    Life& mine = life();
    world->run.check(mine.started == 1, "on_stop", "an actor was stopped that had not started");
    world->run.check(++mine.stopped == 1, "on_stop", "an actor was stopped twice");
    world->run.check(reason.kind() != ExitReason::Kind::Killed || !world->run.is_punctual(), "on_stop",
                     "an actor was stopped as killed, and nobody kills");
    mine.reason = reason;
    world->check_children(index);
    if (reason == ExitReason::shutdown() && mine.link_exits.empty()) world->check_younger(index);
    for (const auto& [to, sent] : std::map{mine.notes_sent}) note(to);
    world->run.fault_point();
  }

  void handle(const Do& what) {
    world->run.fault_point();
    switch (what.act) {
      case Act::Spawn:
      case Act::SpawnLink: spawn_one(what); break;
      case Act::Watch: watch_one(what.with); break;
      case Act::Unwatch: unwatch_one(what.with); break;
      case Act::Link:
        if (what.with > index) link_to(what.with);
        break;
      case Act::Unlink:
        if (what.with > index) unlink_from(what.with);
        break;
      case Act::Exit: exit(what); break;
      case Act::Note: note(what.with); break;
      case Act::Stop: stop(what.reason); break;
      case Act::Throw: throw std::runtime_error{"asked to"};
      case Act::Join: join(); break;
    }
    world->run.fault_point();
  }
  void handle(Note note) {
    ++life().notes_seen[note.from];
    world->run.fault_point();
  }
  void handle(const Down& down);
  void handle(const ExitSignal& exit) {
    const int from = world->number_of(exit.from);
    Life& mine = life();
    world->run.check(mine.traps, "exit", "an exit came to who does not trap exits");
    if (from == kNone) return;
    const int may = mine.link_exits[from] + mine.sent_exits[from];
    world->run.check(++mine.heard_exits[from] <= may, "exit", "an exit came twice, or after the unlink, or of nobody");
    if (world->is_over(world->at(from))) std::erase(mine.linked, from);
    world->run.fault_point();
  }

  void spawn_one(const Do& what) {
    world->spawn(index, what, [&](int number, const SpawnOptions& options) {
      return what.act == Act::Spawn ? try_spawn<Being>({.name = options.name}, world, number)
                                    : try_spawn_link<Being>({.name = options.name}, world, number);
    });
  }
  void watch_one(int which) {
    WatchId made{};
    if (!world->run.finds_memory([&] { made = watch(world->at(which).ref); })) return;
    watches.emplace_back(which, made);
    ++life().watches[which];
  }
  void join() {
    bool has_joined = false;
    if (!world->run.finds_memory([&] { has_joined = world->groups.join("all", self()).has_value(); })) return;
    world->run.check(has_joined, "group", "a living actor cannot join");
    life().is_joined = true;
  }
  void unwatch_one(int which) {
    if (watches.empty()) return;
    const auto found = watches.begin() + which % static_cast<std::ptrdiff_t>(watches.size());
    if (!world->run.finds_memory([&] { unwatch(found->second); })) return;
    --life().watches[found->first];
    watches.erase(found);
  }
  void link_to(int other);
  void unlink_from(int other) {
    if (!world->run.finds_memory([&] { unlink(world->at(other).ref); })) return;
    Life& mine = life();
    std::erase(mine.linked, other);
    if (mine.sent_exits[other] == 0) mine.link_exits[other] = mine.heard_exits[other];
  }
  void exit(const Do& what) {
    if (what.with == index) return;
    if (world->run.finds_memory([&] { send_exit(world->at(what.with).ref, what.reason); }))
      ++world->at(what.with).sent_exits[index];
  }
  void note(int to) {
    Delivery delivery = Delivery::Closed;
    if (!world->run.finds_memory([&] { delivery = world->at(to).ref.as<Being>().send(Note{index}); })) return;
    if (delivery == Delivery::Accepted) ++life().notes_sent[to];
  }
  [[nodiscard]] Life& life() const { return world->at(index); }

  World* world;
  int index;
  std::vector<std::pair<int, WatchId>> watches;
};

void World::link(int from, int to) {
  Life& life = at(from);
  const bool is_linked = std::find(life.linked.begin(), life.linked.end(), to) != life.linked.end();
  if (is_linked && !is_over(at(to))) return;  // otherwise the first exit may wait, and this link has one of its own
  if (!is_linked) life.linked.push_back(to);
  ++life.link_exits[to];
  ++at(to).link_exits[from];
}

void Being::link_to(int other) {
  if (world->run.finds_memory([&] { link(world->at(other).ref); })) world->link(index, other);
}

void Being::handle(const Down& down) {
  Life& mine = life();
  const int of = world->number_of(down.actor);
  if (of == kNone) return world->run.found("down", "a Down of somebody unknown");
  const auto found = std::find_if(watches.begin(), watches.end(), [&](const auto& each) { return each.first == of; });
  if (found == watches.end()) return world->run.found("down", "a Down came twice, or after the unwatch");
  watches.erase(found);
  --mine.watches[of];
  Life& other = world->at(of);
  world->run.check(world->is_over(other), "down", "a Down of a life that goes on");
  world->run.check(other.notes_sent[index] == mine.notes_seen[of], "overtakes",
                   "a Down overtook what its actor had sent");
  const bool was_dead = down.incarnation == 0;
  const bool is_no_proc = down.reason.kind() == ExitReason::Kind::NoProc;
  world->run.check(down.incarnation <= 1 && (is_no_proc || !was_dead), "down", "a Down does not say of which life");
  const bool is_true = was_dead || other.started == 0 || other.may_be_killed || down.reason == other.reason;
  world->run.check(is_true, "reason", "a Down tells another reason than on_stop");
  for (const auto& [name, holder] : world->names)
    world->run.check(holder != of || !(world->run.system().find_any(name) == down.actor), "names",
                     "a Down came before its name was free");
  world->run.fault_point();
}

template <class Try>
void World::spawn(int parent, const Do& what, Try&& attempt) {
  if (!has_room()) return;
  const std::string name{kNames[what.name]};
  const bool is_taken = !name.empty() && holder_of(name) != kNone;
  const int number = expect(parent, what.traps);
  const SpawnOptions options{.name = name};
  Result<ActorRef<Being>, SpawnError> spawned = Error{SpawnError::Closing};
  if (!run.finds_memory([&] { spawned = attempt(number, options); })) return lives.pop_back();
  run.check(spawned.has_value() != is_taken, "names",
            is_taken ? "a name went to a second" : "a name of nobody is taken");
  if (!spawned) {
    lives.pop_back();
    return;
  }
  at(number).ref = spawned.value();
  if (parent != kNone) at(parent).children.push_back(number);
  if (parent != kNone && what.act == Act::SpawnLink) link(parent, number);
  if (!name.empty()) names[name] = number;
}

void World::ended(int being) {
  Life& mine = at(being);
  mine.is_over = true;
  run.check(mine.stopped == mine.started || mine.may_be_killed, "on_stop", "an actor ended and was not stopped");
}

void World::check_children(int being) {
  for (const int child : at(being).children)
    run.check(is_over(at(child)) || at(child).may_be_killed, "children", "a parent ended before its child");
}

/// Its parent stops it: the newest come first.
void World::check_younger(int being) {
  if (at(being).parent == kNone) return;
  for (const int sibling : at(at(being).parent).children)
    run.check(sibling <= being || is_over(at(sibling)) || at(sibling).may_be_killed, "children",
              "an older child was stopped before a younger one");
}

void World::check_watches(int being) {
  for (const auto& [of, count] : at(being).watches) {
    if (count != 0 && is_over(at(of))) run.found("down", "a watch of who has ended has no Down");
  }
}

void World::check_link(const Life& one, const Life& other, int number, int other_number) {
  const auto lives_on = [&](const Life& life, const Life& end, int of) {
    if (is_over(life) || !end.is_over || end.may_be_killed) return false;
    if (!life.traps) return end.reason.kind() != ExitReason::Kind::Normal;
    const auto heard = life.heard_exits.find(of);
    return heard == life.heard_exits.end() || heard->second == 0;
  };
  run.check(!lives_on(one, other, other_number) && !lives_on(other, one, number), "link",
            "a linked actor lives on, and has not heard of the end");
}

void World::check_at_rest() {
  std::uint64_t alive = 0;
  std::size_t members = 0;
  for (std::size_t i = 0; i < lives.size(); ++i) {
    const Life& life = lives[i];
    const int number = static_cast<int>(i);
    run.check(life.destroyed <= life.constructed && life.constructed <= 1, "destructor", "a life was destroyed twice");
    run.check(is_over(life) == run.system().has_stopped(life.ref), "zombie", "a place is left of who is over");
    if (is_over(life)) {
      run.check(life.destroyed == life.constructed, "destructor", "a life that is over was not destroyed");
    } else {
      ++alive;
      if (life.is_joined) ++members;
      check_watches(number);
    }
    for (const int other : life.linked) check_link(life, at(other), number, other);
  }
  for (const std::string_view name : kNames) {
    if (name.empty()) continue;
    const int holder = holder_of(name);
    const AnyRef found = run.system().find_any(name);
    run.check(holder == kNone ? !found : found == at(holder).ref, "names", "a name is not its holder's");
  }
  run.check(run.system().stats().actors == alive, "zombie", "an actor is counted who is over");
  run.check(groups.members("all")->size() >= members, "group", "a member is missing");
}

Do draw_do(Draw& draw, std::size_t beings) {
  Do what{.act = static_cast<Act>(draw.below(kActs)),
          .with = static_cast<int>(draw.below(beings)),
          .name = draw.between(0, 4),
          .traps = draw.one_in(3),
          .reason = ExitReason::normal()};
  if (draw.one_in(3)) what.reason = ExitReason::error("drawn");
  if (draw.one_in(6)) what.reason = ExitReason::shutdown("drawn");
  return what;
}

}  // namespace

void run_lives(Run& run) {
  Draw& draw = run.draw();
  World& world = run.keep<World>(run);
  const auto at_top = [&](const Do& what) {
    world.spawn(kNone, what, [&](int number, const SpawnOptions& options) {
      return run.system().try_spawn<Being>({.name = options.name}, &world, number);
    });
  };
  for (int i = draw.between(2, 4); i > 0; --i) at_top({Act::Spawn, 0, 0, draw.one_in(3), {}});

  run.faults_begin();
  for (int left = draw.between(5, 40); left > 0; --left) {
    const std::uint64_t who = draw.next();
    Draw of_what = draw.fork();
    const std::size_t what = draw.below(20);
    run.operate([&] {
      const Do order = draw_do(of_what, world.lives.size());
      const Life& life = world.lives[who % world.lives.size()];
      if (what < 15) {
        life.ref.as<Being>().send(order);
      } else if (what < 17) {
        at_top(order);
      } else if (what == 17) {
        run.system().crash(life.ref);
      } else {
        static_cast<void>(run.system().stop(life.ref, {.within = kForever, .reason = order.reason}));
      }
    });
  }
  run.settle();
  run.faults_end();
  world.check_at_rest();
  run.finish();
  for (const Life& life : world.lives)
    run.check(life.destroyed == life.constructed, "destructor", "a life was not destroyed once");
}

}  // namespace coppice::simulation
