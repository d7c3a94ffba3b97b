// Actors and the outside publish on a few topics; subscribers of every kind come, go, crash and stop meanwhile, also
// inside a delivery. What waits for each of them is kept beside them, and must be what they get.

#include <algorithm>
#include <deque>

#include "../workloads.hpp"

namespace coppice::simulation {
namespace {

constexpr std::string_view kTopics[] = {"a", "a.x", "a.y", "b.x", "a.x.z"};
constexpr std::string_view kPatterns[] = {"a", "a.x", "a.*", "*.x", "a.>", ">", "*"};
constexpr int kTopicCount = 5;
constexpr int kPatternCount = 7;
constexpr int kPeersMax = 6;
constexpr int kNone = -1;

enum class Role : unsigned char {
  Stable,   // its subscription is made from outside: it lasts, whatever happens to the lives
  Churner,  // subscribes and unsubscribes on its own turns
  Guest,    // the same, and nobody restarts it
  Bounded,  // one subscription with a bound of its own, for each life
  Member,   // of the group
};
constexpr int kRoles = 5;

struct Note {
  int number;
  int publisher;
  int hops;
};
struct Publish {
  int topic;
  bool retain;
  int hops;
};
struct Subscribe {
  int pattern;
  bool retained;
};
struct Unsubscribe {
  std::size_t which;
};

struct Peer;

/// What a subscriber has to get next: any of those with the number of the first.
struct Waiting {
  int batch;
  int number;
  int subscription = kNone;  // whose bound it counts against
};

struct Place {
  Role role = Role::Stable;
  int pattern = 0;  // of the one subscription of Stable, Bounded and Member
  Bounded bound{};
  bool has_ended = false;
  bool is_unsure = false;  // memory ran out on the way to it: what it gets is not known any more
  std::deque<Waiting> waiting = {};
  int last[kPeersMax + 1] = {};  // number of the last from each publisher
};

struct Subscribed {
  int place;
  int pattern;
  bool is_on;
};

struct Sent {
  bool to_group = false;
  int by_group = 0;
  bool is_half = false;  // memory ran out: some have it, and the publisher has heard that not all do
};

/// Whether the words of a topic are those of a pattern: as slowly as can be.
bool matches(std::string_view pattern, std::string_view topic) {
  for (;;) {
    const auto pattern_dot = pattern.find('.');
    const auto topic_dot = topic.find('.');
    const auto word = pattern.substr(0, pattern_dot);
    if (word == ">") return true;
    if (word != "*" && word != topic.substr(0, topic_dot)) return false;
    const bool is_last = pattern_dot == std::string_view::npos;
    if (is_last || topic_dot == std::string_view::npos) return is_last && topic_dot == std::string_view::npos;
    pattern.remove_prefix(pattern_dot + 1);
    topic.remove_prefix(topic_dot + 1);
  }
}

/// What all lives of all actors share.
struct Topics {
  explicit Topics(Run& r) : run{r}, broker{r.system()} { std::fill_n(retained, kTopicCount, kNone); }

  Place& at(int place) { return places[static_cast<std::size_t>(place)]; }
  void publish(int publisher, const Publish& what);
  void published_half(int topic);
  [[nodiscard]] Published expect(int topic, int number);
  void await_bounded(int subscription, int number, Published& expected);
  /// Call it when the subscription has been made. Its number.
  int subscribed(int place, int pattern, bool gets_retained);
  void came(int place, const Note& note);
  void came_to_member(Place& place, const Note& note);
  void check_count();
  void check_at_rest();

