#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "coppice/actor/actor.hpp"
#include "coppice/actor/named_ref.hpp"
#include "coppice/actor/signals.hpp"
#include "coppice/base/clock.hpp"
#include "coppice/message/ledger.hpp"
#include "coppice/system/dead_letter.hpp"
#include "coppice/system/system_options.hpp"

namespace coppice {

namespace detail {
class SystemCore;
}

/// How a system stands. Counted by the runtime; exact at rest.
struct SystemStats {
  std::uint64_t actors = 0;  ///< live ones
  std::uint64_t sent = 0;
  std::uint64_t handled = 0;
  std::uint64_t queued = 0;
  std::uint64_t dead = 0;
  std::uint64_t dead_by_reason[kDeadReasons] = {};  ///< by DeadReason
  std::uint64_t dead_letters_lost = 0;              ///< of the dead, those that dead_letters() shows no longer
  std::uint64_t failures = 0;                       ///< lives that crashed
  std::uint64_t restarts = 0;                       ///< lives that followed another in their place
  std::uint64_t late_replies = 0;                   ///< replies that came after their ask had its outcome
  std::uint64_t timers = 0;                         ///< armed ones, asks' deadlines included
  std::uint64_t timers_refused = 0;
  std::uint64_t zombies = 0;  ///< handlers left behind that have not returned yet
};

/// How an actor is told to stop.
struct StopOptions {
  /// Discard: what waits in the mailbox is dead letters. Drain: it is handled first; nothing new is accepted. A
  /// supervised actor's place outlives it: its mailbox is kept for the next life, whichever is asked for.
  detail::StopMode mailbox = detail::StopMode::Discard;
  Duration within = std::chrono::seconds{5};  ///< then it is killed: its place ends, its handler is left behind
  ExitReason reason = ExitReason::normal();
};
using StopMode = detail::StopMode;

enum class StopError : unsigned char {
  AlreadyStopped,  ///< its place had ended before, or the ref names none
  Blocking,        ///< get() on an actor's turn
};
[[nodiscard]] const char* to_string(StopError error) noexcept;

/// The end of an actor that was told to stop.
///
/// Threads    one.
class [[nodiscard]] StopFuture {
 public:
  StopFuture(detail::IntrusivePtr<detail::Cell> cell, detail::IntrusivePtr<detail::Ticket> ticket,
             TimePoint deadline) noexcept
      : cell_{std::move(cell)}, ticket_{std::move(ticket)}, deadline_{deadline} {}
  [[nodiscard]] bool is_ready() const noexcept;
  /// Blocks until the place has ended; kills at the deadline. The reason of its end.
  [[nodiscard]] Result<ExitReason, StopError> get();

 private:
  detail::IntrusivePtr<detail::Cell> cell_;
  detail::IntrusivePtr<detail::Ticket> ticket_;
  TimePoint deadline_;
};

/// One actor that a shutdown had to leave behind or to kill.
struct LateActor {
  std::string path;
  std::string
      handling;  ///< the type of the message that its handler did not come back from; "a hook" for hooks; empty: none
};

struct ShutdownOptions {
  Duration within = std::chrono::seconds{5};  ///< from the call on; negative counts as zero
};

struct ShutdownReport {
  bool complete = false;      ///< every actor has ended and every thread of the runtime is gone
  bool asynchronous = false;  ///< on an actor's turn, or within a shutdown: it goes on behind it
  Duration took{};
  std::vector<LateActor> late;
};

/// Why an actor did not get a name.
struct NameError {
  enum class Kind : unsigned char {
    Taken,    ///< `holder` has it; that may be the actor itself
    Ended,    ///< the actor's place is closed, the ref names none, or one of another system
    BadName,  ///< an empty name
  };
  Kind kind;
  AnyRef holder;
};
[[nodiscard]] const char* to_string(NameError::Kind kind) noexcept;

/// An actor system, whatever monitors it and whatever drives it: what user functions, brokers and tests take by
/// reference.
///
/// Threads    every function: any.
/// Ownership  the object owns threads and actors; its destructor shuts down. Refs may outlive it.
/// Failure    nothing throws but std::bad_alloc and what copying arguments throws.
class System {
 public:
  System(const System&) = delete;
  System& operator=(const System&) = delete;
  /// Shuts down, if that has not been done, within SystemOptions::shutdown_within.
  virtual ~System();

