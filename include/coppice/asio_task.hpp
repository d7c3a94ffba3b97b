#pragma once

/// Asio operations in coroutine handlers. Comes with coppice/coroutine.hpp and coppice/asio.hpp where both are included.

#include <coroutine>
#include <exception>
#include <optional>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include "coppice/asio.hpp"
#include "coppice/coroutine.hpp"
// After them: asio.hpp sets Asio's switches.
#include <asio/async_result.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>

namespace coppice {

/// The completion token: `Result<std::size_t, std::error_code> read = co_await socket.async_read_some(buffer, use_task);`.
/// For any operation of Asio's: what it completes with, none, one or (as a std::tuple) several values, is the Result's;
/// a std::error_code in front of them its error. An exception_ptr in front is thrown where the operation is awaited.
/// The operation starts at once. When the handler is unwound, or what stands for the operation is dropped, it is
/// cancelled through its cancellation slot, and touches no buffer afterwards; what it completes with then reaches nobody.
///
/// The I/O object must still be there then: it is the actor's, or declared before the operation.
struct UseTask {};
inline constexpr UseTask use_task{};

/// As use_task, but the error stands beside the values: `const auto [error, bytes] = co_await asio::async_read(socket,
/// buffer, use_task_tuple);`. For operations that have come some way when they fail. The values can be default-made.
struct UseTaskTuple {};
inline constexpr UseTaskTuple use_task_tuple{};

/// As use_task, but answers the value, and throws its error as a std::system_error: the actor's crash, where nobody
/// catches it.
struct UseTaskThrowing {};
inline constexpr UseTaskThrowing use_task_throwing{};

namespace detail {

/// A function in the system lane, which a suspended handler does not hold up. Belongs to one life.
template <class F>
struct LaneClosure final : Wakeup, PoolAllocated {
  LaneClosure(F&& f, Cell& c, std::uint32_t life)
      : Wakeup{&LaneClosure::drop, false}, function(std::move(f)), cell{&c}, incarnation{life} {
    is_enough = &LaneClosure::call;
  }
  static void drop(Wakeup& wakeup) noexcept { delete static_cast<LaneClosure*>(&wakeup); }
  static bool call(Wakeup& wakeup, CellLife&) noexcept {
    auto& self = static_cast<LaneClosure&>(wakeup);
    if (self.cell->incarnation() != self.incarnation || self.cell->is_held(kHeldByLife)) return false;
    try {
      std::move(self.function)();
    } catch (...) {  // an operation of several steps could not take the next: it ends as one that is dropped
    }
    return false;
  }
  F function;
  Cell* cell;  // whose lane it is in
  std::uint32_t incarnation;
};

/// Runs the steps and completions of operations on the actor's turn, though its handler is suspended.
class LaneExecutor {
 public:
  explicit LaneExecutor(Cell& cell) noexcept : cell_{IntrusivePtr<Cell>::of(cell)}, incarnation_{cell.incarnation()} {}

  template <class F>
  void execute(F&& f) const {
    using Function = std::decay_t<F>;
    cell_->wake(*new LaneClosure<Function>{Function(std::forward<F>(f)), *cell_, incarnation_});
  }
  [[nodiscard]] asio::execution_context& query(asio::execution::context_t) const {
    return io_context_of(*cell_->runtime());
  }
  [[nodiscard]] static asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking_t{asio::execution::blocking.never};
  }
  [[nodiscard]] LaneExecutor require(asio::execution::blocking_t::never_t) const noexcept { return *this; }
  friend bool operator==(const LaneExecutor& a, const LaneExecutor& b) noexcept {
    return a.cell_ == b.cell_ && a.incarnation_ == b.incarnation_;
  }
  friend bool operator!=(const LaneExecutor& a, const LaneExecutor& b) noexcept { return !(a == b); }

 private:
  IntrusivePtr<Cell> cell_;
  std::uint32_t incarnation_;
};
static_assert(asio::execution::is_executor<LaneExecutor>::value);

/// How an operation says that it failed: by its first argument (a std::error_code or std::exception_ptr), or not at all.
struct CannotFail {};

/// One operation under way. Counted: by who awaits it, by its completion handler, by its wakeup.
template <class Failure, class... Values>
struct Operation final : Wakeup, PoolAllocated {
  explicit Operation(Cell& c) noexcept : Wakeup{&Operation::drop_count, true}, cell{IntrusivePtr<Cell>::of(c)} {}
  void add_ref() noexcept { refs.add(); }
  void release() noexcept {
    if (refs.drop()) delete this;
  }
  static void drop_count(Wakeup& wakeup) noexcept { static_cast<Operation&>(wakeup).release(); }
  // The actor's turn, or nobody waits any more.
  void complete(Failure f, Values... v) {
    if (is_done) return;
    values.emplace(std::move(v)...);
    failure = std::move(f);
    end();
  }
  /// It ends without having completed.
  void abort() noexcept {
    if (is_done) return;
    is_aborted = true;
    end();
  }
  void end() noexcept {
    is_done = true;
    if (run == nullptr) return;
    add_ref();
    cell->wake(*this);
  }
  /// Its error, if it has one. Throws what the operation threw.
  [[nodiscard]] std::error_code take_error() {
    if (is_aborted) return asio::error::operation_aborted;
    if constexpr (std::is_same_v<Failure, std::error_code>) return failure;
    if constexpr (std::is_same_v<Failure, std::exception_ptr>) {
      if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    }
    return {};
  }
  /// What it completed with: nothing, a value, or a tuple of them.
  [[nodiscard]] auto take_values() {
    if constexpr (sizeof...(Values) == 1) {
      return std::get<0>(std::move(*values));
    } else if constexpr (sizeof...(Values) > 1) {
      return std::move(*values);
    }
  }

