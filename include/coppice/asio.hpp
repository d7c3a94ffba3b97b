#pragma once

/// Asio for actors: an actor is a strand in Asio's own sense. Sockets, timers and anything else made with its executor
/// run serialized with its messages, without locks. Opt-in, since Asio costs a second to compile.

// A standard header before the first of Asio's: its configuration looks for the library's, and would otherwise choose
// another way to allocate than the translation units that include one first. (Asio 1.22; allocation and release would
// not match.)
#include <cstdlib>

#if defined(__clang__) && !defined(ASIO_HAS_CO_AWAIT) && defined(__cpp_impl_coroutine)
#define ASIO_HAS_CO_AWAIT 1  // Asio 1.22 looks for the feature under its old name only
#endif

#include <asio/execution.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/prefer.hpp>
#include <asio/require.hpp>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "coppice/actor/actor.hpp"
#include "coppice/actor/send.hpp"
#include "coppice/system/system.hpp"

namespace coppice {

namespace detail {

/// The io_context of the system's pool. In a test system there is none: it aborts, since real I/O has no virtual time.
[[nodiscard]] asio::io_context& io_context_of(Runtime& runtime);

/// A function in a mailbox; belongs to the life that was on when its executor was made.
template <class F>
struct ClosureEnvelope : Envelope {
  template <class G>
  ClosureEnvelope(G&& g, std::uint32_t life) : Envelope{&kOps}, function(std::forward<G>(g)), incarnation{life} {}
  ~ClosureEnvelope() = delete;

  static Outcome handle_closure(Cell& cell, Envelope& envelope) {
    auto& self = static_cast<ClosureEnvelope&>(envelope);
    if (self.incarnation != cell.incarnation()) return Outcome::Stale;
    std::move(self.function)();
    return Outcome::Handled;
  }
  static void destroy_closure(Envelope& envelope) {
    std::destroy_at(&static_cast<ClosureEnvelope&>(envelope).function);
  }
  static const EnvelopeOps kOps;

  union {
    F function;
  };
  std::uint32_t incarnation;
};
struct Closure {};
template <class F>
const EnvelopeOps ClosureEnvelope<F>::kOps{
    &handle_closure, nullptr, &destroy_closure, &kTypeInfo<Closure>, nullptr, sizeof(ClosureEnvelope<F>), false};

}  // namespace detail

/// Models Asio's executor: what is executed on it runs as a message of its actor, in order with the others, one at a
/// time.
///
/// Threads    any.
/// Ownership  keeps the place's address valid, not the actor alive. A function whose life has ended is destroyed, not
///            run.
/// Order      the mailbox's.
/// Failure    what the function throws is the actor's crash.
class ActorExecutor {
 public:
  explicit ActorExecutor(detail::Cell& cell) noexcept
      : cell_{detail::IntrusivePtr<detail::Cell>::of(cell)}, incarnation_{cell.incarnation()} {}

  template <class F>
  void execute(F&& f) const {
    using Function = std::decay_t<F>;
    if (may_run_here_ && detail::this_thread.cell == cell_.get() && cell_->incarnation() == incarnation_) {
      Function function(std::forward<F>(f));
      std::move(function)();
      return;
    }
    detail::deliver(*cell_, detail::make_envelope<detail::ClosureEnvelope<Function>>(std::forward<F>(f), incarnation_));
  }

  [[nodiscard]] asio::execution_context& query(asio::execution::context_t) const {
    return detail::io_context_of(*cell_->runtime());
  }
  [[nodiscard]] asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept {
    return may_run_here_ ? asio::execution::blocking_t{asio::execution::blocking.possibly}
                         : asio::execution::blocking_t{asio::execution::blocking.never};
  }
  [[nodiscard]] ActorExecutor require(asio::execution::blocking_t::possibly_t) const noexcept { return with(true); }
  [[nodiscard]] ActorExecutor require(asio::execution::blocking_t::never_t) const noexcept { return with(false); }

  friend bool operator==(const ActorExecutor& a, const ActorExecutor& b) noexcept {
    return a.cell_ == b.cell_ && a.incarnation_ == b.incarnation_ && a.may_run_here_ == b.may_run_here_;
  }
  friend bool operator!=(const ActorExecutor& a, const ActorExecutor& b) noexcept { return !(a == b); }

 private:
  [[nodiscard]] ActorExecutor with(bool may_run_here) const noexcept {
    ActorExecutor copy = *this;
    copy.may_run_here_ = may_run_here;
    return copy;
  }
  detail::IntrusivePtr<detail::Cell> cell_;
  std::uint32_t incarnation_;
  bool may_run_here_ = true;
};

static_assert(asio::execution::is_executor<ActorExecutor>::value);

template <class Self>
ActorExecutor Actor<Self>::executor() const noexcept {
  return ActorExecutor{this->cell()};
}

/// For SystemOptions::run_in: the whole system in the user's context, without a thread of its own:
///
///     asio::io_context io;
///     ActorSystem system{{.run_in = users_context(io)}};
///     …
///     io.run();   // here, and on as many other threads as shall be
///
/// The context does not run out of work until the system's shutdown, and outlives the system. Each activation is posted
/// to it. A thread that waits for something of the system, an answer or the shutdown, runs the context meanwhile, in
/// which what other handlers there throw is lost.
[[nodiscard]] inline UsersContext users_context(asio::io_context& io) noexcept { return UsersContext{&io}; }

/// The system's io_context, run by its idle workers or by the user: for acceptors and resolvers that no actor owns.
[[nodiscard]] inline asio::io_context& io_context(System& system) { return detail::io_context_of(system.runtime()); }

namespace detail {

/// Activations on somebody else's executor, a literal strand for instance; timers stay with the pool.
template <class Executor>
class ForeignScheduler final : public Scheduler {
 public:
  ForeignScheduler(Runtime& runtime, const Executor& executor)
      : Scheduler{&runtime}, executor_{never_inline(executor)} {}

  void submit(Runnable& runnable) noexcept override {
    asio::execution::execute(executor_, [&runnable] { run(runnable); });
  }
  void submit_back(Runnable& runnable) noexcept override { submit(runnable); }
  void arm(Timer& timer, TimePoint deadline) noexcept override { runtime()->default_scheduler->arm(timer, deadline); }
  bool disarm(Timer& timer) noexcept override { return runtime()->default_scheduler->disarm(timer); }

 private:
  // Nothing may run inline inside another actor's handler.
  static auto never_inline(const Executor& executor) {
    return asio::require(executor, asio::execution::blocking.never);
  }
  decltype(asio::require(std::declval<const Executor&>(), asio::execution::blocking.never)) executor_;
};

}  // namespace detail

/// How `.on = executor` finds its way to an Asio executor; see Placement.
template <class Executor>
struct SubmitTo {
  static void* keep(Executor executor) { return new Executor(std::move(executor)); }
  static void destroy(void* executor) { delete static_cast<Executor*>(executor); }
  static detail::Scheduler* make(void* executor, detail::Runtime& runtime) {
    return new detail::ForeignScheduler<Executor>{runtime, *static_cast<Executor*>(executor)};
  }
};

}  // namespace coppice

#define COPPICE_ASIO_HPP
#if defined(COPPICE_COROUTINE_HPP)
#include "coppice/asio_task.hpp"
#endif
