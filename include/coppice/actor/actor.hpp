#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "coppice/actor/actor_ref.hpp"
#include "coppice/actor/adapter.hpp"
#include "coppice/actor/ask.hpp"
#include "coppice/actor/named_ref.hpp"
#include "coppice/actor/pipe.hpp"
#include "coppice/actor/receive_timeout.hpp"
#include "coppice/actor/spawn_options.hpp"
#include "coppice/actor/stash.hpp"
#include "coppice/actor/timers.hpp"
#include "coppice/actor/watch.hpp"

namespace coppice {

class ActorExecutor;
namespace detail {
struct ActorAccess;
}

/// What came with the message in hand.
struct MessageInfo {
  AnyRef sender;                          ///< who sent it, where the sender said so (asks always do)
  AnyRef reply_to;                        ///< whom to answer
  std::uint64_t correlation_id = 0;       ///< the sender's mark
  TimePoint sent_at{};                    ///< when it was sent; zero for a plain send, which carries nothing
  TimePoint deadline = TimePoint::max();  ///< of an ask; of a message that expires
  Priority priority = Priority::Normal;   ///< what the sender said
};

namespace detail {
[[nodiscard]] Cell* take_construction(const TypeInfo* type) noexcept;
[[nodiscard]] MessageInfo info_of(const Cell& cell);
[[nodiscard]] IntrusivePtr<Cell> sender_of(const Cell& cell) noexcept;
[[nodiscard]] AskCore* ask_in_hand(const Cell& cell, const TypeInfo* reply) noexcept;
[[nodiscard]] System& system_of(const Runtime& runtime) noexcept;
void yield_turn(Cell& cell) noexcept;
}  // namespace detail

/// The base of every actor: `struct Counter : coppice::Actor<Counter> { int handle(Add add); };`
///
/// Each public member function `R handle(M)`, `handle(const M&)` or `handle(M&&)` is a handler for exactly M; its
/// return type is the reply's. (Private ones, ref-qualified ones, ones with default arguments and inherited ones are
/// not handlers.) Hooks, declared as needed and public: `void on_start()` or `Start on_start()`, `void
/// on_stop(ExitReason)`, `void on_restart(ExitReason)`, `OnError on_error(const ExitReason&)`, `Health
/// on_health_check()`. A first life runs constructor, on_start; a later one constructor, on_restart, on_start. on_stop
/// runs exactly once for each life that had started, however it ends, except by kill.
///
/// Threads    all of it: the actor's own turn, constructor included. No locks are needed inside an actor.
/// Failure    whatever a handler, hook or constructor throws ends the life and nothing else; what on_health_check()
///            throws is a check that failed.
template <class Self>
class Actor {
 public:
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

 protected:
  Actor() noexcept : cell_{detail::take_construction(&detail::kTypeInfo<Self>)} {}
  ~Actor() = default;

  [[nodiscard]] ActorRef<Self> self() const noexcept {
    return detail::RefAccess::make<ActorRef<Self>>(detail::IntrusivePtr<detail::Cell>::of(*cell_));
  }
  /// Who sent the message in hand; names no place if the sender did not say. Asks and sends with options do.
  [[nodiscard]] AnyRef sender() const { return detail::RefAccess::make<AnyRef>(detail::sender_of(*cell_)); }
  /// All that came with the message in hand.
  [[nodiscard]] MessageInfo info() const { return detail::info_of(*cell_); }
  /// The time, the same throughout one message.
  [[nodiscard]] TimePoint now() const noexcept { return detail::turn_now(*cell_->runtime()); }
  [[nodiscard]] System& system() const noexcept { return detail::system_of(*cell_->runtime()); }
  /// Whose child this is: a supervisor's ref by `parent().as<Supervisor>()`, for its other children. Names no place at
  /// the top.
  [[nodiscard]] AnyRef parent() const noexcept {
    return detail::RefAccess::make<AnyRef>(detail::IntrusivePtr<detail::Cell>::share(cell_->parent()));
  }
  [[nodiscard]] std::string path() const { return cell_->path(); }
  [[nodiscard]] std::uint32_t incarnation() const noexcept { return cell_->incarnation(); }
  /// Messages handled in this place, counted by the runtime.
  [[nodiscard]] std::uint64_t message_count() const noexcept { return cell_->handled(); }