  Run& run;
  InMemoryBroker broker;
  std::deque<Subscription> from_outside;
  std::vector<Place> places;
  std::vector<Subscribed> subscriptions;
  std::vector<Sent> sent;
  int retained[kTopicCount];
  int batches = 0;
};

void Topics::publish(int publisher, const Publish& what) {
  const int number = static_cast<int>(sent.size());
  sent.emplace_back();
  const Note note{number, publisher, what.hops};
  const std::string_view topic = kTopics[what.topic];
  Published came_to;
  const bool finds_memory = run.finds_memory(
      [&] { came_to = what.retain ? broker.publish(topic, note, {.retain = true}) : broker.publish(topic, note); });
  if (!finds_memory) return published_half(what.topic);
  const bool is_sure = std::none_of(subscriptions.begin(), subscriptions.end(), [&](const Subscribed& each) {
    return at(each.place).is_unsure && matches(kPatterns[each.pattern], topic);
  });
  const Published expected = expect(what.topic, number);
  if (what.retain) retained[what.topic] = number;
  if (is_sure && came_to != expected) {
    run.found("answer", "delivered " + std::to_string(came_to.delivered) + ", dropped " +
                            std::to_string(came_to.dropped) + ", displaced " + std::to_string(came_to.displaced) +
                            " instead of " + std::to_string(expected.delivered) + ", " +
                            std::to_string(expected.dropped) + ", " + std::to_string(expected.displaced));
  }
  check_count();
}

void Topics::published_half(int topic) {
  sent.back().is_half = true;
  const auto value = broker.retained<Note>(kTopics[topic]);
  retained[topic] = value ? value->number : kNone;
  // How full such a mailbox is now decides over what comes later.
  for (const Subscribed& each : subscriptions) {
    Place& place = at(each.place);
    if (each.is_on && place.role == Role::Bounded && matches(kPatterns[each.pattern], kTopics[topic]))
      place.is_unsure = true;
  }
  check_count();
}

Published Topics::expect(int topic, int number) {
  Published expected;
  for (std::size_t i = 0; i < subscriptions.size(); ++i) {
    const Subscribed& each = subscriptions[i];
    if (!each.is_on || !matches(kPatterns[each.pattern], kTopics[topic])) continue;
    Place& place = at(each.place);
    if (place.role == Role::Member) {
      sent.back().to_group = true;
    } else if (place.role == Role::Bounded) {
      await_bounded(static_cast<int>(i), number, expected);
    } else {
      ++expected.delivered;
      place.waiting.push_back({++batches, number});
    }
  }
  if (sent.back().to_group) ++expected.delivered;
  return expected;
}

void Topics::await_bounded(int subscription, int number, Published& expected) {
  Place& place = at(subscriptions[static_cast<std::size_t>(subscription)].place);
  const auto is_its = [&](const Waiting& each) { return each.subscription == subscription; };
  const auto waiting = std::count_if(place.waiting.begin(), place.waiting.end(), is_its);
  const bool is_full = static_cast<std::uint64_t>(waiting) >= place.bound.capacity;
  if (is_full && place.bound.overflow.overflow() != Overflow::DropOldest) {
    ++expected.dropped;
    return;
  }
  if (is_full) {
    ++expected.displaced;
    place.waiting.erase(std::find_if(place.waiting.begin(), place.waiting.end(), is_its));
  }
  ++expected.delivered;
  place.waiting.push_back({++batches, number, subscription});
}

int Topics::subscribed(int place, int pattern, bool gets_retained) {
  subscriptions.push_back({place, pattern, true});
  ++batches;
  for (int topic = 0; gets_retained && topic < kTopicCount; ++topic) {
    if (retained[topic] == kNone || !matches(kPatterns[pattern], kTopics[topic])) continue;
    at(place).waiting.push_back({batches, retained[topic]});
  }
  check_count();
  return static_cast<int>(subscriptions.size()) - 1;
}

void Topics::came(int index, const Note& note) {
  Place& place = at(index);
  const auto here = std::find_if(place.waiting.begin(), place.waiting.end(),
                                 [&](const Waiting& each) { return each.number == note.number; });
  if (place.is_unsure || sent[static_cast<std::size_t>(note.number)].is_half) {
    if (here != place.waiting.end()) place.waiting.erase(here);  // such a one may be retained
    return;
  }
  if (place.role == Role::Member) return came_to_member(place, note);
  if (here == place.waiting.end()) {
    return run.found("unsubscribe", "a publication came twice, or to who was not subscribed when it was published");
  }
  // Where the oldest have been dropped, later ones move up, also among those of the life before.
  const auto first = std::find_if(place.waiting.begin(), place.waiting.end(),
                                  [&](const Waiting& each) { return each.subscription == here->subscription; });
  run.check(here->batch == first->batch, "order", "a publication came before an older one");
  place.waiting.erase(here);
}

void Topics::came_to_member(Place& place, const Note& note) {
  Sent& what = sent[static_cast<std::size_t>(note.number)];
  run.check(what.to_group, "group", "a member got what was published while none of the group was subscribed");
  run.check(++what.by_group == 1, "group", "two members got one publication");
  int& last = place.last[note.publisher];
  run.check(note.number >= last, "order", "a member got a publication before an older one of its publisher");
  last = note.number;
}

void Topics::check_count() {
  const auto on =
      std::count_if(subscriptions.begin(), subscriptions.end(), [](const auto& each) { return each.is_on; });
  if (broker.subscriptions() == static_cast<std::uint64_t>(on)) return;
  run.found("count", "the broker counts " + std::to_string(broker.subscriptions()) + " subscriptions, and there are " +
                         std::to_string(on));
}

void Topics::check_at_rest() {
  for (const Place& place : places) {
    if (place.waiting.empty() || place.has_ended || place.is_unsure) continue;
    run.found("lost", "publication " + std::to_string(place.waiting.front().number) + " never came");
  }
  for (const Sent& each : sent)
    run.check(each.by_group == (each.to_group ? 1 : 0), "group", "no member got a publication");
  for (int topic = 0; topic < kTopicCount; ++topic) {
    const auto value = broker.retained<Note>(kTopics[topic]);
    const int number = value ? value->number : kNone;
    run.check(number == retained[topic], "retained", "a topic does not retain what was published last");
  }
  check_count();
}

struct Peer : Actor<Peer> {
  Peer(Topics* t, int i) : topics{t}, index{i} {}
  ~Peer() {
    for (const auto& [number, subscription] : mine)
      topics->subscriptions[static_cast<std::size_t>(number)].is_on = false;
    place().has_ended = place().role == Role::Guest;
  }

