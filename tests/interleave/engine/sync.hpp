#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

/// What stands in for std::atomic, std::mutex and std::thread where COPPICE_INTERLEAVE is defined: each operation first
/// lets the engine decide who goes on, and in weak mode what a load sees. Included by coppice/base/atomic.hpp, never
/// directly. Outside of a run everything is as plain as in one thread.
///
/// An Atomic<T> has the size of T, so that what counts bytes still counts right: what else is known of a location, the
/// engine keeps by its address, and decides nothing by it.
namespace coppice::interleave {

using Bits = std::uint64_t;

enum class Step : unsigned char {
  Begin,
  Load,
  Store,
  Change,
  Fence,
  HeavyFence,
  Lock,
  Unlock,
  Wait,
  Wake,
  Yield,
  Mark
};

/// A scheduling point: whoever is chosen goes on; returns when this fiber is.
void point(Step step, const void* where, std::memory_order order = std::memory_order_relaxed) noexcept;

/// What the operation then sees and leaves. `now` is what the location holds, the newest of its stores.
[[nodiscard]] Bits seen_by_load(const void* where, Bits now, std::memory_order order) noexcept;
/// False: the location goes on holding what it holds.
[[nodiscard]] bool note_store(const void* where, Bits now, Bits value, std::memory_order order) noexcept;
void note_change(const void* where, Bits now, Bits value, std::memory_order order) noexcept;
struct Exchange {
  bool done;
  Bits seen;
};
[[nodiscard]] Exchange try_exchange(const void* where, Bits now, Bits expected, Bits value, bool may_fail,
                                    std::memory_order success, std::memory_order failure) noexcept;
/// A new object stands there.
void forget(const void* where) noexcept;
void fence(std::memory_order order) noexcept;

// ---- what tools/weaken_orders.py weakens ----

/// The place that the environment names (COPPICE_WEAKEN=file:line:column=order) has a weaker order than it spells.
extern const bool is_weakened;  // NOLINT(readability-identifier-naming): one for the whole run, as a flag
[[nodiscard]] std::memory_order weakened(std::memory_order spelled, const std::source_location& where) noexcept;
[[nodiscard]] inline std::memory_order spelled(
    std::memory_order order, const std::source_location& where = std::source_location::current()) noexcept {
  return is_weakened ? weakened(order, where) : order;
}

// NOLINTBEGIN(bugprone-sizeof-expression, bugprone-multi-level-implicit-pointer-conversion): T may be a pointer
template <class T>
[[nodiscard]] Bits to_bits(const T& value) noexcept {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(Bits));
  Bits bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}
