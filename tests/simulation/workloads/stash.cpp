// Actors put messages aside and take them back, in mailboxes that reorder, evict and expire; they are paused, stepped,
// stopped and crashed. What waits and what is put aside is kept beside them, and must be what they get.

#include <algorithm>
#include <deque>

#include "../workloads.hpp"
#include "coppice/actor/state_machine.hpp"

namespace coppice::simulation {
namespace {

enum class Deed : unsigned char { Take, Open, OpenSome, Close, Throw };
constexpr int kDeeds = 5;

enum class Kind : unsigned char { Keeper, Mortal, Machine, Urgent, Latest };
constexpr int kKinds = 5;
constexpr Duration kPatience = 3ms;

struct Item {
  int number;
  int key;
  Deed deed;
};
struct Bell {
  int entered;
};

struct Waiting {
  int number;
  int key;
  Priority priority;
  TimePoint expires;
};

/// One place, and what it has to get next.
struct Place {
  explicit Place(Run& r) : run{r} {}

  /// What the next one is.
  [[nodiscard]] std::deque<Waiting>::iterator next();
  void sent(const Waiting& what);
  void came(const Item& item);
  /// The one in hand is put aside. Whether there was room.
  bool put_aside(const Item& item);
  void bring_back(std::size_t most);
  void begins_a_life() { bring_back(aside.size()); }

  Run& run;
  Kind kind = Kind::Keeper;
  std::size_t capacity = 0;  // of Latest
  std::size_t stash_max = 0;
  std::deque<Waiting> waiting;
  std::deque<Waiting> aside;
  int in_hand = 0;
  std::optional<std::uint32_t> steps;  // until it is paused; none: it is not
  bool has_ended = false;
  int lives = 0;
  std::uint64_t expired = 0;
  std::uint64_t replaced = 0;
  std::uint64_t evicted = 0;
  std::uint64_t too_many = 0;  // for the stash
};

std::deque<Waiting>::iterator Place::next() {
  for (;;) {
    const auto first = std::min_element(waiting.begin(), waiting.end(),
                                        [](const auto& a, const auto& b) { return a.priority < b.priority; });
    if (first == waiting.end() || first->expires >= run.system().now()) return first;
    waiting.erase(first);
    ++expired;
  }
}

void Place::sent(const Waiting& what) {
  if (kind == Kind::Latest) {
    const auto same =
        std::find_if(waiting.begin(), waiting.end(), [&](const auto& each) { return each.key == what.key; });
    if (same != waiting.end()) {
      *same = what;
      ++replaced;
      return;
    }
    if (waiting.size() == capacity) {
      waiting.pop_front();
      ++evicted;
    }
  }
  waiting.push_back(what);
}

void Place::came(const Item& item) {
  in_hand = item.number;
  run.check(!steps || *steps != 0, "pause", "a paused actor handled a message");
  if (steps && *steps != 0) --*steps;
  const auto expected = next();
  if (expected == waiting.end() || expected->number != item.number) {
    return run.found("order", "message " + std::to_string(item.number) + " came instead of " +
                                  (expected == waiting.end() ? "none" : std::to_string(expected->number)));
  }
  waiting.erase(expected);
}

bool Place::put_aside(const Item& item) {
  if (aside.size() == stash_max) {
    ++too_many;
    return false;
  }
  aside.push_back({item.number, item.key, Priority::Normal, TimePoint::max()});
  return true;
}

void Place::bring_back(std::size_t most) {
  const auto end = aside.begin() + static_cast<std::ptrdiff_t>(std::min(most, aside.size()));
  waiting.insert(waiting.begin(), aside.begin(), end);
  aside.erase(aside.begin(), end);
}

struct Keeper : Actor<Keeper> {
  explicit Keeper(Place* p) : place{p} { ++place->lives; }
  ~Keeper() {
    if (place->kind == Kind::Mortal) place->has_ended = true;
  }
  void on_start() {
    place->begins_a_life();
    place->run.check(stashed() == 0, "stash", "a life begins with a stash");
    place->run.fault_point();
  }

