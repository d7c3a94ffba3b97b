#include "scheduler/timer_wheel.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/base/intrusive_ptr.hpp"
#include "support/scale.hpp"

namespace coppice::detail {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{std::chrono::hours{1}};

struct Alarm : Timer {
  Alarm(int n, std::vector<int>& f)
      : Timer{[](Timer& t) noexcept {
                auto& self = static_cast<Alarm&>(t);
                self.fired->push_back(self.number);
              },
              [](Timer& t) noexcept { delete static_cast<Alarm*>(&t); }},
        number{n},
        fired{&f} {}
  int number;
  std::vector<int>* fired;
};
using AlarmPtr = IntrusivePtr<Alarm>;

AlarmPtr make_alarm(int number, std::vector<int>& fired) { return AlarmPtr::adopt(new Alarm{number, fired}); }

void arm(TimerWheel& wheel, Alarm& alarm, TimePoint deadline) { static_cast<void>(wheel.arm(alarm, deadline)); }
bool cancel(TimerWheel&, Alarm& alarm) { return TimerWheel::disarm(alarm); }

TEST_CASE("a timer fires at its deadline and not before") {  // [T1]
  std::vector<int> fired;
  TimerWheel wheel{kStart};
  const AlarmPtr alarm = make_alarm(1, fired);
  arm(wheel, *alarm, kStart + 5ms);
  CHECK(wheel.size() == 1);
  wheel.advance(kStart + 5ms - 1ns);
  CHECK(fired.empty());
  CHECK(wheel.next() <= kStart + 5ms);
  wheel.advance(kStart + 5ms);
  CHECK(fired == std::vector<int>{1});
  CHECK(wheel.empty());
  wheel.advance(kStart + 1h);
  CHECK(fired.size() == 1);
}

TEST_CASE(
    "timers that are sorted in later fire in the order of the list but for those disarmed meanwhile") {  // [T1] [T2]
  std::vector<int> fired;
  TimerWheel wheel{kStart};
  std::vector<AlarmPtr> alarms;
  for (int i = 0; i < 6; ++i) {
    alarms.push_back(make_alarm(i, fired));
    Alarm& alarm = *alarms.back();
    alarm.add_ref();
    alarm.deadline = kStart + (i == 5 ? 1ms : 5ms);
    alarm.wheel = &wheel;
    alarm.state.store(Timer::State::Unsorted, kRelaxed);
    if (i > 0) alarms[static_cast<std::size_t>(i) - 1]->next = &alarm;
  }
  CHECK(cancel(wheel, *alarms[1]));
  CHECK_FALSE(cancel(wheel, *alarms[1]));
  CHECK(wheel.sort_in(alarms.front().get()));  // one is the first to be due
  CHECK(alarms[1]->refs.is_last());
  CHECK(wheel.size() == 5);
  CHECK(wheel.next_at_least() <= kStart + 1ms);
  CHECK(cancel(wheel, *alarms[3]));
  wheel.advance(kStart + 5ms);
  CHECK(fired == std::vector<int>{5, 0, 2, 4});
  for (const AlarmPtr& alarm : alarms) CHECK(alarm->refs.is_last());
}

TEST_CASE("a deadline that has passed fires at the next look") {
  std::vector<int> fired;
  TimerWheel wheel{kStart};
  const AlarmPtr past = make_alarm(1, fired);
  const AlarmPtr before_time = make_alarm(2, fired);
  arm(wheel, *past, kStart - 1s);
  arm(wheel, *before_time, TimePoint::min());
  wheel.advance(kStart);
  CHECK(fired.size() == 2);
}

TEST_CASE("timers with one deadline fire in the order in which they were armed") {  // [T2]
  for (const Duration away : {Duration{1ns}, Duration{63ns}, Duration{1ms}, Duration{1s}, Duration{100h}}) {
    std::vector<int> fired;
    std::vector<int> expected;
    std::vector<AlarmPtr> alarms;
    TimerWheel wheel{kStart};
    for (int i = 0; i < 50; ++i) {
      alarms.push_back(make_alarm(i, fired));
      arm(wheel, *alarms.back(), kStart + away);
      expected.push_back(i);
      wheel.advance(kStart + away / 100 * i);  // some are armed when the others have moved down already
    }
    wheel.advance(kStart + away);
    CHECK(fired == expected);
  }
}

TEST_CASE("a cancelled timer does not fire and leaves the wheel") {
  std::vector<int> fired;
  TimerWheel wheel{kStart};
  const AlarmPtr alarm = make_alarm(1, fired);
  arm(wheel, *alarm, kStart + 5ms);
  CHECK(cancel(wheel, *alarm));
  CHECK_FALSE(cancel(wheel, *alarm));
  CHECK(wheel.empty());
  CHECK(alarm->refs.value() == 1);
  wheel.advance(kStart + 1h);
  CHECK(fired.empty());
}

TEST_CASE("a timer may be armed again after it fired or was cancelled") {
  std::vector<int> fired;
  TimerWheel wheel{kStart};
  const AlarmPtr alarm = make_alarm(1, fired);
  arm(wheel, *alarm, kStart + 1ms);
  wheel.advance(kStart + 1ms);
  arm(wheel, *alarm, kStart + 2ms);
  CHECK(cancel(wheel, *alarm));
  arm(wheel, *alarm, kStart + 3ms);
  wheel.advance(kStart + 2ms);
  CHECK(fired.size() == 1);
  wheel.advance(kStart + 3ms);
  CHECK(fired.size() == 2);
}

TEST_CASE("deadlines at the far end of time wait and are cleaned up with the wheel") {
  std::vector<int> fired;
  const AlarmPtr far = make_alarm(1, fired);
  const AlarmPtr years = make_alarm(2, fired);
  {
    TimerWheel wheel{kStart};
    arm(wheel, *far, TimePoint::max());
    arm(wheel, *years, kStart + std::chrono::years{100});
    wheel.advance(kStart + std::chrono::years{99});
    CHECK(fired.empty());
    CHECK(wheel.next() <= kStart + std::chrono::years{100});
    wheel.advance(kStart + std::chrono::years{100});
    CHECK(fired == std::vector<int>{2});
  }
  CHECK(far->refs.value() == 1);
  CHECK(fired.size() == 1);
}

TEST_CASE("arming tells whether the timer is the first to come") {
  std::vector<int> fired;
  TimerWheel wheel{kStart};
  const AlarmPtr late = make_alarm(1, fired);
  const AlarmPtr early = make_alarm(2, fired);
  const AlarmPtr latest = make_alarm(3, fired);
  CHECK(wheel.arm(*late, kStart + 5ms));
  CHECK(wheel.arm(*early, kStart + 2ms));
  CHECK_FALSE(wheel.arm(*latest, kStart + 9ms));
  CHECK(wheel.next_at_least() == kStart + 2ms);
  wheel.advance(kStart + 2ms);
  CHECK(wheel.next_at_least() <= kStart + 5ms);
}

TEST_CASE("of threads that disarm and one that fires, exactly one gets each timer") {
  constexpr int kTimers = 2'000;
  std::vector<int> fired;  // by the firing thread only
  TimerWheel wheel{kStart};
  std::vector<AlarmPtr> alarms;
  for (int i = 0; i < kTimers; ++i) {
    alarms.push_back(make_alarm(i, fired));
    arm(wheel, *alarms.back(), kStart + i * 1us);
  }
  std::atomic<int> disarmed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < kTimers; i += 2) {  // two of them meet at every timer
        if (TimerWheel::disarm(*alarms[static_cast<std::size_t>(i)])) disarmed.fetch_add(1);
      }
    });
  }
  for (int i = 0; i < kTimers; ++i) wheel.advance(kStart + i * 1us);
  for (std::thread& thread : threads) thread.join();
  CHECK(static_cast<int>(fired.size()) + disarmed.load() == kTimers);
  CHECK(wheel.empty());
  for (const AlarmPtr& alarm : alarms) REQUIRE(alarm->refs.value() == 1);
}

