#pragma once

#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "coppice/actor/cell.hpp"
#include "coppice/mailbox/overflow.hpp"

namespace coppice {

class System;

/// Defined by coppice/asio.hpp for every Asio executor, strands included.
template <class Executor>
struct SubmitTo;

/// Why an actor was not spawned. Nothing of it is left.
enum class SpawnError : unsigned char {
  DuplicateName,  ///< a live actor has that name
  LimitReached,   ///< as many live actors as SystemOptions::actors_max
  Closing,        ///< the system is shutting down, or has; or the parent is ending (on_stop, destructor)
  BadOption,  ///< a mailbox option out of its bounds; a pinned thread of another system; get_or_spawn without a name
  WrongType,  ///< get_or_spawn: a live actor has that name and is of another class
};
[[nodiscard]] const char* to_string(SpawnError error) noexcept;

/// Where an actor runs: the system's pool, a pinned thread, or a foreign Asio executor.
class Placement {
 public:
  Placement() noexcept = default;  ///< the system's pool
  /// Anything that names a scheduler: PinnedThread.
  template <class S>
    requires requires(const S& s) {
      { s.scheduler() } -> std::same_as<detail::Scheduler*>;
    }
  Placement(const S& named) : scheduler_{named.scheduler()} {}
  /// An Asio executor; needs coppice/asio.hpp.
  template <class Executor>
    requires(!std::is_same_v<std::decay_t<Executor>, Placement> && !requires(const Executor& s) { s.scheduler(); })
  Placement(Executor executor) : make_{&SubmitTo<Executor>::make}, destroy_{&SubmitTo<Executor>::destroy} {
    executor_ = SubmitTo<Executor>::keep(std::move(executor));
  }
  Placement(Placement&& other) noexcept
      : scheduler_{other.scheduler_},
        executor_{std::exchange(other.executor_, nullptr)},
        make_{other.make_},
        destroy_{other.destroy_} {}
  Placement& operator=(Placement&&) = delete;
  ~Placement() {
    if (executor_ != nullptr) destroy_(executor_);
  }

  /// Whether resolve() makes a scheduler, which then belongs to the place.
  [[nodiscard]] bool is_foreign() const noexcept { return executor_ != nullptr; }
  /// The scheduler to use, or null for the system's own.
  [[nodiscard]] detail::Scheduler* resolve(detail::Runtime& runtime) const {
    if (executor_ != nullptr) return make_(executor_, runtime);
    return scheduler_;
  }

