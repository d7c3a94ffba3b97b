// Supervised actors arm and cancel timers of every kind, many of them due at one moment; they are paused, stopped and
// crashed in between.

#include <deque>

#include "../workloads.hpp"

namespace coppice::simulation {
namespace {

constexpr int kTickersMax = 3;

/// What is known of one timer.
struct Armed {
  int ticker = 0;
  int life = 0;
  TimePoint begun{};
  TimePoint due{};    // the first time
  Duration period{};  // zero: once
  Every mode = Every::FixedRate;
  bool is_refused = false;
  bool is_cancelled = false;
  bool was_hindered = false;  // its actor did not handle everything at once
  int fired = 0;
  TimePoint last{};
};

struct Tick {
  int timer;
};
struct Arm {
  Duration after;
  Duration period;
  Every mode;
  bool is_kept;
};
struct Cancel {
  std::size_t which;
};
struct Silence {
  Duration after;
};
struct Quiet {};

/// What all lives of all actors share.
struct Timers {
  explicit Timers(Run& r) : run{r} {}

  Armed& at(int timer) { return all[static_cast<std::size_t>(timer)]; }
  void fired(int ticker, int timer);
  void fired_again(Armed& timer, TimePoint now);
  void check_at_rest();

  Run& run;
  unsigned most = 0;  // of one life
  std::uint64_t refused = 0;
  std::deque<Armed> all;
  int lives[kTickersMax] = {};
  bool is_alive[kTickersMax] = {};
  bool is_hindered[kTickersMax] = {};    // paused at some time
  TimePoint last_due[kTickersMax] = {};  // of the timers that fire once, as the next
  int last_timer[kTickersMax] = {};
};

void Timers::fired(int ticker, int number) {
  Armed& timer = at(number);
  const TimePoint now = run.system().now();
  run.check(timer.ticker == ticker && timer.life == lives[ticker], "incarnation", "a tick came to another life");
  run.check(!timer.is_refused, "limit", "a timer fired that had been refused");
  run.check(!timer.is_cancelled, "cancel", "a tick came after its timer had been cancelled");
  run.check(now >= timer.due, "early", "a timer fired early");
  ++timer.fired;
  if (timer.period != Duration::zero()) return fired_again(timer, now);
  run.check(timer.fired == 1, "once", "a timer fired twice");
  run.check(now == timer.due || !run.is_punctual() || is_hindered[ticker], "late",
            "a timer of an idle actor fired late");
  const bool in_order = timer.due > last_due[ticker] ||
                        (timer.due == last_due[ticker] && number > last_timer[ticker]) || timer.due == timer.begun;
  run.check(in_order, "order", "timers came in another order than that in which they were due, and armed");
  if (timer.due == timer.begun) return;  // it was due already: behind what waited
  last_due[ticker] = timer.due;
  last_timer[ticker] = number;
}

void Timers::fired_again(Armed& timer, TimePoint now) {
  const auto periods = (now - timer.begun) / timer.period;
  run.check(timer.fired <= periods, "early", "more ticks came than periods have passed");
  run.check(now > timer.last, "pile up", "two ticks of one timer waited");
  const bool is_apart = timer.fired == 1 || timer.mode == Every::FixedRate || now - timer.last >= timer.period;
  run.check(is_apart, "early", "a tick came less than a period behind the one before");
  timer.last = now;
}

void Timers::check_at_rest() {
  for (const Armed& timer : all) {
    const bool is_there = timer.life == lives[timer.ticker];
    if (!is_there || timer.is_refused || timer.is_cancelled || timer.fired != 0) continue;
    run.found("lost", "a timer has not fired");
  }
  const SystemStats stats = run.system().stats();
  if (stats.timers != 0) run.found("leak", std::to_string(stats.timers) + " timers are armed at rest");
  if (stats.timers_refused != refused) run.found("limit", "not as many timers were refused as the stats say");
}

struct Ticker : Actor<Ticker> {
  Ticker(Timers* t, int i) : timers{t}, index{i} {
    ++timers->lives[index];
    timers->is_alive[index] = true;
    timers->last_due[index] = {};
    timers->run.fault_point();
  }
  ~Ticker() { timers->is_alive[index] = false; }

  void on_start() {
    last = now();
    arm({.after = 2ms, .period = {}, .mode = Every::FixedRate, .is_kept = false});
    timers->run.fault_point();
  }
  void on_stop(const ExitReason&) { timers->run.fault_point(); }

  void handle(Tick tick) {
    timers->fired(index, tick.timer);
    if (timers->at(tick.timer).period == Duration::zero()) --armed;
    done();
  }
  void handle(const Arm& what) {
    arm(what);
    done();
  }
  void handle(Cancel cancel) {
    if (!handles.empty()) cancel_at(cancel.which % handles.size());
    done();
  }
  void handle(Silence silence) {
    if (timers->run.finds_memory([&] { set_receive_timeout(silence.after); })) {
      limit = silence.after;
      times = 0;
    }
    done();
  }
  void handle(ReceiveTimeout) {
    const auto& run = timers->run;
    timers->run.check(limit.has_value(), "silence",
                      "a receive timeout came that nobody has asked for, or after its cancel");
    if (limit) timers->run.check(now() - last >= *limit, "silence", "a receive timeout came early");
    const bool is_late = run.is_punctual() && !timers->is_hindered[index] && limit && now() - last > *limit;
    timers->run.check(!is_late, "silence", "a receive timeout of an idle actor came late");
    if (++times == 3) be_heard();
    done();
  }
  void handle(Quiet) {
    while (!handles.empty()) cancel_at(0);
    be_heard();
    done();
  }

