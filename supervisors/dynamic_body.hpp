#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "child_reports.hpp"
#include "coppice/actor/signals.hpp"
#include "coppice/supervisors/dynamic_rules.hpp"
#include "dynamic_factory.hpp"
#include "health_monitor.hpp"
#include "pending_answer.hpp"

namespace coppice::detail {

/// A start_child or start_children under way. Its children hold it until they run, or are gone again.
struct StartRequest : Counted {
  virtual void answer(const CallError* error) noexcept = 0;  // null: all of them run
  std::vector<ChildSpec> specs;
  std::vector<AnyRef> refs;  // of those that were begun; no place: it did not want to start
  std::size_t waits_for = 0;
  std::optional<CallError> error;
  [[nodiscard]] bool is_begun() const noexcept { return refs.size() == specs.size(); }
};

/// One child, from the supervisor's side.
struct DynamicChild : PoolAllocated {
  DynamicChildRules rules;
  IntrusivePtr<Cell> cell;
  Shutdown shutdown;
  Duration start_within;
  IntrusivePtr<Timer> retry;
  std::unique_ptr<HealthMonitor> health;  // null: not checked
  IntrusivePtr<Timer> check;
  ExitReason unwell;                   // why its health checks end it; normal: they do not
  TimePoint limit = TimePoint::max();  // then it is killed: it has not started, or not stopped, in time
  std::size_t limited_at = kNotLimited;
  IntrusivePtr<StartRequest> request;
  std::size_t place_in_request = 0;
  std::vector<PendingAnswer<void>> terminators;
  static constexpr std::size_t kNotLimited = ~std::size_t{0};

  DynamicChild(Shutdown s, Duration w) noexcept : shutdown{s}, start_within{w} {}
  [[nodiscard]] bool is_supervisor() const noexcept { return cell->ops().child_event != nullptr; }
};

/// What a dynamic supervisor is made of: the shell around DynamicRules.
///
/// Threads    the supervisor's turn.
/// [D4] A child is found by its cell, in which a pointer back stands: no table, so each step is O(1).
class DynamicBody {
 public:
  DynamicBody(Cell& cell, DynamicFactory& places);
  DynamicBody(const DynamicBody&) = delete;
  DynamicBody& operator=(const DynamicBody&) = delete;
  ~DynamicBody();

  void child_event(const ChildEvent& event);
  void begin_stop(const ExitReason& reason);

  void start(IntrusivePtr<StartRequest> request);
  void terminate(const AnyRef& ref, PendingAnswer<void> answer);
  [[nodiscard]] std::vector<ChildInfo> which_children() const;
  [[nodiscard]] ChildCounts count_children() const;
  [[nodiscard]] bool has_room() const noexcept { return !rules_.is_ending() && count_ < options().children_max; }

  static constexpr std::uint32_t kStartsCode = 3;  // of a poke: go on with the starts. (Others: dynamic_body.cpp)

 private:
  [[nodiscard]] const DynamicSupervisorOptions& options() const noexcept { return *places_.options; }
  [[nodiscard]] TimePoint now() const noexcept { return turn_now(*cell_.runtime()); }
  [[nodiscard]] DynamicChild* find(const Cell* cell) const noexcept;

  void begin_some_starts();
  void begin_start(const IntrusivePtr<StartRequest>& request);
  void start_failed(StartRequest& request, CallError error);
  void let_go(DynamicChild& child);
  void finish_request(StartRequest& request);

  /// What happened to a child, to be told with what the rules decide about it.
  struct Happening {
    EventKind kind;
    Told told;
  };
  [[nodiscard]] Happening happening_of(const ChildEvent& event, const DynamicChild& child) noexcept;
  void apply(DynamicChild& child, const DynamicEvent& event, Happening* happening = nullptr);
  void answer_start(DynamicChild& child, const DynamicVerdict& verdict);
  void start_again(DynamicChild& child);
  void stop(DynamicChild& child);
  void tell_to_stop(DynamicChild& child, const ExitReason& reason, bool keep_place);
  void wait(DynamicChild& child, Duration delay);
  void forget(DynamicChild& child);
  void say_goodbye(DynamicChild& child);
  void watch_close(Cell& place);
  void kill(DynamicChild& child);

  void begin_checks(DynamicChild& child);
  void end_checks(DynamicChild& child) noexcept;
  void arm_check(DynamicChild& child, Duration after);
  void check_health(DynamicChild& child);

  void set_limit(DynamicChild& child, Duration within);
  void drop_limit(DynamicChild& child) noexcept;
  void on_limits_due();
  void arm_limits(TimePoint due);

  void end(const ExitReason& reason);
  void settle();
  void on_closed(const Cell* place);
  void poke(std::uint32_t code);
  void report(EventKind kind, const DynamicChild& child, const Told& told) noexcept;

  Cell& cell_;
  DynamicFactory& places_;
  DynamicRules rules_;
  std::uint64_t count_ = 0;
  std::deque<IntrusivePtr<StartRequest>> starts_;  // not begun, or in part
  bool goes_on_ = false;                           // a poke to go on with them is on its way
  std::vector<DynamicChild*> limited_;             // those with a limit in time, in no order
  IntrusivePtr<Timer> limits_timer_;
  TimePoint limits_due_ = TimePoint::max();
  std::vector<IntrusivePtr<Cell>> closing_;                                 // forgotten, and perhaps not closed yet
  std::size_t closing_watched_ = 64;                                        // look through them when there are so many
  std::unordered_map<const Cell*, std::unique_ptr<DynamicChild>> leaving_;  // as those, and somebody waits for it
  std::size_t notices_ = 0;                                                 // of closed places, that have not come yet
  ExitReason end_reason_;
  bool is_killed_ = false;
  bool has_ended_ = false;
};

}  // namespace coppice::detail