/// The wheel and std::multimap, which keeps equal keys in the order of insertion, side by side.
class Model {
 public:
  explicit Model(std::uint64_t seed) : random_{seed} {}

  /// Returns false when the wheel does something else than the map.
  bool step() {
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
      case 3: arm_one(); return true;
      case 4: return cancel_one();
      default: return move_time();
    }
  }
  bool finish() {
    while (!waiting_.empty()) {
      if (!advance_to(waiting_.begin()->first)) return false;
    }
    return wheel_.empty();
  }

 private:
  Duration some_duration() {
    const unsigned bits = static_cast<unsigned>(random_() % 50);
    return Duration{static_cast<std::int64_t>(random_() & ((std::uint64_t{1} << bits) - 1))};
  }
  void arm_one() {
    // Often a deadline that is taken already.
    TimePoint deadline = now_ + some_duration();
    if (!waiting_.empty() && random_() % 3 == 0) deadline = waiting_.rbegin()->first;
    alarms_.push_back(make_alarm(static_cast<int>(alarms_.size()), fired_));
    arm(wheel_, *alarms_.back(), deadline);
    waiting_.emplace(deadline, alarms_.back()->number);
  }
  bool cancel_one() {
    if (alarms_.empty()) return true;
    const std::size_t which = random_() % alarms_.size();
    for (auto i = waiting_.begin(); i != waiting_.end(); ++i) {
      if (i->second != static_cast<int>(which)) continue;
      waiting_.erase(i);
      return cancel(wheel_, *alarms_[which]);
    }
    return !cancel(wheel_, *alarms_[which]);  // it has fired or was cancelled before
  }
  bool move_time() {
    if (!waiting_.empty() && random_() % 2 == 0) {
      if (wheel_.next() > waiting_.begin()->first) return false;  // it would come too late
      return advance_to(random_() % 2 == 0 ? waiting_.begin()->first : waiting_.begin()->first - 1ns);
    }
    return advance_to(now_ + some_duration());
  }
  bool advance_to(TimePoint to) {
    now_ = std::max(now_, to);
    std::vector<int> expected;
    while (!waiting_.empty() && waiting_.begin()->first <= now_) {
      expected.push_back(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
    }
    fired_.clear();
    wheel_.advance(now_);
    return fired_ == expected && wheel_.size() == waiting_.size();
  }

  std::mt19937_64 random_;
  TimePoint now_ = kStart;
  std::vector<int> fired_;
  std::vector<AlarmPtr> alarms_;
  std::multimap<TimePoint, int> waiting_;
  TimerWheel wheel_{kStart};
};

