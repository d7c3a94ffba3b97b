#pragma once

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "coppice/base/config.hpp"

namespace coppice {

/// Wraps an error on its way into a Result: `return Error{AskError::Timeout};`
template <class E>
struct Error {
  E value;
};
template <class E>
Error(E) -> Error<E>;

/// A value, or the reason why there is none. Ours rather than std::expected, whose presence depends on the user's -std
/// flag while this library is compiled once.
///
/// Threads    as the value's.
/// Failure    value() of an error and error() of a value abort with a message in every build: read has_value() first.
template <class T, class E>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  using error_type = E;

  Result(T value) noexcept(std::is_nothrow_move_constructible_v<T>) : value_(static_cast<T&&>(value)), ok_{true} {}
  Result(Error<E> error) noexcept(std::is_nothrow_move_constructible_v<E>)
      : error_(static_cast<E&&>(error.value)), ok_{false} {}
  Result(Result&& other) noexcept(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_constructible_v<E>)
      : ok_{other.ok_} {
    if (ok_) {
      ::new (static_cast<void*>(std::addressof(value_))) T(static_cast<T&&>(other.value_));
    } else {
      ::new (static_cast<void*>(std::addressof(error_))) E(static_cast<E&&>(other.error_));
    }
  }
  Result(const Result& other)
    requires(std::is_copy_constructible_v<T> && std::is_copy_constructible_v<E>)
      : ok_{other.ok_} {
    if (ok_) {
      ::new (static_cast<void*>(std::addressof(value_))) T(other.value_);
    } else {
      ::new (static_cast<void*>(std::addressof(error_))) E(other.error_);
    }
  }
  Result& operator=(Result other) noexcept(std::is_nothrow_move_constructible_v<T> &&
                                           std::is_nothrow_move_constructible_v<E>) {
    this->~Result();
    ::new (static_cast<void*>(this)) Result(static_cast<Result&&>(other));
    return *this;
  }
  ~Result() {
    if (ok_) {
      value_.~T();
    } else {
      error_.~E();
    }
  }

  [[nodiscard]] bool has_value() const noexcept { return ok_; }
  explicit operator bool() const noexcept { return ok_; }

  [[nodiscard]] T& value() & { return checked(), value_; }
  [[nodiscard]] const T& value() const& { return checked(), value_; }
  /// A value of its own: `for (auto& child : root.which_children().value())` keeps what it walks over.
  [[nodiscard]] T value() && { return checked(), static_cast<T&&>(value_); }
  [[nodiscard]] T& operator*() & { return value(); }
  [[nodiscard]] const T& operator*() const& { return value(); }
  [[nodiscard]] T operator*() && { return checked(), static_cast<T&&>(value_); }
  [[nodiscard]] T* operator->() { return std::addressof(value()); }
  [[nodiscard]] const T* operator->() const { return std::addressof(value()); }
  template <class U>
  [[nodiscard]] T value_or(U&& fallback) && {
    return ok_ ? std::move(value_) : static_cast<T>(std::forward<U>(fallback));
  }
  template <class U>
  [[nodiscard]] T value_or(U&& fallback) const& {
    return ok_ ? value_ : static_cast<T>(std::forward<U>(fallback));
  }

  [[nodiscard]] const E& error() const {
    COPPICE_VERIFY(!ok_, "error() of a Result that holds a value");
    return error_;
  }

  friend bool operator==(const Result& a, const Result& b)
    requires requires(const T& t, const E& e) { t == t, e == e; }
  {
    return a.ok_ == b.ok_ && (a.ok_ ? a.value_ == b.value_ : a.error_ == b.error_);
  }

 private:
  void checked() const {
    COPPICE_VERIFY(ok_, "value() of a Result that holds an error: look at has_value() or error() first");
  }

  union {
    T value_;
    E error_;
  };
  bool ok_;
};

/// Success without a value, or the reason why not.
template <class E>
class [[nodiscard]] Result<void, E> {
 public:
  using value_type = void;
  using error_type = E;

  Result() noexcept : error_{}, ok_{true} {}
  Result(Error<E> error) : error_{std::move(error.value)}, ok_{false} {}

  [[nodiscard]] bool has_value() const noexcept { return ok_; }
  explicit operator bool() const noexcept { return ok_; }
  void value() const {
    COPPICE_VERIFY(ok_, "value() of a Result that holds an error: look at has_value() or error() first");
  }
  [[nodiscard]] const E& error() const {
    COPPICE_VERIFY(!ok_, "error() of a Result that holds a value");
    return error_;
  }
  friend bool operator==(const Result& a, const Result& b)
    requires requires(const E& e) { e == e; }
  {
    return a.ok_ == b.ok_ && (a.ok_ || a.error_ == b.error_);
  }

 private:
  E error_;
  bool ok_;
};

}  // namespace coppice
