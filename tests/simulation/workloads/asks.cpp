// Clients of three kinds, and the outside, ask servers that answer in every way there is or do not, with time-outs near
// the time that it takes; servers and clients crash and stop meanwhile.

#include <deque>

#include "../workloads.hpp"
#include "coppice/coroutine.hpp"
#include "tokens.hpp"

namespace coppice::simulation {
namespace {

/// What a server does with a question.
enum class Deed : unsigned char {
  Answer,
  AnswerLater,
  KeepPromise,
  DropPromise,
  Delegate,
  Throw,
  StopAfter,
  Sleep,
  Plain
};
constexpr int kDeeds = 9;

constexpr int kServersMax = 3;
constexpr int kClientsMax = 3;
constexpr int kNobody = -1;  // asks from outside

/// What is known of one ask.
struct Asked {
  Deed deed = Deed::Answer;
  int server = 0;
  int client = kNobody;
  int life = 0;  // of the client
  TimePoint deadline{};
  TimePoint latest{};        // that the asker hears of it: with when_all, when the other one is over too
  int raced_with = kNobody;  // under when_any
  int outcomes = 0;
  int replies = 0;  // of the outcomes
  bool is_delegated = false;
  bool is_not_asked = false;          // there was no memory for it
  int answers = 0;                    // so often a server has given an answer
  bool is_taken = false;              // and was told that it counts
  bool is_dropped = false;            // its promise
  bool is_crashed = false;            // a handler that had it threw, or was unwound
  TimePoint over = TimePoint::max();  // when the first of these happened: it has no time-out after that
};

struct Answer {
  int id;
  Token token;
};

struct Question {
  int id;
  Duration service;
  Token token;
};
struct PlainQuestion : Question {};
struct SlowQuestion : Question {};

struct Server;

/// One ask, or two of them.
struct Go {
  enum class How : unsigned char { One, All, Any } how;
  struct What {
    int server;
    Deed deed;
    Duration service;
    Duration within;
  } what[2];
};

/// What all lives of all actors share.
struct Asks {
  explicit Asks(Run& r) : run{r} {}

  Asked& at(int id) { return all[static_cast<std::size_t>(id)]; }
  [[nodiscard]] Question question(int id, Duration service) { return {id, service, Token{tokens}}; }
  int open(const Go::What& what, int client) {
    const TimePoint deadline = detail::saturating_add(run.system().now(), what.within);
    all.push_back({.deed = what.deed,
                   .server = what.server,
                   .client = client,
                   .life = client == kNobody ? 0 : lives[client],
                   .deadline = deadline,
                   .latest = deadline});
    return static_cast<int>(all.size()) - 1;
  }
  void open_two(const Go& go, int client, int (&ids)[2]) {
    for (int i = 0; i < 2; ++i) ids[i] = open(go.what[i], client);
    for (int i = 0; i < 2; ++i) {
      if (go.how == Go::How::Any) at(ids[i]).raced_with = ids[1 - i];
      at(ids[i]).latest = std::max(at(ids[i]).latest, at(ids[1 - i]).latest);
    }
  }
  [[nodiscard]] const ActorRef<Server>& server(const Go::What& what) const {
    return servers[static_cast<std::size_t>(what.server)];
  }
  /// Of a question that has come to a server.
  void came(int id) { run.check(!at(id).is_not_asked, "no memory", "a question came that there was no memory for"); }
  void over(int id) { at(id).over = std::min(at(id).over, run.system().now()); }
  Answer answer(int id) {
    over(id);
    ++at(id).answers;
    return {id, Token{tokens}};
  }
  void outcome(int id, const Result<Answer, AskError>& outcome);
  void outcome_of_any(const int (&ids)[2], Result<FirstReply<Answer>, AskError> reply);
  void check_error(const Asked& asked, AskError error);
  void check_closed(const Asked& asked);
  void check_at_rest();

