#include <algorithm>
#include <chrono>
#include <map>
#include <vector>

#include "coppice/base/intrusive_ptr.hpp"
#include "fuzz/input.hpp"
#include "scheduler/timer_wheel.hpp"

// The wheel of timers against std::multimap, which keeps equal keys in the order of insertion. An input is a row of
// commands; deadlines come as the number of their bits and those bits, so that every level of the wheel is reached.

namespace coppice::detail {
namespace {

using namespace std::chrono_literals;
using fuzz::expect;
using fuzz::Input;

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

class Pair {
 public:
  explicit Pair(Input& input) : input_{input}, now_{TimePoint{some_duration()}}, wheel_{now_} {}

  void play() {
    switch (input_.below(8)) {
      case 0:
      case 1: arm_one(); break;
      case 2: arm_again(); break;
      case 3: sort_some_in(); break;
      case 4: cancel_one(); break;
      case 5: advance_to(saturating_add(now_, some_duration())); break;
      case 6: to_the_next(); break;
      default: advance_to(now_ - some_duration());
    }
    check();
  }
  /// Everything fires in its turn, or the wheel goes first and nothing does.
  void end() {
    const bool clears = input_.one_in(3);
    if (clears) {
      wheel_.clear();
      fired_.clear();
      waiting_.clear();
    }
    while (!waiting_.empty()) advance_to(waiting_.begin()->first);
    advance_to(TimePoint::max());
    expect(wheel_.empty() && wheel_.next() == TimePoint::max(), "the wheel is not empty");
    for (const AlarmPtr& alarm : alarms_) expect(alarm->refs.is_last(), "a count is left");
  }

 private:
  [[nodiscard]] Duration some_duration() {
    const std::size_t bits = input_.below(64);
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < bits; i += 8) length = length << 8 | input_.byte();
    return Duration{static_cast<std::int64_t>(length & ((std::uint64_t{1} << bits) - 1))};
  }
  /// Often one that is taken already, or one in the past.
  [[nodiscard]] TimePoint some_deadline() {
    switch (input_.below(4)) {
      case 0: return waiting_.empty() ? now_ : waiting_.rbegin()->first;
      case 1: return now_ - some_duration();
      default: return saturating_add(now_, some_duration());
    }
  }
  [[nodiscard]] Alarm& make() {
    alarms_.push_back(AlarmPtr::adopt(new Alarm{static_cast<int>(alarms_.size()), fired_}));
    return *alarms_.back();
  }
  [[nodiscard]] bool waits(int number) const {
    return std::any_of(waiting_.begin(), waiting_.end(), [&](const auto& one) { return one.second == number; });
  }
  void arm(Alarm& alarm) {
    const TimePoint deadline = some_deadline();
    const bool is_first = wheel_.arm(alarm, deadline);
    expect(is_first || wheel_.next_at_least() <= deadline, "nobody would look in time");
    waiting_.emplace(std::max(deadline, now_), alarm.number);  // who is late is late as of now, behind those of now
  }
  void arm_one() { arm(make()); }
  void arm_again() {
    if (alarms_.empty()) return;
    Alarm& alarm = *alarms_[input_.byte() % alarms_.size()];
    if (!waits(alarm.number)) arm(alarm);
  }
  /// Armed elsewhere; some are withdrawn before the wheel hears of them.
  void sort_some_in() {
    const std::size_t count = 1 + input_.below(5);
    std::vector<Alarm*> some;
    for (std::size_t i = 0; i < count; ++i) {
      Alarm& alarm = make();
      alarm.add_ref();
      alarm.deadline = some_deadline();
      alarm.wheel = &wheel_;
      alarm.next = nullptr;
      alarm.state.store(Timer::State::Unsorted, kRelaxed);
      if (!some.empty()) some.back()->next = &alarm;
      some.push_back(&alarm);
    }
    for (Alarm* const alarm : some) {
      if (input_.one_in(3)) {
        expect(TimerWheel::disarm(*alarm), "one that waits to be sorted in cannot be disarmed");
      } else {
        waiting_.emplace(std::max(alarm->deadline, now_), alarm->number);
      }
    }
    static_cast<void>(wheel_.sort_in(some.front()));
  }
  void cancel_one() {
    if (alarms_.empty()) return;
    Alarm& alarm = *alarms_[input_.byte() % alarms_.size()];
    const auto found =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& one) { return one.second == alarm.number; });
    expect(TimerWheel::disarm(alarm) == (found != waiting_.end()), "disarm() answers the opposite");
    if (found != waiting_.end()) waiting_.erase(found);
  }
  void to_the_next() {
    if (waiting_.empty()) return;
    const TimePoint first = waiting_.begin()->first;
    advance_to(input_.one_in(2) ? first - 1ns : first);
  }
  /// A look at a clock that was behind the last one moves nothing, and what is due as of now waits for the next.
  void advance_to(TimePoint to) {
    to = std::max(to, TimePoint{});  // the wheel's time begins there
    now_ = std::max(now_, to);
    std::vector<int> expected;
    while (!waiting_.empty() && waiting_.begin()->first <= to) {
      expected.push_back(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
    }
    fired_.clear();
    wheel_.advance(to);
    expect(fired_ == expected, "others fire, or in another order");
  }
  void check() {
    expect(wheel_.size() == waiting_.size(), "size() differs");
    const TimePoint first = waiting_.empty() ? TimePoint::max() : waiting_.begin()->first;
    expect(wheel_.next() <= first, "next() comes too late");
    expect(wheel_.next_at_least() <= first, "next_at_least() comes too late");
    expect(waiting_.size() > 64 || waiting_.empty() || wheel_.next() == first, "next() is not exact");
  }

  Input& input_;
  TimePoint now_;
  std::vector<int> fired_;
  std::vector<AlarmPtr> alarms_;
  std::multimap<TimePoint, int> waiting_;
  TimerWheel wheel_;
};

}  // namespace
}  // namespace coppice::detail

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  coppice::fuzz::Input input{data, size};
  coppice::detail::Pair pair{input};
  for (int commands = 0; !input.is_over() && commands < 500; ++commands) pair.play();
  pair.end();
  return 0;
}
