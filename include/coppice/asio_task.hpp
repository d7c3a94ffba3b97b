#pragma once

/// Asio operations in coroutine handlers. Comes with coppice/coroutine.hpp and coppice/asio.hpp where both are included.

#include <coroutine>
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
/// For operations that complete with an error code and perhaps values (several: a std::tuple). The operation starts at
/// once. When the handler is unwound, or what stands for the operation is dropped, it is cancelled through its
/// cancellation slot, and touches no buffer afterwards; what it completes with then reaches nobody.
///
/// The I/O object must still be there then: it is the actor's, or declared before the operation.
struct UseTask {};
inline constexpr UseTask use_task{};

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

/// One operation under way. Counted: by who awaits it, by its completion handler, by its wakeup.
template <class... Values>
struct Operation final : Wakeup, PoolAllocated {
  explicit Operation(Cell& c) noexcept : Wakeup{&Operation::drop_count, true}, cell{IntrusivePtr<Cell>::of(c)} {}
  void add_ref() noexcept { refs.add(); }
  void release() noexcept {
    if (refs.drop()) delete this;
  }
  static void drop_count(Wakeup& wakeup) noexcept { static_cast<Operation&>(wakeup).release(); }
  // The actor's turn, or nobody waits any more.
  void complete(const std::error_code& error, Values... v) {
    if (is_done) return;
    if (!error) values.emplace(std::move(v)...);
    end(error);
  }
  void end(const std::error_code& error) noexcept {
    if (std::exchange(is_done, true)) return;
    ec = error;
    if (run == nullptr) return;
    add_ref();
    cell->wake(*this);
  }

  IntrusivePtr<Cell> cell;
  asio::cancellation_signal cancellation;
  bool is_done = false;
  std::error_code ec;
  std::optional<std::tuple<Values...>> values;
  RefCount refs;
};

template <class... Values>
class OperationHandler {
 public:
  using executor_type = LaneExecutor;
  using cancellation_slot_type = asio::cancellation_slot;

  OperationHandler(IntrusivePtr<Operation<Values...>> operation, const LaneExecutor& executor) noexcept
      : operation_{std::move(operation)}, executor_{executor} {}
  OperationHandler(OperationHandler&&) noexcept = default;
  OperationHandler& operator=(OperationHandler&&) = delete;
  /// One that is never called: a step could not be taken. Else nobody listens any more.
  ~OperationHandler() {
    if (operation_ && this_thread.cell == operation_->cell.get()) operation_->end(asio::error::operation_aborted);
  }
  void operator()(const std::error_code& error, Values... values) { operation_->complete(error, std::move(values)...); }
  [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }
  [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept {
    return operation_->cancellation.slot();
  }

 private:
  IntrusivePtr<Operation<Values...>> operation_;
  LaneExecutor executor_;
};

}  // namespace detail

/// What an asynchronous operation with the token use_task returns. Awaited once.
template <class... Values>
class [[nodiscard]] OperationAwaitable : public detail::Awaitable {
 public:
  using Operation = detail::Operation<Values...>;
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
  [[nodiscard]] auto await_resume() {
    if constexpr (sizeof...(Values) == 0) {
      using Outcome = Result<void, std::error_code>;
      return operation_->ec ? Outcome{Error{operation_->ec}} : Outcome{};
    } else if constexpr (sizeof...(Values) == 1) {
      using Outcome = Result<std::tuple_element_t<0, std::tuple<Values...>>, std::error_code>;
      if (operation_->ec) return Outcome{Error{operation_->ec}};
      return Outcome{std::get<0>(std::move(*operation_->values))};
    } else {
      using Outcome = Result<std::tuple<Values...>, std::error_code>;
      if (operation_->ec) return Outcome{Error{operation_->ec}};
      return Outcome{std::move(*operation_->values)};
    }
  }

 private:
  detail::IntrusivePtr<Operation> operation_;
};

}  // namespace coppice

template <class... Values>
class asio::async_result<coppice::UseTask, void(std::error_code, Values...)> {
 public:
  template <class Initiation, class... Args>
  static auto initiate(Initiation&& initiation, coppice::UseTask, Args&&... args) {
    using coppice::detail::this_thread;
    COPPICE_VERIFY(this_thread.cell != nullptr, "use_task is for the actor's own turn");
    using Operation = coppice::detail::Operation<std::decay_t<Values>...>;
    auto operation = coppice::detail::IntrusivePtr<Operation>::adopt(new Operation{*this_thread.cell});
    std::forward<Initiation>(initiation)(
        coppice::detail::OperationHandler<std::decay_t<Values>...>{operation,
                                                                   coppice::detail::LaneExecutor{*this_thread.cell}},
        std::forward<Args>(args)...);
    return coppice::OperationAwaitable<std::decay_t<Values>...>{std::move(operation)};
  }
};