  void arm(const Arm& what) {
    Timers& all = *timers;
    const int number = static_cast<int>(all.all.size());
    const bool repeats = what.period != Duration::zero();
    all.all.push_back({.ticker = index,
                       .life = all.lives[index],
                       .begun = now(),
                       .due = now() + (repeats ? what.period : std::max(what.after, Duration::zero())),
                       .period = what.period,
                       .mode = what.mode,
                       .last = now()});
    TimerHandle handle;
    const bool finds_memory = all.run.finds_memory([&] {
      handle = repeats ? send_every(what.period, Tick{number}, what.mode) : send_after(what.after, Tick{number});
    });
    if (!finds_memory) {
      all.at(number).is_refused = true;
      return;
    }
    const bool is_refused = !handle.is_active();
    all.run.check(is_refused == (armed >= all.most), "limit", "a timer was refused below the limit, or not at it");
    all.at(number).is_refused = is_refused;
    if (is_refused) {
      ++all.refused;
      return;
    }
    ++armed;
    if (what.is_kept || repeats) {
      handles.emplace_back(number, std::move(handle));
    } else {
      std::move(handle).detach();
    }
  }
  void cancel_at(std::size_t at) {
    auto& [number, handle] = handles[at];
    Armed& timer = timers->at(number);
    if (timer.period != Duration::zero() || timer.fired == 0) --armed;
    handle.cancel();
    check_rate(timer);
    timer.is_cancelled = true;
    handles.erase(handles.begin() + static_cast<std::ptrdiff_t>(at));
  }
  /// An idle actor that nothing holds up gets each tick, but for one that is due this very moment.
  void check_rate(const Armed& timer) const {
    if (timer.period == Duration::zero() || timers->is_hindered[index] || !timers->run.is_punctual()) return;
    const auto periods = (now() - timer.begun) / timer.period;
    timers->run.check(timer.fired + 1 >= periods, "lost", "a periodic timer of an idle actor has left out a tick");
  }
  void be_heard() {
    cancel_receive_timeout();
    limit.reset();
  }
  void done() {
    last = now();
    timers->run.fault_point();
  }

  Timers* timers;
  int index;
  std::vector<std::pair<int, TimerHandle>> handles;
  unsigned armed = 0;
  std::optional<Duration> limit;  // of silence
  int times = 0;
  TimePoint last{};
};

Arm draw_arm(Draw& draw) {
  Arm arm{.after = draw.between(-1, 5) * 1ms, .period = {}, .mode = Every::FixedRate, .is_kept = !draw.one_in(3)};
  if (!draw.one_in(3)) return arm;
  arm.period = draw.one_in(4) ? Duration{700us} : Duration{draw.between(1, 3) * 1ms};
  if (draw.one_in(3)) arm.mode = Every::FixedDelay;
  return arm;
}

}  // namespace

void run_timers(Run& run) {
  Draw& draw = run.draw();
  Timers& timers = run.keep<Timers>(run);
  timers.most = draw.one_in(3) ? static_cast<unsigned>(draw.between(1, 4)) : 1'000;
  run.options().timers_max = timers.most;
  const int count = draw.between(1, kTickersMax);
  std::vector<ChildSpec> specs;
  for (int i = 0; i < count; ++i) {
    specs.push_back(child<Ticker>(
        {.id = "ticker-" + std::to_string(i), .shutdown = Shutdown::infinity(), .start_within = kForever}, &timers, i));
  }
  const auto root =
      run.system().start(supervisor({.id = "tickers", .intensity = {.restarts = 1'000, .within = 1h}}, specs));
  if (!root) return run.found("start", "the tickers did not start");
  std::vector<ActorRef<Ticker>> tickers;
  for (int i = 0; i < count; ++i) tickers.push_back(root->child<Ticker>("ticker-" + std::to_string(i)).value());

  run.faults_begin();
  for (int left = draw.between(5, 30); left > 0; --left) {
    const auto who = draw.below(static_cast<std::size_t>(count));
    const ActorRef<Ticker>& ticker = tickers[who];
    const Arm arm = draw_arm(draw);
    const std::size_t what = draw.below(20);
    const std::size_t which = draw.below(8);
    run.operate([&] {
      if (what < 9) {
        ticker.send(arm);
      } else if (what < 13) {
        ticker.send(Cancel{which});
      } else if (what < 15) {
        ticker.send(Silence{std::max(arm.after, Duration::zero())});
      } else if (what == 15) {
        timers.is_hindered[who] = true;
        ticker.pause();
      } else if (what < 18) {
        ticker.resume();
      } else if (what == 18) {
        run.system().crash(ticker);
      } else {
        static_cast<void>(run.system().stop(ticker, {.within = kForever}));
      }
    });
  }
  run.faults_end();
  for (const ActorRef<Ticker>& ticker : tickers) {
    ticker.resume();
    ticker.send(Quiet{});
  }
  run.settle();
  timers.check_at_rest();
  run.finish();
}

}  // namespace coppice::simulation