TEST_CASE("the wheel does what a multimap does") {
  const std::size_t seeds = testing::scaled(200);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    Model model{seed};
    for (int i = 0; i < 500; ++i) REQUIRE(model.step());
    REQUIRE(model.finish());
  }
}

struct Rearming : Timer {
  Rearming(TimerWheel& w, Duration p)
      : Timer{[](Timer& t) noexcept {
                auto& self = static_cast<Rearming&>(t);
                ++self.count;
                static_cast<void>(self.on->arm(self, self.deadline + self.period));
              },
              [](Timer& t) noexcept { delete static_cast<Rearming*>(&t); }},
        on{&w},
        period{p} {}
  TimerWheel* on;
  Duration period;
  int count = 0;
};

TEST_CASE("a timer that arms itself again while it fires comes once a period") {
  TimerWheel wheel{kStart};
  const auto timer = IntrusivePtr<Rearming>::adopt(new Rearming{wheel, 1ms});
  static_cast<void>(wheel.arm(*timer, kStart + 1ms));
  for (int i = 1; i <= 100; ++i) {
    wheel.advance(kStart + i * 1ms);
    REQUIRE(timer->count == i);
  }
  wheel.advance(kStart + 150ms);
  CHECK(timer->count == 150);
}

}  // namespace
}  // namespace coppice::detail