  void handle(Item item) {
    place->came(item);
    place->run.fault_point();
    const bool may_stash = place->kind == Kind::Keeper || place->kind == Kind::Mortal;
    if (is_closed && may_stash && item.deed != Deed::Open && item.deed != Deed::OpenSome) return keep(item);
    switch (item.deed) {
      case Deed::Open: open(~std::size_t{0}); break;
      case Deed::OpenSome: open(2); break;
      case Deed::Close: is_closed = true; break;
      case Deed::Throw: throw std::runtime_error{"asked to"};
      default: break;
    }
    place->run.fault_point();
  }
  void keep(const Item& item) {
    Delivery kept = Delivery::Closed;
    if (!place->run.finds_memory([&] { kept = stash(Item{item}); })) return check_stash();
    const bool has_room = place->put_aside(item);
    place->run.check((kept == Delivery::Accepted) == has_room, "stash",
                     "a stash refuses although it has room, or takes more");
    check_stash();
    place->run.fault_point();
  }
  void open(std::size_t most) {
    is_closed = most != ~std::size_t{0};
    const std::size_t back = std::min(most, place->aside.size());
    std::size_t came_back = 0;
    if (place->run.finds_memory([&] { came_back = unstash(most); })) {
      place->bring_back(most);
      place->run.check(came_back == back, "stash", "not as many came back as were to");
    }
    check_stash();
  }
  void check_stash() {
    place->run.check(stashed() == place->aside.size(), "stash", "the stash does not hold what was put aside");
  }

  Place* place;
  bool is_closed = false;
};

struct Shut {
  int entered = 0;
};
struct Opened {};

/// Postpones what comes while it is shut; a time-out opens it.
struct Machine : StateMachine<Machine, States<Shut, Opened>, Events<void(Item), void(Bell)>> {
  explicit Machine(Place* p) : StateMachine{Shut{}}, place{p} { ++place->lives; }

  void on_start() {
    place->begins_a_life();
    StateMachine::on_start();
    place->run.fault_point();
  }
  void enter(Shut& shut) {
    shut.entered = ++entries;
    entered_at = now();
    state_timeout(kPatience, Bell{entries});
  }
  Transition on(Shut&, Item& item) {
    place->came(item);
    place->run.fault_point();
    if (item.deed == Deed::Throw) throw std::runtime_error{"asked to"};
    if (item.deed == Deed::Open) return opens();
    place->put_aside(item);
    return postpone();
  }
  Transition on(Opened&, Item& item) {
    place->came(item);
    place->run.fault_point();
    if (item.deed == Deed::Throw) throw std::runtime_error{"asked to"};
    if (item.deed != Deed::Close) return keep();
    place->bring_back(place->aside.size());
    return next<Shut>();
  }
  Transition on(Shut& shut, Bell& bell) {
    if (place->steps && *place->steps != 0) --*place->steps;
    place->run.check(bell.entered == shut.entered, "state timeout", "a time-out came of a state that had been left");
    place->run.check(now() - entered_at >= kPatience, "state timeout", "a time-out came early");
    return opens();
  }
  Transition on(Opened&, Bell&) {
    place->run.found("state timeout", "a time-out came of a state that had been left");
    return keep();
  }
  Transition opens() {
    place->bring_back(place->aside.size());
    return next<Opened>();
  }

  Place* place;
  int entries = 0;
  TimePoint entered_at{};
};

struct Scene {
  explicit Scene(Run& r) : place{r} {}

  void send(const Item& item, Priority priority, Duration expires);
  [[nodiscard]] MailboxOptions draw_mailbox(Draw& draw);
  /// At the end: everything comes.
  void open();