  /// Whether it runs: a bad option, or a thread that could not be started, leaves a system in which every spawn is
  /// refused.
  [[nodiscard]] Result<void, OptionError> status() const;

  /// A new actor at the top of the tree, unsupervised: a crash ends it and is reported. Arguments are decay-copied, as
  /// by std::thread, since the constructor runs later, on a worker; when it throws, that is the actor's exit.
  template <class A, class... Args>
  ActorRef<A> spawn(SpawnOptions options, Args&&... args) {
    return detail::RefAccess::adopt<ActorRef<A>>(detail::spawn_or_abort(
        runtime(), nullptr, detail::kActorOps<A>, detail::make_factory<A, true>(std::forward<Args>(args)...), options));
  }
  template <class A, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<Args>, SpawnOptions> && ...)
  ActorRef<A> spawn(Args&&... args) {
    return detail::RefAccess::adopt<ActorRef<A>>(detail::spawn_or_abort(
        runtime(), nullptr, detail::kActorOps<A>, detail::make_factory<A, true>(std::forward<Args>(args)...)));
  }
  /// As spawn, for where a name may be taken or a limit reached.
  template <class A, class... Args>
  [[nodiscard]] Result<ActorRef<A>, SpawnError> try_spawn(SpawnOptions options, Args&&... args) {
    auto spawned = detail::spawn_cell(runtime(), nullptr, detail::kActorOps<A>,
                                      detail::make_factory<A, true>(std::forward<Args>(args)...), options);
    if (!spawned) return Error{spawned.error()};
    return detail::RefAccess::make<ActorRef<A>>(std::move(spawned).value());
  }

  /// Starts a supervision tree and waits until all of it runs. Needs coppice/supervisors/supervisor.hpp, which the
  /// umbrella includes.
  template <class Spec>
  auto start(const Spec& spec) {
    return start_tree(*this, spec);
  }

  /// Tells an actor to stop. The future may be dropped.
  StopFuture stop(const AnyRef& actor, const StopOptions& options = {});

  /// The live actor with that name, or a new one at the top of the tree that gets it: one instance, however many ask at
  /// once. What is found may be about to end; its sends then answer Closed. On an actor's turn too: the actor does not
  /// belong to who came first. The arguments are unused when it is there.
  template <class A, class... Args>
  [[nodiscard]] Result<ActorRef<A>, SpawnError> get_or_spawn(SpawnOptions options, Args&&... args) {
    const auto known = find<A>(options.name);
    if (known) return known.value();
    if (known.error() == LookupError::WrongType) return Error{SpawnError::WrongType};
    auto got = detail::get_or_spawn_cell(runtime(), detail::kActorOps<A>,
                                         detail::make_factory<A, true>(std::forward<Args>(args)...), options);
    if (!got) return Error{got.error()};
    return detail::RefAccess::make<ActorRef<A>>(std::move(got).value());
  }
  template <class A, class... Args>
  [[nodiscard]] Result<ActorRef<A>, SpawnError> get_or_spawn(std::string_view name, Args&&... args) {
    return get_or_spawn<A>(SpawnOptions{.name = std::string{name}}, std::forward<Args>(args)...);
  }

  /// Gives a live actor a name, one more than it may have. It is free again when the actor gives it back with
  /// unregister_name(), or before the Down of its end: of the place's end, so that a supervised child keeps it over its
  /// restarts; of the life's, where the actor named itself (the next life does it again). Source: Erlang's register/2.
  Result<void, NameError> register_name(std::string_view name, const AnyRef& actor);
  /// Frees a name, whoever has it and however it was given.
  Result<void, LookupError> unregister_name(std::string_view name);