 private:
  detail::Scheduler* scheduler_ = nullptr;
  void* executor_ = nullptr;
  detail::Scheduler* (*make_)(void* executor, detail::Runtime& runtime) = nullptr;
  void (*destroy_)(void* executor) = nullptr;
};

/// How to spawn. Used with designated initialisers: `spawn<Worker>({.name = "worker-1"})`.
struct SpawnOptions {
  struct ByNameOnly {
    explicit ByNameOnly() = default;
  };
  ByNameOnly by_name_only = ByNameOnly{};  // so that spawn<A>({"text"}) is an error instead of a name
  std::string name = {};                   ///< unique among live actors; empty: none
  MailboxOptions mailbox = {};             ///< SystemOptions::mailbox where it is not given
  Placement on = {};                       ///< the system's pool by default
  bool paused = false;                     ///< handles no message until ActorRef::resume() or step(); starts, though
};

namespace detail {

/// The actor that is being constructed on this thread; its base class takes it.
struct Construction {
  Cell* cell;
  const TypeInfo* type;
};

/// Makes each life by a callable that is told where.
template <class F>
struct InPlaceFactory final : Factory {
  explicit InPlaceFactory(F&& f) : make(static_cast<F&&>(f)) {}
  void construct(void* where) override { make(where); }
  F make;
};
template <class F>
[[nodiscard]] Factory* make_in_place_factory(F&& make) {
  return new InPlaceFactory<F>(static_cast<F&&>(make));
}

/// The same for a place of one life.
template <class F>
struct OnceFactory final : Factory {
  explicit OnceFactory(F&& f) : make(static_cast<F&&>(f)) {}
  ~OnceFactory() override { forget(); }
  void construct(void* where) override { make(where); }
  void forget() noexcept override {
    if (std::exchange(is_there, false)) make.~F();
  }
  union {
    F make;
  };
  bool is_there = true;
};
template <class F>
[[nodiscard]] Factory* make_once_factory(F&& make) {
  return new OnceFactory<F>(static_cast<F&&>(make));
}

/// Makes each life from what a callable returns.
template <class A, class F>
struct MakerFactory final : Factory {
  explicit MakerFactory(F f) : make(std::move(f)) {}
  void construct(void* where) override { ::new (where) A(make()); }
  F make;
};

template <class A>
concept HasOnStart = requires { static_cast<void (A::*)()>(&A::on_start); };
template <class A>
concept MayIgnoreStart = requires { static_cast<Start (A::*)()>(&A::on_start); };
template <class A>
concept HasOnStop = requires { static_cast<void (A::*)(const ExitReason&)>(&A::on_stop); } ||
                    requires { static_cast<void (A::*)(ExitReason)>(&A::on_stop); };
template <class A>
concept HasOnRestart = requires { static_cast<void (A::*)(const ExitReason&)>(&A::on_restart); } ||
                       requires { static_cast<void (A::*)(ExitReason)>(&A::on_restart); };
template <class A>
concept HasOnError = requires { static_cast<OnError (A::*)(const ExitReason&)>(&A::on_error); } ||
                     requires { static_cast<OnError (A::*)(ExitReason)>(&A::on_error); };
template <class A>
concept HasOnHealthCheck = requires { static_cast<Health (A::*)()>(&A::on_health_check); } ||
                           requires { static_cast<Health (A::*)() const>(&A::on_health_check); };
template <class A>
concept ManagesChildren = requires { A::kManagesChildren; };

template <class A>
constexpr ActorOps make_actor_ops() {
  ActorOps ops{};
  ops.type = &kTypeInfo<A>;
  ops.bytes = sizeof(A);
  ops.alignment = kStateAlignment<A>;
  if constexpr (std::is_default_constructible_v<A>) ops.construct_default = [](void* where) { ::new (where) A(); };
  ops.destroy = [](void* actor) { static_cast<A*>(actor)->~A(); };
  if constexpr (HasOnStart<A>) {
    ops.on_start = [](void* actor) {
      static_cast<A*>(actor)->on_start();
      return Start::Run;
    };
  } else if constexpr (MayIgnoreStart<A>) {
    ops.on_start = [](void* actor) { return static_cast<A*>(actor)->on_start(); };
  }
  if constexpr (HasOnStop<A>)
    ops.on_stop = [](void* actor, const ExitReason& why) { static_cast<A*>(actor)->on_stop(why); };
  if constexpr (HasOnRestart<A>)
    ops.on_restart = [](void* actor, const ExitReason& why) { static_cast<A*>(actor)->on_restart(why); };
  if constexpr (HasOnError<A>)
    ops.on_error = [](void* actor, const ExitReason& why) { return static_cast<A*>(actor)->on_error(why); };
  if constexpr (HasOnHealthCheck<A>)
    ops.on_health_check = [](void* actor) { return static_cast<A*>(actor)->on_health_check(); };
  if constexpr (ManagesChildren<A>) {
    ops.child_event = [](void* actor, const ChildEvent& event) { static_cast<A*>(actor)->child_event(event); };
    ops.begin_stop = [](void* actor, const ExitReason& why) { static_cast<A*>(actor)->begin_stop(why); };
  }
  return ops;
}
template <class A>
inline constexpr ActorOps kActorOps = make_actor_ops<A>();

/// A factory from arguments, which it keeps; null when there are none. `Once`: they are moved into the one life there
/// is; otherwise each life gets them as const&. With its first count, which whoever is given it takes over: a bare
/// pointer, since what owns it would be compiled at each spawn of a program.
template <class A, bool Once, class... Args>
[[nodiscard]] Factory* make_factory(Args&&... args) {
  if constexpr (sizeof...(Args) == 0) {
    static_assert(std::is_default_constructible_v<A>, "this actor's constructor needs arguments");
    return nullptr;
  } else if constexpr (Once) {
    static_assert(std::is_constructible_v<A, std::decay_t<Args>&&...>,
                  "this actor cannot be constructed from these arguments");
    return make_once_factory(
        [... kept = std::forward<Args>(args)](void* where) mutable { ::new (where) A(std::move(kept)...); });
  } else {
    static_assert(std::is_constructible_v<A, const std::decay_t<Args>&...>,
                  "this actor cannot be constructed from these arguments as const references, life after life; "
                  "a move-only one comes through a factory: child({.id = …}, [] { return A(…); })");
    return make_in_place_factory([... kept = std::forward<Args>(args)](void* where) { ::new (where) A(kept...); });
  }
}

/// Whether a child is linked to its parent, from before its constructor on.
enum class Linked : unsigned char { No, Yes };

/// A new place below `parent` (null: at the top), named, bounded and placed as asked; submitted. The untyped half of
/// spawn. Takes the factory, as the others here.
[[nodiscard]] Result<IntrusivePtr<Cell>, SpawnError> spawn_cell(Runtime& runtime, Cell* parent, const ActorOps& ops,
                                                                Factory* factory, const SpawnOptions& options,
                                                                Linked linked = Linked::No);
/// Who has the name, or a new place at the top that gets it.
[[nodiscard]] Result<IntrusivePtr<Cell>, SpawnError> get_or_spawn_cell(Runtime& runtime, const ActorOps& ops,
                                                                       Factory* factory, const SpawnOptions& options);
/// spawn's way to treat an error: an assertion in debug, null otherwise. With a count for the caller.
[[nodiscard]] Cell* spawn_or_abort(Runtime& runtime, Cell* parent, const ActorOps& ops, Factory* factory,
                                   const SpawnOptions& options, Linked linked = Linked::No);
[[nodiscard]] Cell* spawn_or_abort(Runtime& runtime, Cell* parent, const ActorOps& ops, Factory* factory);

}  // namespace detail
}  // namespace coppice
