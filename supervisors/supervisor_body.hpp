#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "child_reports.hpp"
#include "coppice/actor/signals.hpp"
#include "coppice/base/unique_function.hpp"
#include "coppice/supervisors/rules.hpp"
#include "coppice/supervisors/supervisor.hpp"
#include "health_monitor.hpp"
#include "supervisor_factory.hpp"

namespace coppice {

using detail::Cell;
using detail::CellSignal;
using detail::ChildEvent;
using detail::IntrusivePtr;
using detail::RuleEffect;
using detail::RuleEvent;
using detail::Timer;

namespace detail {

/// One child, from the supervisor's side.
struct SupervisedChild {
  ChildKey key = 0;  // ascending in start order; those of the supervisor's own spec come first
  std::shared_ptr<const ChildSpec> spec;
  IntrusivePtr<Cell> cell;
  IntrusivePtr<Timer> due[5];
  bool stopping = false;
  bool starting = false;
  bool gave_up = false;                        // a supervisor that ended by itself, one restart too many
  TimePoint since{};                           // when it was told to stop, or to start
  ExitReason end = {};                         // of a supervisor that gave up
  std::unique_ptr<HealthMonitor> health = {};  // null: not checked
  ExitReason unwell = {};                      // why its health checks end it; normal: they do not
};

/// A change that somebody asked for and that waits for its turn, or is under way.
struct SupervisorCall {
  RuleEvent::Kind kind;
  std::string id = {};  // of all but StartChild and StartChildren
  std::vector<std::shared_ptr<const ChildSpec>> specs = {};
  UniqueFunction<void(Result<AnyRef, CallError>)> answer = nullptr;
};

}  // namespace detail

/// What a supervisor is made of; the class itself is all that users compile.
struct Supervisor::Body {
  using Child = detail::SupervisedChild;
  enum class Due : std::uint32_t { Retry = 0, StopLimit = 1, Kill = 2, StartLimit = 3, Health = 4 };
  static constexpr Due kEveryDue[] = {Due::Retry, Due::StopLimit, Due::Kill, Due::StartLimit, Due::Health};
  struct End {
    bool start_failed;
    ExitReason reason;
  };

  Body(Cell& cell, detail::SupervisorFactory& places);
  ~Body();

  void begin_stop(const ExitReason& reason);
  void child_event(const ChildEvent& event);
  void apply(const RuleEvent& event);
  void perform(const RuleEffect& effect);
  void start_child(Child& child);
  void stop_child(Child& child, bool keep);
  void tell_to_stop(Child& child, const ExitReason& reason, bool keep_place, bool told_to_keep);
  void kill_child(Child& child);
  void close_child(Child& child);
  void on_closed();
  void finish();
  void on_due(Due due, Child& child);
  void check_health(Child& child);
  void end_checks(Child& child) noexcept;
  void arm(Child& child, Due due, Duration after);
  void disarm(Child& child, Due due) noexcept;
  void remove_child(Child& child);

  // ---- reports: supervisor_reports.cpp ----
  void report(EventKind kind, const Child& child, const detail::Told& told) noexcept;
  [[nodiscard]] EventKind note_event(const ChildEvent& event, Child& child, detail::Told& told);
  [[nodiscard]] static bool was_told(const Child& child) noexcept;
  void apply_and_report(const RuleEvent& event, EventKind kind, const Child& child, detail::Told& told);

  // ---- calls: supervisor_calls.cpp ----
  void call(detail::SupervisorCall call);
  void serve_calls();
  void begin_call(detail::SupervisorCall call);
  void begin_start(detail::SupervisorCall call);
  [[nodiscard]] std::optional<CallError> refusal_of(const detail::SupervisorCall& start);
  [[nodiscard]] std::vector<AnyRef> refs_of(const std::vector<std::string>& ids);
  void reply(const RuleEffect& effect);
  void answer_call(Result<AnyRef, CallError> outcome);
  [[nodiscard]] ChildState state_of(const Child& child) const noexcept { return rules_.state_of(child.key); }
  [[nodiscard]] AnyRef ref_of(const Child& child) const;

  Child& add_child(std::shared_ptr<const ChildSpec> spec);
  [[nodiscard]] Child* find(std::string_view id) noexcept;
  [[nodiscard]] Child* find(detail::ChildKey key) noexcept;

  [[nodiscard]] TimePoint now() const noexcept { return detail::turn_now(*cell_.runtime()); }

  Cell& cell_;
  detail::SupervisorFactory* places_;
  detail::SupervisorRules rules_;
  std::vector<Child> children_;  // by ascending key
  std::unordered_map<std::string, detail::ChildKey> keys_;
  std::unordered_map<const Cell*, detail::ChildKey> keys_of_cells_;
  static constexpr detail::ChildKey kLastKey = (1U << 29) - 2;  // a DueTimer's code has three bits besides
  detail::ChildKey last_key_ = 0;
  std::deque<detail::SupervisorCall> calls_;
  std::optional<detail::SupervisorCall> current_call_;
  std::size_t closing_ = 0;                               // places that were told to close and have not yet
  std::optional<Result<AnyRef, CallError>> outcome_due_;  // of the call under way; waits for them
  std::optional<End> end_;                                // decided; waits for them
  bool killing_ = false;
  bool is_up_ = false;   // all children have started once
  bool ending_ = false;  // told to stop, or gave up
};

}  // namespace coppice