  void on_start() {
    if (place().role == Role::Bounded) subscribe(place().pattern, {.bound = place().bound, .retained = false});
    if (place().role == Role::Member) subscribe(place().pattern, {.group = "group"});
    topics->run.fault_point();
  }
  void on_stop(const ExitReason&) { topics->run.fault_point(); }

  void handle(const Note& note) {
    topics->came(index, note);
    if (may_churn() && note.number % 4 == 0)
      subscribe((note.number / 4) % kPatternCount, {.retained = false});  // or it would never end
    if (may_churn() && note.number % 4 == 1 && !mine.empty()) unsubscribe(0);
    topics->run.fault_point();
    if (note.hops > 0 && note.number % 3 == index % 3)
      topics->publish(index, {(note.number + index) % kTopicCount, false, note.hops - 1});
    topics->run.fault_point();
  }
  void handle(Publish what) {
    topics->publish(index, what);
    topics->run.fault_point();
    topics->publish(index, {(what.topic + 1) % kTopicCount, false, 0});
  }
  void handle(Subscribe what) {
    if (may_churn()) subscribe(what.pattern, {.retained = what.retained});
    topics->run.fault_point();
  }
  void handle(Unsubscribe what) {
    if (may_churn() && !mine.empty()) unsubscribe(what.which % mine.size());
    topics->run.fault_point();
  }