  IntrusivePtr<Cell> cell;
  asio::cancellation_signal cancellation;
  bool is_done = false;
  bool is_aborted = false;
  Failure failure{};
  std::optional<std::tuple<Values...>> values;
  RefCount refs;
};

template <class Failure, class... Values>
class OperationHandler {
 public:
  using executor_type = LaneExecutor;
  using cancellation_slot_type = asio::cancellation_slot;
  using Started = Operation<Failure, Values...>;

  OperationHandler(IntrusivePtr<Started> operation, const LaneExecutor& executor) noexcept
      : operation_{std::move(operation)}, executor_{executor} {}
  OperationHandler(OperationHandler&&) noexcept = default;
  OperationHandler& operator=(OperationHandler&&) = delete;
  /// One that is never called: a step could not be taken. Else nobody listens any more.
  ~OperationHandler() {
    if (operation_ && this_thread.cell == operation_->cell.get()) operation_->abort();
  }
  template <class F = Failure>
    requires(!std::is_same_v<F, CannotFail>)
  void operator()(Failure failure, Values... values) {
    operation_->complete(std::move(failure), std::move(values)...);
  }
  template <class F = Failure>
    requires(std::is_same_v<F, CannotFail>)
  void operator()(Values... values) {
    operation_->complete(CannotFail{}, std::move(values)...);
  }
  [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }
  [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept {
    return operation_->cancellation.slot();
  }

 private:
  IntrusivePtr<Started> operation_;
  LaneExecutor executor_;
};

/// What the tokens make of an operation that has ended.
template <class Token>
struct OutcomeOf;
template <>
struct OutcomeOf<UseTask> {
  template <class Failure, class... Values>
  [[nodiscard]] static auto take(Operation<Failure, Values...>& operation) {
    using Answer = Result<decltype(operation.take_values()), std::error_code>;
    if (const std::error_code error = operation.take_error()) return Answer{Error{error}};
    if constexpr (sizeof...(Values) == 0) {
      return Answer{};
    } else {
      return Answer{operation.take_values()};
    }
  }
};
template <>
struct OutcomeOf<UseTaskTuple> {
  template <class Failure, class... Values>
  [[nodiscard]] static std::tuple<std::error_code, Values...> take(Operation<Failure, Values...>& operation) {
    const std::error_code error = operation.take_error();
    if (!operation.values) operation.values.emplace();
    return std::tuple_cat(std::tuple{error}, std::move(*operation.values));
  }
};
template <>
struct OutcomeOf<UseTaskThrowing> {
  template <class Failure, class... Values>
  [[nodiscard]] static auto take(Operation<Failure, Values...>& operation) {
    if (const std::error_code error = operation.take_error()) throw std::system_error{error};
    return operation.take_values();
  }
};

}  // namespace detail

/// What an asynchronous operation with one of these tokens returns. Awaited once.
template <class Token, class Failure, class... Values>
class [[nodiscard]] OperationAwaitable : public detail::Awaitable {
 public:
  using Operation = detail::Operation<Failure, Values...>;
  explicit OperationAwaitable(detail::IntrusivePtr<Operation> operation) noexcept : operation_{std::move(operation)} {}
  OperationAwaitable(OperationAwaitable&&) noexcept = default;
  OperationAwaitable& operator=(OperationAwaitable&&) = delete;
  ~OperationAwaitable() {
    if (!operation_) return;
    operation_->run = nullptr;
    if (!std::exchange(operation_->is_done, true)) operation_->cancellation.emit(asio::cancellation_type::all);
  }
  [[nodiscard]] bool await_ready() const noexcept { return operation_->is_done; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> handle) noexcept {
    operation_->run = handle.promise().run;
  }
  [[nodiscard]] auto await_resume() { return detail::OutcomeOf<Token>::take(*operation_); }

 private:
  detail::IntrusivePtr<Operation> operation_;
};

namespace detail {

template <class Token, class Failure, class... Values>
struct StartsOperation {
  template <class Initiation, class... Args>
  static auto initiate(Initiation&& initiation, Token, Args&&... args) {
    COPPICE_VERIFY(this_thread.cell != nullptr, "use_task is for the actor's own turn");
    using Started = Operation<Failure, Values...>;
    auto operation = IntrusivePtr<Started>::adopt(new Started{*this_thread.cell});
    std::forward<Initiation>(initiation)(
        OperationHandler<Failure, Values...>{operation, LaneExecutor{*this_thread.cell}}, std::forward<Args>(args)...);
    return OperationAwaitable<Token, Failure, Values...>{std::move(operation)};
  }
};

template <class Token, class Signature>
struct StartsWith;
template <class Token, class... Values>
struct StartsWith<Token, void(Values...)> : StartsOperation<Token, CannotFail, std::decay_t<Values>...> {};
template <class Token, class... Values>
struct StartsWith<Token, void(std::error_code, Values...)>
    : StartsOperation<Token, std::error_code, std::decay_t<Values>...> {};
template <class Token, class... Values>
struct StartsWith<Token, void(std::exception_ptr, Values...)>
    : StartsOperation<Token, std::exception_ptr, std::decay_t<Values>...> {};

}  // namespace detail
}  // namespace coppice

template <class Signature>
class asio::async_result<coppice::UseTask, Signature>
    : public coppice::detail::StartsWith<coppice::UseTask, Signature> {};
template <class Signature>
class asio::async_result<coppice::UseTaskTuple, Signature>
    : public coppice::detail::StartsWith<coppice::UseTaskTuple, Signature> {};
template <class Signature>
class asio::async_result<coppice::UseTaskThrowing, Signature>
    : public coppice::detail::StartsWith<coppice::UseTaskThrowing, Signature> {};
