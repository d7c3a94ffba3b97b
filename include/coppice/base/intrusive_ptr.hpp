#pragma once

#include <cstdint>
#include <utility>

#include "coppice/base/atomic.hpp"

namespace coppice::detail {

/// Owns one count of an object that counts itself: T has add_ref() and release(), both noexcept.
///
/// Threads    as a plain pointer; the counts themselves are thread-safe.
template <class T>
class IntrusivePtr {
 public:
  IntrusivePtr() noexcept = default;
  /// Takes over a count that the caller owns.
  [[nodiscard]] static IntrusivePtr adopt(T* object) noexcept {
    IntrusivePtr p;
    p.object_ = object;
    return p;
  }
  /// Adds a count of an object that is there. (Where share() tests for null, GCC 12 warns of the null that cannot be.)
  [[nodiscard]] static IntrusivePtr of(T& object) noexcept {
    object.add_ref();
    return adopt(&object);
  }
  /// Adds a count, if there is an object.
  [[nodiscard]] static IntrusivePtr share(T* object) noexcept {
    if (object != nullptr) object->add_ref();
    return adopt(object);
  }
  IntrusivePtr(const IntrusivePtr& other) noexcept : object_{other.object_} {
    if (object_ != nullptr) object_->add_ref();
  }
  IntrusivePtr(IntrusivePtr&& other) noexcept : object_{other.object_} { other.object_ = nullptr; }
  IntrusivePtr& operator=(IntrusivePtr other) noexcept {
    T* const mine = object_;
    object_ = other.object_;
    other.object_ = mine;
    return *this;
  }
  ~IntrusivePtr() {
    if (object_ != nullptr) object_->release();
  }

  [[nodiscard]] T* get() const noexcept { return object_; }
  [[nodiscard]] T* detach() noexcept {
    T* const mine = object_;
    object_ = nullptr;
    return mine;
  }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  friend bool operator==(const IntrusivePtr&, const IntrusivePtr&) noexcept = default;

 private:
  T* object_ = nullptr;
};

/// The count itself: starts at one, which its maker adopts.
///
/// Threads    any.
class RefCount {
 public:
  explicit RefCount(std::uint32_t initial = 1) noexcept : count_{initial} {}
  // relaxed: whoever adds holds a count already, so the object cannot go away meanwhile.
  void add() noexcept { count_.fetch_add(1, kRelaxed); }
  /// True for the caller that took the last one and must destroy. acq_rel: all others' last uses happen before the
  /// destruction.
  [[nodiscard]] bool drop(std::uint32_t n = 1) noexcept { return count_.fetch_sub(n, kAcqRel) == n; }
  /// Adds `n` while nobody but the caller knows the object.
  void add_unshared(std::uint32_t n) noexcept { count_.store(count_.load(kRelaxed) + n, kRelaxed); }
  [[nodiscard]] std::uint32_t value() const noexcept { return count_.load(kRelaxed); }
  /// Nobody but the caller holds a count. acquire: all others' last uses have happened before.
  [[nodiscard]] bool is_last() const noexcept { return count_.load(kAcquire) == 1; }

 private:
  Atomic<std::uint32_t> count_;
};

/// For cold objects whose type only their maker knows.
class Counted {
 public:
  Counted() noexcept = default;
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  virtual ~Counted() = default;
  void add_ref() noexcept { refs_.add(); }
  void release() noexcept {
    if (refs_.drop()) delete this;
  }
  [[nodiscard]] bool is_last_count() const noexcept { return refs_.is_last(); }

 private:
  RefCount refs_;
};

}  // namespace coppice::detail