  [[nodiscard]] Place& place() const { return topics->at(index); }
  [[nodiscard]] bool may_churn() const { return place().role == Role::Churner || place().role == Role::Guest; }
  void subscribe(int pattern, const SubscribeOptions& options) {
    if (mine.size() == 3) return;
    Subscription made;
    const bool finds_memory =
        topics->run.finds_memory([&] { made = topics->broker.subscribe<Note>(kPatterns[pattern], self(), options); });
    if (!finds_memory) {
      if (options.retained && options.group.empty()) place().is_unsure = true;  // it may have some of that
      return topics->check_count();
    }
    topics->run.check(made.is_active(), "answer", "a subscription was refused");
    const int number = topics->subscribed(index, pattern, options.retained && options.group.empty());
    mine.emplace_back(number, std::move(made));
  }
  void unsubscribe(std::size_t which) {
    auto& [number, subscription] = mine[which];
    subscription.cancel();
    topics->subscriptions[static_cast<std::size_t>(number)].is_on = false;
    mine.erase(mine.begin() + static_cast<std::ptrdiff_t>(which));
    topics->check_count();
  }

  Topics* topics;
  int index;
  std::vector<std::pair<int, Subscription>> mine;  // with their numbers
};

Place draw_place(Draw& draw) {
  constexpr Overflow kOverflows[] = {Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest};
  return {.role = static_cast<Role>(draw.below(kRoles)),
          .pattern = draw.between(0, kPatternCount - 1),
          .bound = {.capacity = static_cast<std::uint64_t>(draw.between(1, 3)), .overflow = kOverflows[draw.below(3)]}};
}

std::vector<ActorRef<Peer>> start_peers(Run& run, Topics& topics) {
  const int count = run.draw().between(2, kPeersMax);
  std::vector<ChildSpec> specs;
  for (int i = 0; i < count; ++i) topics.places.push_back(draw_place(run.draw()));
  for (int i = 0; i < count; ++i) {
    if (topics.at(i).role == Role::Guest) continue;
    specs.push_back(
        child<Peer>({.id = std::to_string(i), .shutdown = Shutdown::infinity(), .start_within = kForever}, &topics, i));
  }
  const auto root =
      run.system().start(supervisor({.id = "peers", .intensity = {.restarts = 1'000, .within = 1h}}, specs));
  std::vector<ActorRef<Peer>> peers;
  for (int i = 0; i < count; ++i) {
    const Place& place = topics.at(i);
    peers.push_back(place.role == Role::Guest ? run.system().spawn<Peer>(&topics, i)
                                              : root->child<Peer>(std::to_string(i)).value());
    if (place.role != Role::Stable) continue;
    topics.from_outside.push_back(topics.broker.subscribe<Note>(kPatterns[place.pattern], peers.back()));
    static_cast<void>(topics.subscribed(i, place.pattern, true));
  }
  return peers;
}

}  // namespace

void run_topics(Run& run) {
  Draw& draw = run.draw();
  Topics& topics = run.keep<Topics>(run);
  const std::vector<ActorRef<Peer>> peers = start_peers(run, topics);

  run.faults_begin();
  for (int left = draw.between(5, 30); left > 0; --left) {
    const ActorRef<Peer>& peer = peers[draw.below(peers.size())];
    const Publish publish{draw.between(0, kTopicCount - 1), draw.one_in(4), draw.between(0, 1)};
    const Subscribe subscribe{draw.between(0, kPatternCount - 1), !draw.one_in(3)};
    const std::size_t what = draw.below(20);
    run.operate([&] {
      if (what < 6) {
        topics.publish(kPeersMax, publish);
      } else if (what < 11) {
        peer.send(publish);
      } else if (what < 14) {
        peer.send(subscribe);
      } else if (what < 16) {
        peer.send(Unsubscribe{static_cast<std::size_t>(publish.topic)});
      } else if (what == 16) {
        const bool did = topics.broker.forget(kTopics[publish.topic]);
        run.check(did == (topics.retained[publish.topic] != kNone), "retained", "a topic forgot what it had not");
        topics.retained[publish.topic] = kNone;
      } else if (what < 19) {
        run.system().crash(peer);
      } else {
        static_cast<void>(run.system().stop(peer, {.within = kForever}));
      }
    });
  }
  run.settle();
  run.faults_end();
  topics.check_at_rest();
  run.finish();
  run.check(topics.broker.subscriptions() == 0, "count", "a subscription is left when all actors have ended");
}

}  // namespace coppice::simulation
