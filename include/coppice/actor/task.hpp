#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "coppice/actor/handles.hpp"
#include "coppice/actor/suspension.hpp"

namespace coppice {

template <class R = void>
class Task;
template <class R = void>
class ReentrantTask;

namespace detail {

/// What a Task may wait for: nothing else would resume it on its actor's turn.
struct Awaitable {};

template <class T>
concept AwaitableHere = std::derived_from<std::remove_cvref_t<T>, Awaitable>;

/// Stands for what is awaited, which stays where it is until the end of the full expression. (GCC 12 would move it into
/// the frame.)
template <class T>
struct Awaiting {
  T* what;
  [[nodiscard]] bool await_ready() const noexcept { return what->await_ready(); }
  template <class P>
  auto await_suspend(std::coroutine_handle<P> handle) const {
    return what->await_suspend(handle);
  }
  decltype(auto) await_resume() const { return what->await_resume(); }
};

struct TaskPromiseBase : TaskFrame {
  static void* operator new(std::size_t bytes) { return allocate_block(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept { free_block(memory, bytes); }

  /// Back to whoever waits for it, by way of HandlerRun::go_on.
  struct Final {
    [[nodiscard]] static bool await_ready() noexcept { return false; }
    template <class P>
    static void await_suspend(std::coroutine_handle<P> handle) noexcept {
      const TaskFrame& ended = handle.promise();
      HandlerRun& run = *ended.run;
      if (ended.parent == nullptr) {
        run.is_over = true;
      } else {
        run.leaf = ended.parent;
        run.moves_on = true;
      }
    }
    static void await_resume() noexcept {}
  };
  [[nodiscard]] static std::suspend_always initial_suspend() noexcept { return {}; }
  [[nodiscard]] static Final final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }

  template <AwaitableHere T>
  [[nodiscard]] static Awaiting<std::remove_reference_t<T>> await_transform(T&& what) noexcept {
    return {std::addressof(what)};
  }
  template <class T>
    requires(!AwaitableHere<T>)
  static void await_transform(T&& what) =
      delete;  // not awaited in a handler: an ask is co_await ask<M>(ref, within, …)
};

template <class R>
struct TaskPromise : TaskPromiseBase {
  static_assert(std::is_object_v<R>, "a handler's reply is a value");
  TaskPromise() noexcept {}
  TaskPromise(const TaskPromise&) = delete;
  TaskPromise& operator=(const TaskPromise&) = delete;
  ~TaskPromise() {
    if (result != nullptr) value.~R();
  }
  template <class U = R>
    requires std::constructible_from<R, U&&>
  void return_value(U&& returned) {
    result = ::new (static_cast<void*>(std::addressof(value))) R(std::forward<U>(returned));
  }
  union {
    R value;
  };
};
template <>
struct TaskPromise<void> : TaskPromiseBase {
  void return_void() noexcept { result = this; }
};

/// Owns a coroutine until it has run or is dropped. Awaiting it runs it, as part of whoever awaits.
template <class R>
class TaskBase : public Awaitable {
 public:
  TaskBase(TaskBase&& other) noexcept : frame_{std::exchange(other.frame_, nullptr)} {}
  TaskBase& operator=(TaskBase&&) = delete;
  ~TaskBase() {
    if (frame_ != nullptr) destroy_frame(*frame_);
  }

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> handle) noexcept {
    TaskFrame& parent = handle.promise();
    COPPICE_VERIFY(frame_ != nullptr && frame_->run == nullptr, "a Task is awaited once");
    frame_->parent = &parent;
    frame_->run = parent.run;
    frame_->held_by = &frame_;
    parent.run->leaf = frame_;
    parent.run->moves_on = true;
  }
  R await_resume() {
    if (frame_->error) std::rethrow_exception(std::exchange(frame_->error, {}));
    if constexpr (!std::is_void_v<R>) return static_cast<R&&>(*static_cast<R*>(frame_->result));
  }

 protected:
  template <class Self, bool kReentrant>
  friend struct CoroutineReply;
  explicit TaskBase(TaskFrame& frame) noexcept : frame_{&frame} {}

 private:
  TaskFrame* frame_;
};

template <class Self, class R>
struct PromiseOf : TaskPromise<R> {
  Self get_return_object() noexcept {
    this->frame = std::coroutine_handle<PromiseOf>::from_promise(*this).address();
    return Self{*this};
  }
};

/// How a handler that returns a Self starts.
template <class Self, bool kReentrant>
struct CoroutineReply {
  static constexpr bool is_later = false;
  static constexpr bool is_coroutine = true;

  template <class A, class M>
  [[nodiscard]] static Outcome begin(Cell& cell, Envelope& envelope, Question* question, Self task) {
    static_assert(
        requires { static_cast<Self (A::*)(M)>(&A::handle); } ||
            requires { static_cast<Self (A::*)(M) const>(&A::handle); },
        "a coroutine handler takes its message by value: a reference would outlive the message");
    return start_handler(cell, envelope, question, *std::exchange(task.frame_, nullptr), kSuspendedOps<M>, kReentrant);
  }
};
template <class R>
struct ReplyType<Task<R>> : CoroutineReply<Task<R>, false> {
  using type = R;
};
template <class R>
struct ReplyType<ReentrantTask<R>> : CoroutineReply<ReentrantTask<R>, true> {
  using type = R;
};

}  // namespace detail

/// What a handler returns that is a coroutine: `Task<int> handle(Order order) { … co_return 5; }`. Its reply type is R. It
/// takes its message by value. While it waits the actor handles no other message; signals (a stop, a watch, a child's
/// exit) it does handle. Also any other function that such a handler awaits: then it runs as a part of it.
///
/// Threads    the actor's turn, all of it.
/// Ownership  the coroutine's frame is the actor's: a stop, a restart or a kill unwinds it before the state is destroyed.
///            Its memory comes from the pool of blocks up to 512 bytes.
/// Failure    what it throws is the actor's crash, or its awaiter's exception.
///
/// [H2] The message counts as handled when the handler has run to its end, else it is a dead letter, once.
/// [H3] Nothing of it runs after its life, but the destructors in its frame.
template <class R>
class [[nodiscard]] Task : public detail::TaskBase<R> {
 public:
  using promise_type = detail::PromiseOf<Task, R>;

 private:
  friend promise_type;
  using detail::TaskBase<R>::TaskBase;
};

/// As Task, but the actor handles other messages while it waits: its state may be another after each co_await. Replies
/// then come in whatever order the handlers end.
template <class R>
class [[nodiscard]] ReentrantTask : public detail::TaskBase<R> {
 public:
  using promise_type = detail::PromiseOf<ReentrantTask, R>;

 private:
  friend promise_type;
  using detail::TaskBase<R>::TaskBase;
};

}  // namespace coppice