  Place place;
  AnyRef ref;
};

MailboxOptions Scene::draw_mailbox(Draw& draw) {
  place.capacity = static_cast<std::size_t>(draw.between(1, 3));
  const bool measured = draw.one_in(3);
  if (place.kind == Kind::Urgent) return Unbounded{.order = Order::Priority, .passed_over_max = 1'000'000};
  if (place.kind == Kind::Latest) return Bounded{place.capacity, KeepLatestBy<&Item::key>};
  return Unbounded{.measured = measured};
}

void Scene::send(const Item& item, Priority priority, Duration expires) {
  const bool is_urgent = place.kind == Kind::Urgent;
  const Waiting waits{item.number, item.key, is_urgent ? priority : Priority::Normal,
                      is_urgent ? detail::saturating_add(place.run.system().now(), expires) : TimePoint::max()};
  Delivery came_to = Delivery::Closed;
  const bool finds_memory = place.run.finds_memory([&] {
    if (place.kind == Kind::Machine) {
      came_to = ref.as<Machine>().send(item);
    } else if (is_urgent) {
      came_to = ref.as<Keeper>().send(item, {.priority = priority, .expires_after = expires});
    } else {
      came_to = ref.as<Keeper>().send(item);
    }
  });
  if (!finds_memory) return;
  place.run.check((came_to == Delivery::Accepted) == !place.has_ended, "answer",
                  "a place that is open refuses, or the reverse");
  if (came_to == Delivery::Accepted) place.sent(waits);
}

void Scene::open() {
  const Kind kind = place.kind;
  place.steps.reset();
  ref.resume();
  place.run.settle();
  for (int number = 1'000; !place.aside.empty() && !place.has_ended && !place.run.has_failed(); ++number) {
    if (kind != Kind::Machine) send({number, 0, Deed::Open}, Priority::Normal, kForever);
    place.run.settle();  // what comes back may close it again
  }
  static_cast<void>(place.next());  // what has expired at last
  place.run.check(place.waiting.empty() || place.has_ended, "lost", "a message that was accepted has not come");
}

void start(Run& run, Scene& scene, const std::string& id) {
  Place& place = scene.place;
  const MailboxOptions mailbox = scene.draw_mailbox(run.draw());
  const ChildOptions options{.id = id, .shutdown = Shutdown::infinity(), .start_within = kForever, .mailbox = mailbox};
  if (place.kind == Kind::Mortal) {
    scene.ref = run.system().spawn<Keeper>({.mailbox = mailbox}, &place);
    return;
  }
  const bool is_machine = place.kind == Kind::Machine;
  const auto root =
      run.system().start(supervisor({.id = "root-" + id, .intensity = {.restarts = 1'000, .within = 1h}},
                                    is_machine ? child<Machine>(options, &place) : child<Keeper>(options, &place)));
  if (!root) return run.found("start", "the tree did not start");
  scene.ref = is_machine ? AnyRef{root->child<Machine>(id).value()} : AnyRef{root->child<Keeper>(id).value()};
}

void operate(Run& run, Scene& scene, int number) {
  Draw& draw = run.draw();
  const bool is_mortal = scene.place.kind == Kind::Mortal;
  Item item{number, draw.between(0, 2), static_cast<Deed>(draw.below(kDeeds))};
  if (item.deed == Deed::Throw && !draw.one_in(is_mortal ? 10 : 3)) item.deed = Deed::Take;
  const auto priority = static_cast<Priority>(draw.below(kPriorities));
  const Duration expires = draw.one_in(3) ? draw.between(0, 2) * 1ms : kForever;
  const std::size_t what = draw.below(30);
  run.operate([&] {
    Place& place = scene.place;
    if (what < 23) {
      scene.send(item, priority, expires);
    } else if (what == 23) {
      place.steps = 0;
      scene.ref.pause();
    } else if (what < 26) {
      place.steps.reset();
      scene.ref.resume();
    } else if (what < 28 && place.steps) {
      *place.steps += static_cast<std::uint32_t>(item.key);
      scene.ref.step(static_cast<std::uint32_t>(item.key));
    } else if (what == 28 && (!is_mortal || number > 20)) {
      run.system().crash(scene.ref);
    } else if (what == 29 && !is_mortal) {
      static_cast<void>(run.system().stop(scene.ref, {.within = kForever}));
    }
  });
}

void check_dead_letters(Run& run, const std::deque<Scene>& scenes) {
  std::uint64_t expired = 0, replaced = 0, evicted = 0, too_many = 0, stopped = 0;
  for (const Scene& each : scenes) {
    const Place& place = each.place;
    expired += place.expired;
    replaced += place.replaced;
    evicted += place.evicted;
    too_many += place.too_many;
    if (place.has_ended) stopped += place.waiting.size() + place.aside.size();
  }
  const Ledger ledger = run.system().ledger();
  const auto dead = [&](DeadReason why, std::uint64_t count, std::string_view oracle) {
    if (ledger.dead(why) == count) return;
    run.found(oracle, std::to_string(ledger.dead(why)) + " dead letters instead of " + std::to_string(count));
  };
  dead(DeadReason::Expired, expired, "expiry");
  dead(DeadReason::Replaced, replaced, "latest");
  dead(DeadReason::DroppedOldest, evicted, "latest");
  dead(DeadReason::Rejected, too_many, "stash");
  dead(DeadReason::Stopped, stopped, "stash");
}

}  // namespace

void run_stash(Run& run) {
  Draw& draw = run.draw();
  const std::size_t stash_max = draw.one_in(3) ? static_cast<std::size_t>(draw.between(1, 3)) : 10'000;
  auto& scenes = run.keep<std::deque<Scene>>();
  run.options().stash_max = stash_max;
  for (int i = draw.between(2, 3); i > 0; --i) {
    Place& place = scenes.emplace_back(run).place;
    place.kind = static_cast<Kind>(draw.below(kKinds));
    if (place.kind == Kind::Machine && stash_max != 10'000) place.kind = Kind::Keeper;  // it cannot say that it is full
    place.stash_max = stash_max;
    start(run, scenes.back(), std::to_string(i));
    if (run.has_failed()) return;
  }

  run.faults_begin();
  for (int number = 1, most = draw.between(16, 50); number <= most; ++number)
    operate(run, scenes[draw.below(scenes.size())], number);
  run.faults_end();
  for (Scene& each : scenes) each.open();
  check_dead_letters(run, scenes);
  run.finish();
}

}  // namespace coppice::simulation