  Run& run;
  int tokens = 0;  // alive
  std::deque<Asked> all;
  std::vector<ActorRef<Server>> servers;
  bool is_mortal[kServersMax] = {};  // nobody restarts it
  bool has_ended[kServersMax] = {};
  bool may_reject = false;      // some mailbox
  bool was_stopped = false;     // some server, other than by a crash
  int lives[kClientsMax] = {};  // begun
  bool is_alive[kClientsMax] = {};
  std::deque<std::pair<int, AskFuture<Answer>>> outside;
};

void Asks::outcome(int id, const Result<Answer, AskError>& outcome) {
  Asked& asked = at(id);
  run.check(++asked.outcomes == 1, "once", "an ask has a second outcome");
  run.check(!asked.is_not_asked, "no memory", "an outcome came of an ask that there was no memory for");
  if (asked.client != kNobody) {
    run.check(asked.life == lives[asked.client] && is_alive[asked.client], "incarnation",
              "an outcome came to another life than the one that had asked");
    run.check(run.system().now() <= asked.latest || !run.is_punctual(), "in time",
              "an outcome came after the deadline");
  }
  if (!outcome) return check_error(asked, outcome.error());
  ++asked.replies;
  run.check(outcome.value().id == id && asked.answers != 0, "right answer",
            "an answer to another question, or of nobody");
}

void Asks::outcome_of_any(const int (&ids)[2], Result<FirstReply<Answer>, AskError> reply) {
  const Asked& one = at(ids[0]);
  const Asked& other = at(ids[1]);
  run.check(one.outcomes + other.outcomes == 0, "once", "when_any has a second outcome");
  if (reply) return outcome(ids[reply.value().index], Result<Answer, AskError>{std::move(reply.value().value)});
  ++at(ids[0]).outcomes;
  run.check(!one.is_taken && !other.is_taken, "right answer", "when_any came to an error although there was an answer");
}

void Asks::check_closed(const Asked& asked) {
  const auto next = (static_cast<std::size_t>(asked.server) + 1) % servers.size();
  const bool may = has_ended[asked.server] || (asked.deed == Deed::Delegate && has_ended[next]) ||
                   (asked.deed == Deed::Sleep && was_stopped);
  run.check(may, "right answer", "closed, and the place is not over");
}

void Asks::check_error(const Asked& asked, AskError error) {
  run.check(!asked.is_taken, "right answer", "the server was told that its answer counts, and the asker got none");
  switch (error) {
    case AskError::Timeout:
      run.check(run.system().now() >= asked.deadline, "right answer", "a time-out came early");
      return run.check(asked.deadline <= asked.over, "right answer",
                       "a time-out of what had been answered or given up");
    case AskError::Closed: return check_closed(asked);
    case AskError::Rejected: return run.check(may_reject, "right answer", "rejected, and no mailbox is bounded");
    case AskError::Crashed: return run.check(asked.is_crashed, "right answer", "crashed, and no handler has");
    case AskError::NoReply: return run.check(asked.is_dropped, "right answer", "no reply, and the promise is kept");
    case AskError::Cancelled: return run.found("right answer", "cancelled, and the asker is there");
  }
}

void Asks::check_at_rest() {
  std::uint64_t answers = 0;
  std::uint64_t replies = 0;
  std::uint64_t unseen = 0;  // answers that may have come to who was no longer there
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Asked& asked = all[i];
    if (asked.is_not_asked) continue;
    const bool is_there = asked.client == kNobody || asked.life == lives[asked.client];
    const int outcomes = asked.outcomes + (asked.raced_with == kNobody ? 0 : at(asked.raced_with).outcomes);
    if (is_there && outcomes == 0) run.found("once", "ask " + std::to_string(i) + " has no outcome");
    answers += static_cast<std::uint64_t>(asked.answers);
    replies += static_cast<std::uint64_t>(asked.replies);
    if (asked.answers != 0 && asked.outcomes == 0) ++unseen;
  }
  const std::uint64_t late = run.system().stats().late_replies;
  if (late + replies > answers || late + replies + unseen < answers) {
    run.found("late replies", std::to_string(answers) + " answers, " + std::to_string(replies) + " replies, " +
                                  std::to_string(late) + " counted as late");
  }
}

/// Says of a handler that is left by a throw, or unwound, what becomes of its question.
struct InHand {
  Asks* asks;
  int id;
  bool is_left = false;
  InHand(Asks* a, int i) : asks{a}, id{i} {}
  InHand(const InHand&) = delete;
  InHand& operator=(const InHand&) = delete;
  ~InHand() {
    if (is_left) return;
    asks->at(id).is_crashed = true;
    asks->over(id);
  }
};

struct Kept {
  Asks* asks;
  int id;
  ReplyPromise<Answer> promise;
  bool is_used = false;
  Kept(Asks* a, int i, ReplyPromise<Answer> p) : asks{a}, id{i}, promise{std::move(p)} {}
  Kept(Kept&& other) noexcept
      : asks{std::exchange(other.asks, nullptr)},
        id{other.id},
        promise{std::move(other.promise)},
        is_used{other.is_used} {}
  Kept& operator=(Kept&&) = delete;
  ~Kept() {
    if (asks == nullptr || is_used) return;
    asks->at(id).is_dropped = true;
    asks->over(id);
  }
  void use() {
    is_used = true;
    if (promise.set(asks->answer(id))) asks->at(id).is_taken = true;
  }
};

struct Server : Actor<Server> {
  struct Due {
    int id;
  };
  Server(Asks* a, int i) : asks{a}, index{i} {}
  ~Server() { asks->has_ended[index] = asks->is_mortal[index]; }