  /// A child, stopped with this life, before its on_stop. Not restarted: that is a supervisor's work. Arguments are
  /// decay-copied.
  template <class Child, class... Args>
  ActorRef<Child> spawn(SpawnOptions options, Args&&... args) {
    return detail::RefAccess::adopt<ActorRef<Child>>(
        detail::spawn_or_abort(*cell_->runtime(), cell_, detail::kActorOps<Child>,
                               detail::make_factory<Child, true>(std::forward<Args>(args)...), options));
  }
  template <class Child, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<Args>, SpawnOptions> && ...)
  ActorRef<Child> spawn(Args&&... args) {
    return detail::RefAccess::adopt<ActorRef<Child>>(
        detail::spawn_or_abort(*cell_->runtime(), cell_, detail::kActorOps<Child>,
                               detail::make_factory<Child, true>(std::forward<Args>(args)...)));
  }
  template <class Child, class... Args>
  [[nodiscard]] Result<ActorRef<Child>, SpawnError> try_spawn(SpawnOptions options, Args&&... args) {
    auto spawned = detail::spawn_cell(*cell_->runtime(), cell_, detail::kActorOps<Child>,
                                      detail::make_factory<Child, true>(std::forward<Args>(args)...), options);
    if (!spawned) return Error{spawned.error()};
    return detail::RefAccess::make<ActorRef<Child>>(std::move(spawned).value());
  }

