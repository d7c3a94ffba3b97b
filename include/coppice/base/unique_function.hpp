#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "coppice/base/config.hpp"

namespace coppice {

template <class Signature>
class UniqueFunction;

/// A callable that may be move-only; up to 48 bytes are kept inside, larger ones on the heap.
///
/// Threads    as the callable's.
/// Failure    calling an empty one aborts with a message.
template <class R, class... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() noexcept = default;
  UniqueFunction(std::nullptr_t) noexcept {}

  template <class F>
    requires(!std::is_same_v<std::decay_t<F>, UniqueFunction> && std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
  UniqueFunction(F&& f) {
    using Callable = std::decay_t<F>;
    if constexpr (kFits<Callable>) {
      std::construct_at(reinterpret_cast<Callable*>(storage_), std::forward<F>(f));
      ops_ = &kInline<Callable>;
    } else {
      std::construct_at(reinterpret_cast<Callable**>(storage_), new Callable(std::forward<F>(f)));
      ops_ = &kHeap<Callable>;
    }
  }
  UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  UniqueFunction(const UniqueFunction&) = delete;
  UniqueFunction& operator=(const UniqueFunction&) = delete;
  ~UniqueFunction() { reset(); }

  R operator()(Args... args) {  // NOLINT(performance-unnecessary-value-param): they are moved on as they come
    COPPICE_VERIFY(ops_ != nullptr, "call of an empty UniqueFunction");
    return ops_->call(storage_, std::forward<Args>(args)...);
  }
  explicit operator bool() const noexcept { return ops_ != nullptr; }

 private:
  struct Ops {
    R (*call)(void*, Args&&...);
    void (*move)(void* from, void* to) noexcept;  // leaves nothing at `from`
    void (*destroy)(void*) noexcept;
  };
  template <class F>
  static constexpr bool kFits =
      sizeof(F) <= 48 && alignof(F) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<F>;

  template <class F>
  static constexpr Ops kInline{
      [](void* p, Args&&... args) -> R { return (*static_cast<F*>(p))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept {
        std::construct_at(static_cast<F*>(to), std::move(*static_cast<F*>(from)));
        std::destroy_at(static_cast<F*>(from));
      },
      [](void* p) noexcept { std::destroy_at(static_cast<F*>(p)); }};
  template <class F>
  static constexpr Ops kHeap{
      [](void* p, Args&&... args) -> R { return (**static_cast<F**>(p))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept { std::construct_at(static_cast<F**>(to), *static_cast<F**>(from)); },
      [](void* p) noexcept { delete *static_cast<F**>(p); }};

  void take(UniqueFunction& other) noexcept {
    if (other.ops_ == nullptr) return;
    ops_ = std::exchange(other.ops_, nullptr);
    ops_->move(other.storage_, storage_);
  }
  void reset() noexcept {
    if (const Ops* ops = std::exchange(ops_, nullptr)) ops->destroy(storage_);
  }

  const Ops* ops_ = nullptr;
  alignas(std::max_align_t) std::byte storage_[48];
};

}  // namespace coppice
