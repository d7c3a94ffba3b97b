#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coppice::soak {

using Steady = std::chrono::steady_clock;

/// How much of a workload runs: until it has reached `goal` of what it counts, or until the time is over. One round of
/// it runs in any case. The seed decides everything that is drawn.
struct Length {
  std::uint64_t goal = 1;
  Steady::time_point until = Steady::time_point::max();
  std::uint32_t seed = 1;
  [[nodiscard]] bool is_over(std::uint64_t reached) const { return reached >= goal || Steady::now() >= until; }
};

/// What workloads have counted, and what was not as it should be. Sums over several runs.
///
/// Threads    one.
class Findings {
 public:
  void count(std::string_view what, std::uint64_t n) { figures_[std::string{what}] += n; }
  /// The greatest of all.
  void most(std::string_view what, std::uint64_t n) {
    std::uint64_t& so_far = figures_[std::string{what}];
    so_far = so_far < n ? n : so_far;
  }
  /// Two counts of one thing. The difference adds up, so that it can be shown.
  void equal(std::string_view what, std::uint64_t expected, std::uint64_t counted) {
    if (expected == counted) return;
    difference_ += expected < counted ? counted - expected : expected - counted;
    wrong_.push_back(std::string{what} + ": expected " + std::to_string(expected) + ", counted " +
                     std::to_string(counted));
  }
  void holds(bool condition, std::string_view what) {
    if (condition) return;
    ++difference_;
    wrong_.emplace_back(what);
  }
  [[nodiscard]] std::uint64_t figure(std::string_view what) const {
    const auto found = figures_.find(what);
    return found == figures_.end() ? 0 : found->second;
  }
  [[nodiscard]] const std::map<std::string, std::uint64_t, std::less<>>& figures() const { return figures_; }
  [[nodiscard]] std::uint64_t difference() const { return difference_; }
  [[nodiscard]] const std::vector<std::string>& wrong() const { return wrong_; }

 private:
  std::map<std::string, std::uint64_t, std::less<>> figures_;
  std::uint64_t difference_ = 0;
  std::vector<std::string> wrong_;
};

/// One sentence of what is promised, as something to run.
struct Workload {
  std::string_view name;
  std::string_view counts;      // the figure that `goal` is about
  std::uint64_t asked;          // how much of it is asked for
  double share;                 // of the time
  std::uint64_t asked_besides;  // of `besides`; 0: nothing
  std::string_view besides;
  void (*run)(const Length& length, Findings& findings);
};

void conserve(const Length& length, Findings& findings);
void crash(const Length& length, Findings& findings);
void start_and_stop(const Length& length, Findings& findings);
void watch(const Length& length, Findings& findings);
void ask(const Length& length, Findings& findings);
void destroy_at_once(const Length& length, Findings& findings);

inline constexpr Workload kWorkloads[] = {
    {"conservation", "messages", 1'000'000'000, 5, 1'000'000, "stops crashes and restarts", &conserve},
    {"crashes", "crashes", 1'000'000, 2, 0, "", &crash},
    {"start and stop", "cycles", 1'000'000, 5, 0, "", &start_and_stop},
    {"watches", "watch pairs", 1'000'000, 1, 0, "", &watch},
    {"asks", "asks", 10'000'000, 2, 0, "", &ask},
    {"destroyed at once", "queued messages", 10'000'000, 0.5, 0, "", &destroy_at_once},
};

}  // namespace coppice::soak
