#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "coppice/actor/signals.hpp"
#include "coppice/base/unique_function.hpp"
#include "coppice/supervisors/rules.hpp"
#include "coppice/supervisors/supervisor.hpp"
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
  IntrusivePtr<Timer> due[4];
  bool stopping = false;
  bool starting = false;
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
  enum class Due : std::uint32_t { Retry = 0, StopLimit = 1, Kill = 2, StartLimit = 3 };
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
  void kill_child(Child& child);
  void close_child(Child& child);
  void on_closed();
  void finish();
  void on_due(Due due, Child& child);
  void arm(Child& child, Due due, Duration after);
  void disarm(Child& child, Due due) noexcept;
  void remove_child(Child& child);
  void report(EventKind kind, const Child& child, std::string_view text);

  // ---- calls: supervisor_calls.cpp ----
  void call(detail::SupervisorCall call);
  void serve_calls();
  void begin_call(detail::SupervisorCall call);
  void begin_start(detail::SupervisorCall call);
  [[nodiscard]] std::optional<CallError> refusal_of(const detail::SupervisorCall& start);
  [[nodiscard]] std::vector<AnyRef> refs_of(const std::vector<std::string>& ids);
  void reply(const RuleEffect& effect);
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
  static constexpr detail::ChildKey kLastKey = (1U << 30) - 2;  // a DueTimer's code has two bits besides
  detail::ChildKey last_key_ = 0;
  std::deque<detail::SupervisorCall> calls_;
  std::optional<detail::SupervisorCall> current_call_;
  std::size_t closing_ = 0;  // places that were told to close and have not yet
  std::optional<End> end_;   // decided; waits for them
  bool killing_ = false;
};

}  // namespace coppice