template <class T>
[[nodiscard]] T from_bits(Bits bits) noexcept {
  T value{};
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
// NOLINTEND(bugprone-sizeof-expression, bugprone-multi-level-implicit-pointer-conversion)

[[nodiscard]] constexpr std::memory_order load_half(std::memory_order order) noexcept {
  if (order == std::memory_order_acq_rel) return std::memory_order_acquire;
  return order == std::memory_order_release ? std::memory_order_relaxed : order;
}

template <class T>
class Atomic {
 public:
  constexpr Atomic() noexcept : Atomic{T{}} {}
  constexpr Atomic(T value) noexcept : value_{value} {
    if (!std::is_constant_evaluated()) forget(this);
  }
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  [[nodiscard]] T load(std::memory_order order = std::memory_order_seq_cst) const noexcept {
    point(Step::Load, this, order);
    return from_bits<T>(seen_by_load(this, to_bits(value_), order));
  }
  void store(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
    point(Step::Store, this, order);
    if (note_store(this, to_bits(value_), to_bits(value), order)) value_ = value;
  }
  T exchange(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return change([value](T) { return value; }, order);
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure) noexcept {
    return exchange_if(expected, value, true, success, failure);
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return exchange_if(expected, value, true, order, load_half(order));
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order success, std::memory_order failure) noexcept {
    return exchange_if(expected, value, false, success, failure);
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return exchange_if(expected, value, false, order, load_half(order));
  }
  T fetch_add(T n, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return change([n](T old) { return static_cast<T>(old + n); }, order);
  }
  T fetch_sub(T n, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return change([n](T old) { return static_cast<T>(old - n); }, order);
  }
  T fetch_and(T n, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return change([n](T old) { return static_cast<T>(old & n); }, order);
  }
  T fetch_or(T n, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return change([n](T old) { return static_cast<T>(old | n); }, order);
  }

  /// What the location holds, past all points and orders: for the engine and for checks at rest.
  [[nodiscard]] T peek() const noexcept { return value_; }

 private:
  template <class Next>
  T change(Next next, std::memory_order order) noexcept {
    point(Step::Change, this, order);
    const T old = value_;
    const T value = next(old);
    note_change(this, to_bits(old), to_bits(value), order);
    value_ = value;
    return old;
  }
  bool exchange_if(T& expected, T value, bool may_fail, std::memory_order success, std::memory_order failure) noexcept {
    point(Step::Change, this, success);
    const auto [done, seen] =
        try_exchange(this, to_bits(value_), to_bits(expected), to_bits(value), may_fail, success, failure);
    if (done) {
      value_ = value;
    } else {
      expected = from_bits<T>(seen);
    }
    return done;
  }

  T value_;
};

/// A lock of fibers.
class Mutex {
 public:
  Mutex() noexcept { forget(this); }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void lock() noexcept;
  bool try_lock() noexcept;
  void unlock() noexcept;

 private:
  bool taken_ = false;
};

/// A fiber, spelled as std::thread is.
class Thread {
 public:
  Thread() noexcept = default;
  template <class F>
    requires(!std::is_same_v<std::decay_t<F>, Thread>)
  explicit Thread(F&& body) {
    struct Held final : Body {
      explicit Held(F&& f) : call{std::forward<F>(f)} {}
      void run() override { call(); }
      std::decay_t<F> call;
    };
    id_ = start(std::make_unique<Held>(std::forward<F>(body)));
  }
  Thread(Thread&& other) noexcept : id_{std::exchange(other.id_, 0)} {}
  Thread& operator=(Thread&& other) noexcept {
    id_ = std::exchange(other.id_, 0);
    return *this;
  }
  [[nodiscard]] bool joinable() const noexcept { return id_ != 0; }
  void join() noexcept;
  void detach() noexcept { id_ = 0; }

  struct Body {
    virtual ~Body() = default;
    virtual void run() = 0;
  };

 private:
  [[nodiscard]] static unsigned start(std::unique_ptr<Body> body);
  unsigned id_ = 0;  // 0 is the fiber that starts all others
};

/// Lets others go first, if there are any.
void yield() noexcept;

/// Nanoseconds on the engine's clock.
[[nodiscard]] std::int64_t clock_now() noexcept;

}  // namespace coppice::interleave

namespace coppice::detail {

template <class T>
using Atomic = interleave::Atomic<T>;
inline void full_fence(const std::source_location& where = std::source_location::current()) noexcept {
  interleave::fence(interleave::spelled(std::memory_order_seq_cst, where));
}
/// Compilers reorder nothing here: what runs is already what a weak memory may do at its worst.
inline void compiler_fence() noexcept {}

// Macros, so that each place where an order is spelled is one that can be weakened alone.
#define COPPICE_INTERLEAVE_ORDER(name, order)                                                 \
  [[nodiscard]] inline std::memory_order name(const std::source_location& where =             \
                                                  std::source_location::current()) noexcept { \
    return interleave::spelled(std::memory_order_##order, where);                             \
  }
COPPICE_INTERLEAVE_ORDER(acquire_here, acquire)
COPPICE_INTERLEAVE_ORDER(release_here, release)
COPPICE_INTERLEAVE_ORDER(acq_rel_here, acq_rel)
COPPICE_INTERLEAVE_ORDER(seq_cst_here, seq_cst)
#undef COPPICE_INTERLEAVE_ORDER
// NOLINTBEGIN(readability-identifier-naming): spelled as the constants that they stand in for
#define kAcquire acquire_here()
#define kRelease release_here()
#define kAcqRel acq_rel_here()
#define kSeqCst seq_cst_here()
// NOLINTEND(readability-identifier-naming)

}  // namespace coppice::detail