  Answer handle(PlainQuestion question) {
    InHand in_hand{asks, question.id};
    asks->came(question.id);
    asks->run.fault_point();
    in_hand.is_left = true;
    return asks->answer(question.id);
  }

  Later<Answer> handle(Question question) {
    InHand in_hand{asks, question.id};
    Asked& asked = asks->at(question.id);
    asks->came(question.id);
    const Deed deed = asked.is_delegated ? Deed::Answer : asked.deed;
    if (deed == Deed::Throw) throw std::runtime_error{"asked to"};
    if (deed == Deed::Delegate) {
      asked.is_delegated = true;
      in_hand.is_left = true;
      const int to = (index + 1) % static_cast<int>(asks->servers.size());
      return delegate(asks->servers[static_cast<std::size_t>(to)], std::move(question));
    }
    auto [promise, later] = reply_later<Answer>();
    // Until here a throw crashes the question; from here on the promise is given up on the way, and that counts.
    Kept kept{asks, question.id, std::move(promise)};
    if (deed == Deed::Answer || deed == Deed::StopAfter) kept.use();
    if (deed == Deed::StopAfter) {
      asks->was_stopped = true;
      stop();
    }
    if (deed == Deed::AnswerLater) send_after(question.service, Due{question.id}).detach();
    if (deed == Deed::AnswerLater || deed == Deed::KeepPromise) promises.push_back(std::move(kept));
    asks->run.fault_point();
    in_hand.is_left = true;
    return std::move(later);
  }

  Task<Answer> handle(SlowQuestion question) {
    InHand in_hand{asks, question.id};
    asks->came(question.id);
    co_await sleep_for(question.service);
    asks->run.fault_point();
    in_hand.is_left = true;
    co_return asks->answer(question.id);
  }

  void handle(Due due) {
    for (Kept& each : promises) {
      if (each.id == due.id) each.use();
    }
  }

  Asks* asks;
  int index;
  std::vector<Kept> promises;
};

/// Calls `ask` with the message that the deed needs.
template <class F>
void with_question(Asks& asks, const Go::What& what, int id, F&& ask) {
  Question question = asks.question(id, what.service);
  if (what.deed == Deed::Plain) return ask(PlainQuestion{std::move(question)});
  if (what.deed == Deed::Sleep) return ask(SlowQuestion{std::move(question)});
  ask(std::move(question));
}

/// What clients have in common: their lives are counted.
struct Living {
  Living(Asks* a, int i) : asks{a}, index{i} {
    ++asks->lives[index];
    asks->is_alive[index] = true;
  }
  ~Living() { asks->is_alive[index] = false; }
  Living(const Living&) = delete;
  Living& operator=(const Living&) = delete;
  Asks* asks;
  int index;
};

struct Client : Actor<Client>, Living {
  using Living::Living;