  /// A ref of whoever has that name, looked up at each send. Nobody needs to have it yet.
  template <class A>
  [[nodiscard]] NamedRef<A> named(std::string_view name) const {
    return NamedRef<A>{runtime(), std::string{name}};
  }

  /// The live actor with that name.
  template <class A>
  [[nodiscard]] Result<ActorRef<A>, LookupError> find(std::string_view name) const {
    const AnyRef any = find_any(name);
    if (!any) return Error{LookupError::Unknown};
    ActorRef<A> ref = any.as<A>();
    if (ref.id() == 0) return Error{LookupError::WrongType};
    return ref;
  }
  [[nodiscard]] AnyRef find_any(std::string_view name) const;

  /// Refuses new work, stops the actors in reverse order of their start, joins the threads. A late one may use at most
  /// half of the time that is left, then it is killed. Again: waits for the first and answers its report. On an actor's
  /// turn: returns at once, asynchronous, and the destructor finishes.
  ShutdownReport shutdown(ShutdownOptions options = {});
  [[nodiscard]] bool is_shutting_down() const noexcept;

  [[nodiscard]] Ledger ledger() const noexcept;
  [[nodiscard]] SystemStats stats() const noexcept;
  /// The newest dead letters, oldest first; as many as SystemOptions::dead_letters_max.
  [[nodiscard]] std::vector<DeadLetter> dead_letters() const;
  [[nodiscard]] TimePoint now() const noexcept;
  [[nodiscard]] unsigned workers() const noexcept;

  [[nodiscard]] detail::Runtime& runtime() const noexcept;
  [[nodiscard]] detail::SystemCore& core() const noexcept { return *core_; }

 protected:
  explicit System(detail::IntrusivePtr<detail::Runtime> core) noexcept;
  void shut_down_now() noexcept;  // for destructors of derived systems

 private:
  detail::IntrusivePtr<detail::Runtime> keep_;
  detail::SystemCore* core_;
};

namespace detail {

/// What a monitor needs from the core; the untyped half of BasicActorSystem.
struct MonitorBinding {
  RunTable::Run run;
  RunTable::Run run_one;
  void* monitor;
  EventSink* events;
  IntrusivePtr<Counted> keep;
};
[[nodiscard]] IntrusivePtr<Runtime> make_pool_core(SystemOptions&& options, MonitorBinding binding);

/// Keeps a monitor as long as anything may report to it, which may be longer than its system.
template <class M>
struct MonitorHolder final : Counted, EventSink {
  template <class... Args>
  explicit MonitorHolder(Args&&... args) : monitor(std::forward<Args>(args)...) {}
  void record(const Event& event) noexcept override {
    if constexpr (M::kRecords) {
      try {
        monitor.record(event);
      } catch (...) {  // a monitor that throws hurts nobody
      }
    }
  }
  M monitor;
};

template <class M>
[[nodiscard]] IntrusivePtr<MonitorHolder<M>> make_monitor(const SystemOptions& options) {
  // (An aggregate whose first member is a number could be made from one as well, and would not mean it.)
  if constexpr (std::is_constructible_v<M, std::size_t> && !std::is_aggregate_v<M>) {
    return IntrusivePtr<MonitorHolder<M>>::adopt(
        new MonitorHolder<M>{options.monitor_capacity == 0 ? 1 : options.monitor_capacity});
  } else {
    return IntrusivePtr<MonitorHolder<M>>::adopt(new MonitorHolder<M>{});
  }
}

template <class M>
[[nodiscard]] MonitorBinding bind_monitor(const IntrusivePtr<MonitorHolder<M>>& holder) {
  return MonitorBinding{&Cell::run_with<M>, &Cell::run_with<M, true>, &holder->monitor,
                        M::kRecords ? static_cast<EventSink*>(holder.get()) : nullptr,
                        IntrusivePtr<Counted>::share(holder.get())};
}

}  // namespace detail
}  // namespace coppice