  /// A child that is linked from before its constructor on: when it ends abnormally, in its start or later, so does this
  /// actor, with its reason, unless it traps exits. Source: Erlang's spawn_link.
  template <class Child, class... Args>
  ActorRef<Child> spawn_link(SpawnOptions options, Args&&... args) {
    return detail::RefAccess::adopt<ActorRef<Child>>(detail::spawn_or_abort(
        *cell_->runtime(), cell_, detail::kActorOps<Child>,
        detail::make_factory<Child, true>(std::forward<Args>(args)...), options, detail::Linked::Yes));
  }
  template <class Child, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<Args>, SpawnOptions> && ...)
  ActorRef<Child> spawn_link(Args&&... args) {
    return spawn_link<Child>(SpawnOptions{}, std::forward<Args>(args)...);
  }
  template <class Child, class... Args>
  [[nodiscard]] Result<ActorRef<Child>, SpawnError> try_spawn_link(SpawnOptions options, Args&&... args) {
    auto spawned = detail::spawn_cell(*cell_->runtime(), cell_, detail::kActorOps<Child>,
                                      detail::make_factory<Child, true>(std::forward<Args>(args)...), options,
                                      detail::Linked::Yes);
    if (!spawned) return Error{spawned.error()};
    return detail::RefAccess::make<ActorRef<Child>>(std::move(spawned).value());
  }

  /// Ends this life after the handler in hand; what waits in the mailbox then is dead letters, unless a supervisor
  /// restarts it.
  void stop(const ExitReason& reason = ExitReason::normal()) noexcept { cell_->stop_self(reason); }

  /// Sends `message` to this actor after `delay`; never early, never to a later life.
  template <class M>
    requires Handles<Self, std::remove_cvref_t<M>>
  TimerHandle send_after(Duration delay, M&& message) {
    return start<std::remove_cvref_t<M>>(delay, Duration::zero(), Every::FixedRate, std::forward<M>(message));
  }
  /// Sends a copy of `message` every `period`, first after one period. A period below one nanosecond counts as one
  /// nanosecond.
  template <class M>
    requires(Handles<Self, std::remove_cvref_t<M>> && std::copy_constructible<std::remove_cvref_t<M>>)
  TimerHandle send_every(Duration period, M&& message, Every mode = Every::FixedRate) {
    const Duration every = period < Duration{1} ? Duration{1} : period;
    return start<std::remove_cvref_t<M>>(every, every, mode, std::forward<M>(message));
  }

  /// One Down when the life of `ref` that is on ends (at once, with NoProc, when the place is over). Several watches,
  /// several Downs.
  template <class A>
  WatchId watch(const ActorRef<A>& ref) {
    return watch(AnyRef{ref});
  }
  WatchId watch(const AnyRef& ref) {
    static_assert(Handles<Self, Down>, "an actor that watches needs `void handle(coppice::Down down)`");
    return WatchId{detail::watch_cell(*cell_, detail::RefAccess::cell(ref), &detail::kDownOps<Self>)};
  }
  /// Watches whoever has the name at this moment.
  template <class A>
  WatchId watch(const NamedRef<A>& ref) {
    return watch(ref.resolve_any());
  }
  /// No Down of it is handled any more, also when it is in the mailbox already.
  void unwatch(const WatchId& id) {
    if (id.node_) detail::unwatch_node(*cell_, *id.node_);
  }

  /// Ties this life and the other one together: when one ends other than normally, so does the other, with its reason,
  /// unless it traps. Of two actors, one link: idempotent, whoever asks. To a place that is over: its exit is NoProc.
  /// Source: Erlang's links, as the rest here.
  void link(const AnyRef& other) { detail::link_cells(*cell_, detail::RefAccess::cell(other)); }
  /// No exit of that link is felt any more, also when its ExitSignal is in the mailbox already.
  void unlink(const AnyRef& other) { detail::unlink_cells(*cell_, detail::RefAccess::cell(other)); }
  /// Ends another actor as a link would: it may trap it, and Normal harms nobody but oneself. Killed cannot be trapped:
  /// the place is taken even from a handler that is running, see the docs on kill.
  void send_exit(const AnyRef& to, const ExitReason& reason) {
    detail::send_exit(*cell_, detail::RefAccess::cell(to), reason);
  }
  /// Exits of linked actors, and those that are sent, then arrive as ExitSignal messages, whatever their reason. For
  /// this life; the next one starts without.
  void trap_exits(bool on = true) {
    static_assert(Handles<Self, ExitSignal>, "an actor that traps exits needs `void handle(coppice::ExitSignal exit)`");
    detail::trap_exits(*cell_, on ? &detail::kExitOps<Self> : nullptr);
  }

  /// An ask on its way: `ask(ref, Add{1}, 1s).then([this](Result<int, AskError> total) { … });`
  template <class R, class M>
  class [[nodiscard]] Asking {
   public:
    using Reply = R;
    /// It will not be sent: its continuation gets `why`.
    void refuse(AskError why) noexcept {
      target_ = {};
      why_not_ = why;
    }
    /// It waits for its answer no longer than that.
    void limit(Duration most) noexcept { within_ = most < within_ ? most : within_; }
    /// Sends the message. `continuation` runs once, as a message of this actor, with the reply or the reason why there
    /// is none; not at all when this life ends first.
    template <class F>
      requires requires(F& continuation, Result<R, AskError> outcome) { continuation(std::move(outcome)); }
    void then(F&& continuation) && {
      static_cast<void>(std::move(*this).send(std::forward<F>(continuation)));
    }
    /// then(), for whoever may give the ask up again: see detail::withdraw_ask.
    template <class F>
    detail::AskCore& send(F&& continuation) && {
      using Continuation = std::decay_t<F>;
      detail::Question* question = nullptr;
      if (target_) question = detail::make_envelope<detail::AskEnvelope<M>>(ops_, std::move(message_));
      detail::UnsentAsk unsent{*asker_, question, detail::kReplyOps<R>, detail::kContinuationOps<R, Continuation>};
      ::new (unsent.continuation()) Continuation(std::forward<F>(continuation));
      return std::move(unsent).send(target_.get(), why_not_, within_);
    }

   private:
    friend class Actor;
    Asking(detail::Cell& asker, detail::IntrusivePtr<detail::Cell> target, const detail::EnvelopeOps* ops, M message,
           Duration within)
        : asker_{&asker}, target_{std::move(target)}, ops_{ops}, message_(std::move(message)), within_{within} {
      if (target_.get() == asker_) why_not_ = AskError::Rejected;  // it would wait for itself
      if (why_not_ == AskError::Rejected || ops_ == nullptr) target_ = {};
    }
    detail::Cell* asker_;
    detail::IntrusivePtr<detail::Cell> target_;  // null: it fails with why_not_
    const detail::EnvelopeOps* ops_;
    M message_;
    Duration within_;
    AskError why_not_ = AskError::Closed;
  };

  template <class A, class M>
    requires(!detail::kIsProtocol<A> && Handles<A, std::remove_cvref_t<M>>)
  auto ask(const ActorRef<A>& ref, M&& message, Duration within) {
    using Plain = std::remove_cvref_t<M>;
    return Asking<ReplyOf<A, Plain>, Plain>{*cell_, detail::RefAccess::share(ref), &detail::HandlerOps<A, Plain>::kAsk,
                                            std::forward<M>(message), within};
  }
  template <class... Rs, class... Ms, class M>
    requires(std::is_same_v<std::remove_cvref_t<M>, Ms> || ...)
  auto ask(const ActorRef<Protocol<Rs(Ms)...>>& ref, M&& message, Duration within) {
    using Plain = std::remove_cvref_t<M>;
    using Ref = ActorRef<Protocol<Rs(Ms)...>>;
    using R = typename Ref::template ReplyFor<Plain, Protocol<Rs(Ms)...>>::type;
    const detail::HandlerEntry* const entry = ref.template find<Plain>();
    return Asking<R, Plain>{*cell_, detail::RefAccess::share(ref), entry == nullptr ? nullptr : entry->ask,
                            std::forward<M>(message), within};
  }
  /// Asks whoever has the name at this moment.
  template <class A, class M>
    requires Handles<A, std::remove_cvref_t<M>>
  auto ask(const NamedRef<A>& ref, M&& message, Duration within) {
    return ask(ref.resolve_or_nobody(), std::forward<M>(message), within);
  }
  template <class A, class M>
    requires(!detail::kIsProtocol<A> && !Handles<A, std::remove_cvref_t<M>>)
  void ask(const ActorRef<A>& ref, M&& message, Duration within) = delete;  // no handler for this message

  /// Puts the message in hand aside, with its sender and whoever waits for its answer; what the handler returns then
  /// answers nobody. It counts as handled, and as sent once more. Rejected, and a dead letter: the stash holds
  /// SystemOptions::stash_max already. A next life in this place gets what is there, before its mailbox; when the place
  /// ends it is dead letters.
  template <class M>
    requires Handles<Self, M>
  Delivery stash(M&& message) {
    return detail::put_aside(*cell_, detail::repack<Self, M>(*cell_, std::forward<M>(message)));
  }
  /// Brings what was put aside back to the front of the mailbox, in the order in which it was put there; `most` limits how
  /// much. How many messages that were. They count against a bound, and are let in above it.
  std::size_t unstash(std::size_t most = ~std::size_t{0}) { return detail::bring_back(*cell_, most); }
  [[nodiscard]] std::size_t stashed() const noexcept { return detail::put_aside_count(*cell_); }

  /// After the handler in hand, whoever else is ready runs before this actor goes on.
  void yield_turn() noexcept { detail::yield_turn(*cell_); }

  /// A ReceiveTimeout comes whenever no message has been handled for `after`, and again after each such time, until
  /// cancel_receive_timeout() or the end of this life. Zero: whenever the mailbox is empty. Source: gen_server's timeout.
  void set_receive_timeout(Duration after) {
    static_assert(Handles<Self, ReceiveTimeout>,
                  "an actor with a receive timeout needs `void handle(coppice::ReceiveTimeout)`");
    detail::set_receive_timeout(*cell_, &detail::kSilenceOps<Self>, after);
  }
  void cancel_receive_timeout() { detail::set_receive_timeout(*cell_, nullptr, Duration::zero()); }

  /// This actor for those who send another message than it handles: `adapter<Raw>([](Raw raw) { return Mine{…}; })`. The
  /// function runs on this actor's turn, in order with its messages, and what it throws is this actor's crash; it may take
  /// the actor as its first argument. Asked, it answers when the message has been handled.
  template <class Raw, class F>
  [[nodiscard]] ActorRef<Protocol<void(Raw)>> adapter(F) const noexcept {
    return ActorRef<Protocol<void(Raw)>>{
        detail::IntrusivePtr<detail::Cell>::of(*cell_),
        ActorRef<Protocol<void(Raw)>>::template kTableOf<detail::Adapted<Self, Raw, F>>};
  }

  /// For a value that comes to be elsewhere, on another thread perhaps: whoever has the Pipe sends it here, to this life.
  /// Dropped, it sends `if_dropped`.
  template <class M>
    requires Handles<Self, std::remove_cvref_t<M>>
  Pipe<std::remove_cvref_t<M>> pipe_to_self(M&& if_dropped) {
    using Plain = std::remove_cvref_t<M>;
    return {*cell_, &detail::kPipeOps<Self, Plain>, Plain(std::forward<M>(if_dropped))};
  }

  /// Passes the question in hand on: whoever `to` names answers it, in this actor's place. For a handler that returns
  /// Later<R>; of a message that nobody asked with it is a plain send. A reply of another type answers NoReply.
  template <class A, class M>
    requires Handles<A, std::remove_cvref_t<M>>
  Later<ReplyOf<A, std::remove_cvref_t<M>>> delegate(const ActorRef<A>& to, M&& message) {
    using Plain = std::remove_cvref_t<M>;
    detail::delegate(*cell_, detail::RefAccess::cell(to),
                     detail::make_envelope<detail::AskEnvelope<Plain>>(&detail::HandlerOps<A, Plain>::kAsk,
                                                                       std::forward<M>(message)),
                     &detail::kTypeInfo<ReplyOf<A, Plain>>);
    return {};
  }
  // In a handler that is a coroutine; they need coppice/coroutine.hpp, and are said there.
  template <class M, class A, class... Args>
    requires(!detail::kIsProtocol<A> && Handles<A, M>)
  auto ask(const ActorRef<A>& ref, Duration within, Args&&... args);
  template <class M, class... Rs, class... Ms, class... Args>
    requires(std::is_same_v<M, Ms> || ...)
  auto ask(const ActorRef<Protocol<Rs(Ms)...>>& ref, Duration within, Args&&... args);
  template <class M, class A, class... Args>
    requires Handles<A, M>
  auto send(const ActorRef<A>& ref, Args&&... args);
  [[nodiscard]] static auto sleep_for(Duration delay) noexcept;
  [[nodiscard]] static auto yield() noexcept;

  /// Passes a message on with the original's reply address and correlation id. Not with its priority, which a mailbox
  /// without priorities would refuse, nor with its expiry: `to.send(message, SendOptions{…})` says those, from info().
  template <class A, class M>
    requires Handles<A, std::remove_cvref_t<M>>
  Delivery forward(const ActorRef<A>& to, M&& message) {
    const MessageInfo came = info();
    return to.send(std::forward<M>(message),
                   SendOptions{.reply_to = came.reply_to, .correlation_id = came.correlation_id});
  }

  /// For a handler that answers later: `auto [promise, later] = reply_later<int>(); keep(std::move(promise)); return
  /// std::move(later);` with the return type Later<int>. Asked by nobody, the promise answers nobody.
  template <class R>
  [[nodiscard]] std::pair<ReplyPromise<R>, Later<R>> reply_later() {
    return {ReplyPromise<R>{
                detail::IntrusivePtr<detail::AskCore>::share(detail::ask_in_hand(*cell_, &detail::kTypeInfo<R>))},
            Later<R>{}};
  }

  /// For a handler that has seen to the answer in another way.
  template <class R>
  [[nodiscard]] Later<R> already_answered() const noexcept {
    return {};
  }

  /// Models Asio's executor: what runs on it is serialized with the handlers. Needs coppice/asio.hpp.
  [[nodiscard]] ActorExecutor executor() const noexcept;

  [[nodiscard]] detail::Cell& cell() const noexcept { return *cell_; }

 private:
  friend struct detail::ActorAccess;
  template <class M, class U>
  TimerHandle start(Duration first, Duration period, Every mode, U&& message) {
    using Kind = detail::MessageTimer<Self, M>;
    auto timer = detail::IntrusivePtr<detail::Timer>::adopt(new Kind{*cell_, period, mode, std::forward<U>(message)});
    static_cast<void>(detail::start_timer(static_cast<Kind&>(*timer), first));  // a refused one is not active
    return TimerHandle{std::move(timer)};
  }

  detail::Cell* cell_;
};

namespace detail {

/// For functions that an actor calls with itself: `retry(*this, …)`.
struct ActorAccess {
  template <class Self>
  [[nodiscard]] static Cell& cell(const Actor<Self>& actor) noexcept {
    return actor.cell();
  }
};

}  // namespace detail
}  // namespace coppice