  void handle(const Go& go) {
    const auto got = [this, token = Token{asks->tokens}](int id, const Result<Answer, AskError>& outcome) {
      asks->outcome(id, outcome);
      asks->run.fault_point();
    };
    if (go.how == Go::How::One) {
      const int id = asks->open(go.what[0], index);
      with_question(*asks, go.what[0], id, [&](auto question) {
        asks->at(id).is_not_asked = !asks->run.finds_memory([&] {
          ask(asks->server(go.what[0]), std::move(question), go.what[0].within)
              .then([got, id](const Result<Answer, AskError>& outcome) { got(id, outcome); });
        });
      });
    } else {
      two(go, got);
    }
    asks->run.fault_point();
  }

  template <class Got>
  void two(const Go& go, const Got& got) {
    int ids[2];
    asks->open_two(go, index, ids);
    const int a = ids[0];
    const int b = ids[1];
    auto first = ask(asks->server(go.what[0]), asks->question(a, go.what[0].service), go.what[0].within);
    auto second = ask(asks->server(go.what[1]), asks->question(b, go.what[1].service), go.what[1].within);
    if (go.how == Go::How::All) {
      when_all(std::move(first), std::move(second)).then([got, a, b](const auto& one, const auto& other) {
        got(a, one);
        got(b, other);
      });
    } else {
      when_any(std::move(first), std::move(second)).then([this, a, b](Result<FirstReply<Answer>, AskError> reply) {
        asks->outcome_of_any({a, b}, std::move(reply));
        asks->run.fault_point();
      });
    }
  }
};

struct OnItsOwn : Go {};

/// The same in coroutines: one at a time, or several at once.
struct Awaiter : Actor<Awaiter>, Living {
  using Living::Living;

  Task<> handle(Go go) { co_await of(go); }
  ReentrantTask<> handle(OnItsOwn go) { co_await of(go); }

  Task<> of(Go go) {
    int ids[2] = {};
    if (go.how == Go::How::One) {
      ids[0] = asks->open(go.what[0], index);
    } else {
      asks->open_two(go, index, ids);
    }
    const Token token{asks->tokens};
    Question questions[2] = {asks->question(ids[0], go.what[0].service), asks->question(ids[1], go.what[1].service)};
    const ActorRef<Server> servers[2] = {asks->server(go.what[0]), asks->server(go.what[1])};
    if (go.how == Go::How::One && go.what[0].deed == Deed::Sleep) {
      SlowQuestion slow{questions[0]};
      asks->outcome(ids[0], co_await ask<SlowQuestion>(servers[0], go.what[0].within, slow));
    } else if (go.how == Go::How::One) {
      asks->outcome(ids[0], co_await ask<Question>(servers[0], go.what[0].within, questions[0]));
    } else if (go.how == Go::How::All) {
      auto [one, other] = co_await when_all(ask<Question>(servers[0], go.what[0].within, questions[0]),
                                            ask<Question>(servers[1], go.what[1].within, questions[1]));
      asks->outcome(ids[0], one);
      asks->outcome(ids[1], other);
    } else {
      asks->outcome_of_any(ids, co_await when_any(ask<Question>(servers[0], go.what[0].within, questions[0]),
                                                  ask<Question>(servers[1], go.what[1].within, questions[1])));
    }
    asks->run.fault_point();
  }
};

Go draw_go(Draw& draw, int servers) {
  Go go{.how = draw.one_in(3) ? (draw.one_in(2) ? Go::How::All : Go::How::Any) : Go::How::One, .what = {}};
  for (Go::What& each : go.what) {
    each.server = draw.between(0, servers - 1);
    each.deed = static_cast<Deed>(draw.below(kDeeds));
    if (go.how != Go::How::One && each.deed >= Deed::Sleep) each.deed = Deed::Answer;
    each.service = draw.between(0, 3) * 1ms;
    each.within = draw.one_in(6) ? 1s : Duration{draw.between(0, 4) * 1ms};
  }
  return go;
}

void ask_from_outside(Asks& asks, Go::What what) {
  const int id = asks.open(what, kNobody);
  with_question(asks, what, id, [&](auto question) {
    std::optional<AskFuture<Answer>> answer;
    asks.at(id).is_not_asked =
        !asks.run.finds_memory([&] { answer = asks.server(what).ask(std::move(question), what.within); });
    if (!asks.at(id).is_not_asked) asks.outside.emplace_back(id, std::move(*answer));
  });
}

void start_servers(Run& run, Asks& asks, int servers) {
  Draw& draw = run.draw();
  std::vector<ChildSpec> specs;
  std::vector<std::string> ids(static_cast<std::size_t>(servers));
  for (int i = 0; i < servers; ++i) {
    MailboxOptions mailbox = Unbounded{};
    if (draw.one_in(3)) mailbox = Bounded{static_cast<std::uint64_t>(draw.between(1, 2)), Overflow::Reject};
    asks.may_reject = asks.may_reject || mailbox.bounded() != nullptr;
    asks.is_mortal[i] = draw.one_in(3);
    if (asks.is_mortal[i]) {
      asks.servers.push_back(run.system().spawn<Server>({.mailbox = mailbox}, &asks, i));
    } else {
      ids[static_cast<std::size_t>(i)] = "server-" + std::to_string(i);
      specs.push_back(child<Server>({.id = ids[static_cast<std::size_t>(i)],
                                     .shutdown = Shutdown::infinity(),
                                     .start_within = kForever,
                                     .mailbox = mailbox},
                                    &asks, i));
      asks.servers.emplace_back();
    }
  }
  const auto root =
      run.system().start(supervisor({.id = "servers", .intensity = {.restarts = 1'000, .within = 1h}}, specs));
  if (!root) return run.found("start", "the servers did not start");
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (!ids[i].empty()) asks.servers[i] = root->child<Server>(ids[i]).value();
}

}  // namespace

void run_asks(Run& run) {
  Draw& draw = run.draw();
  Asks& asks = run.keep<Asks>(run);
  const int servers = draw.between(1, kServersMax);
  start_servers(run, asks, servers);
  const auto root = run.system().start(
      supervisor({.id = "clients", .intensity = {.restarts = 1'000, .within = 1h}},
                 child<Client>({.id = "0", .shutdown = Shutdown::infinity(), .start_within = kForever}, &asks, 0),
                 child<Awaiter>({.id = "1", .shutdown = Shutdown::infinity(), .start_within = kForever}, &asks, 1),
                 child<Awaiter>({.id = "2", .shutdown = Shutdown::infinity(), .start_within = kForever}, &asks, 2)));
  if (!root) return run.found("start", "the clients did not start");
  const auto client = root->child<Client>("0").value();
  const ActorRef<Awaiter> awaiters[2] = {root->child<Awaiter>("1").value(), root->child<Awaiter>("2").value()};

  run.faults_begin();
  for (int left = draw.between(3, 20); left > 0; --left) {
    const Go go = draw_go(draw, servers);
    const std::size_t what = draw.below(16);
    const std::size_t who = draw.below(3);
    const AnyRef actors[] = {client, awaiters[0], awaiters[1]};
    run.operate([&] {
      if (what < 6) {
        client.send(go);
      } else if (what < 8) {
        awaiters[0].send(go);
      } else if (what < 10) {
        awaiters[1].send(OnItsOwn{go});
      } else if (what < 13) {
        ask_from_outside(asks, go.what[0]);
      } else if (what == 13) {
        run.system().crash(asks.server(go.what[0]));
      } else if (what == 14) {
        run.system().crash(actors[who]);
      } else {
        asks.was_stopped = asks.was_stopped || go.how != Go::How::One;
        static_cast<void>(run.system().stop(go.how == Go::How::One ? actors[who] : AnyRef{asks.server(go.what[0])},
                                            {.within = kForever}));
      }
    });
  }
  run.settle();
  run.faults_end();
  for (auto& [id, future] : asks.outside) {
    const TimePoint latest = std::max(run.system().now(), asks.at(id).deadline);
    asks.outcome(id, future.get());  // nobody has waited for it: it is now that its time can be up
    run.check(run.system().now() <= latest, "in time", "a get() returned after the deadline");
  }
  asks.check_at_rest();
  asks.outside.clear();
  run.finish();
  run.check(asks.tokens == 0, "leak", "a question, an answer or a continuation is left");
}

}  // namespace coppice::simulation
