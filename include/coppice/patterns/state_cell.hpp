#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "coppice/base/atomic.hpp"
#include "coppice/base/config.hpp"
#include "coppice/base/intrusive_ptr.hpp"

namespace coppice {

/// A value of a StateCell and when it was set: the how-many-th it was, from 1. Stays as it is whatever the cell does.
template <class T>
class StateSnapshot;

namespace detail {

/// Lets one writer in at a time. Who meets another yields its processor; the holder runs no user code.
class WriterGate {
 public:
  void lock() noexcept;
  void unlock() noexcept { taken_.store(false, kRelease); }  // partner: lock()

 private:
  Atomic<bool> taken_{false};
};

/// The latest of values that are plain bytes. Each goes into the next of four slots; whoever reads takes the slot that
/// was finished last, and starts again only if writers came all the way round meanwhile.
///
/// Why a value is never torn, without fences: a writer marks the slot as being written, then stores its words
/// (release), then its number (release), then the number of the latest (release). A reader loads the latest, finds its
/// number at the slot, loads the words (acquire), then looks at the slot's number again. If one of the words was of a
/// later writer, that load is the partner of the word's store, before which the slot was marked: the second look finds
/// it.
///
/// [X1] A reader starts again only if at least four values were set while it read: somebody gets on.
template <class T>
class WordSlots {
 public:
  explicit WordSlots(const T& first) noexcept { write(1, first); }

  std::uint64_t set(const T& value) noexcept {
    gate_.lock();
    const std::uint64_t number = latest_.load(kRelaxed) + 1;  // nobody else writes it now
    write(number, value);
    gate_.unlock();
    return number;
  }
  [[nodiscard]] std::pair<std::uint64_t, T> get() const noexcept {
    for (;;) {
      const std::uint64_t number = latest_.load(kAcquire);  // partner: the last line of write()
      const Slot& slot = slots_[number % kSlots];
      if (slot.number.load(kAcquire) != number) continue;
      Words words;
      for (std::size_t i = 0; i < kWords; ++i) words[i] = slot.words[i].load(kAcquire);  // partner: write()
      // relaxed: the loads before it are acquire, so it cannot come before one of them.
      if (slot.number.load(kRelaxed) == number) return {number, from(words)};
    }
  }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return latest_.load(kAcquire); }

 private:
  static constexpr std::size_t kSlots = 4;
  static constexpr std::size_t kWords = (sizeof(T) + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
  using Words = std::array<std::uint64_t, kWords>;
  struct Padded {
    alignas(T) std::array<std::byte, sizeof(T)> bytes;
  };
  struct alignas(kCacheLine) Slot {
    Atomic<std::uint64_t> number{0};  // 0: being written
    Atomic<std::uint64_t> words[kWords]{};
  };

  void write(std::uint64_t number, const T& value) noexcept {
    Slot& slot = slots_[number % kSlots];
    slot.number.store(0, kRelaxed);  // before the words: their stores are release
    const Words words = to(value);
    for (std::size_t i = 0; i < kWords; ++i) slot.words[i].store(words[i], kRelease);  // partner: get()
    slot.number.store(number, kRelease);
    latest_.store(number, kRelease);
  }
  [[nodiscard]] static Words to(const T& value) noexcept {
    Words words{};
    __builtin_memcpy(words.data(), std::addressof(value), sizeof(T));
    return words;
  }
  [[nodiscard]] static T from(const Words& words) noexcept {
    Padded raw;
    __builtin_memcpy(raw.bytes.data(), words.data(), sizeof(T));
    return std::bit_cast<T>(raw.bytes);
  }

  Slot slots_[kSlots];
  alignas(kCacheLine) Atomic<std::uint64_t> latest_{0};
  WriterGate gate_;
};

/// The latest of values that are any objects: each is made once, and counted by whoever looks at it.
class SharedSlot {
 public:
  explicit SharedSlot(IntrusivePtr<Counted> first) noexcept : value_{std::move(first)} {}
  std::uint64_t set(IntrusivePtr<Counted> value) noexcept;
  [[nodiscard]] std::pair<std::uint64_t, IntrusivePtr<Counted>> get() const noexcept;
  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_.load(kAcquire); }

 private:
  mutable WriterGate gate_;
  IntrusivePtr<Counted> value_;
  Atomic<std::uint64_t> sequence_{1};
};

template <class T>
struct SharedValue final : Counted {
  template <class... Args>
  explicit SharedValue(Args&&... args) : value(std::forward<Args>(args)...) {}
  const T value;
};

/// Larger ones would be copied through the stack, and are better shared.
template <class T>
inline constexpr bool kIsPlainBytes = std::is_trivially_copyable_v<T> && sizeof(T) <= 1'024;

}  // namespace detail

template <class T>
class StateSnapshot {
 public:
  [[nodiscard]] const T& value() const noexcept {
    if constexpr (detail::kIsPlainBytes<T>) {
      return kept_;
    } else {
      return static_cast<const detail::SharedValue<T>&>(*kept_).value;
    }
  }
  [[nodiscard]] const T& operator*() const noexcept { return value(); }
  [[nodiscard]] const T* operator->() const noexcept { return std::addressof(value()); }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }

 private:
  template <class U>
  friend class StateCell;
  using Kept = std::conditional_t<detail::kIsPlainBytes<T>, T, detail::IntrusivePtr<detail::Counted>>;
  StateSnapshot(std::uint64_t sequence, Kept kept) : sequence_{sequence}, kept_(std::move(kept)) {}
  std::uint64_t sequence_;
  Kept kept_;
};

/// The latest value of something, for whoever wants to look: not every value, as messages are, but always a whole one.
/// `StateCell<Prices> prices{…};` one actor sets it, everybody peeks.
///
/// Costs. A T that is plain bytes (trivially copyable, up to a kilobyte): a look copies it and writes nothing, so that
/// any number of threads may look; memory for four of them. Any other T: a look counts a shared value, under a lock of
/// some instructions; a set allocates.
///
/// Threads    any, for all of it; many may set, and wait for each other for as long as a copy takes. Readers of plain
///            bytes wait for nobody (lock-free, [X1]).
/// Ownership  the cell must outlive its users; snapshots may outlive it.
/// Order      [X2] Sequence numbers are 1 for the value it was made with and grow by one with each set(); no thread
///            sees one go back. What happened before a set() happened before a look that finds it.
/// Failure    set() throws what making the value throws, and std::bad_alloc where it allocates; the value stays then.
template <class T>
class StateCell {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>);

 public:
  StateCell()
    requires std::is_default_constructible_v<T>
      : StateCell{T{}} {}
  explicit StateCell(T first) : slot_{make(std::move(first))} {}
  StateCell(const StateCell&) = delete;
  StateCell& operator=(const StateCell&) = delete;

  /// Its sequence number.
  std::uint64_t set(T value) { return slot_.set(make(std::move(value))); }
  [[nodiscard]] StateSnapshot<T> peek() const {
    auto [sequence, kept] = slot_.get();
    return StateSnapshot<T>{sequence, std::move(kept)};
  }
  /// The latest value if it is another than the one with that number; nothing if it is that one. 0: there always is.
  [[nodiscard]] std::optional<StateSnapshot<T>> changed_since(std::uint64_t sequence) const {
    if (slot_.sequence() == sequence) return std::nullopt;
    return peek();
  }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return slot_.sequence(); }

 private:
  [[nodiscard]] static auto make(T&& value) {
    if constexpr (detail::kIsPlainBytes<T>) {
      return T(std::move(value));
    } else {
      return detail::IntrusivePtr<detail::Counted>::adopt(new detail::SharedValue<T>(std::move(value)));
    }
  }
  std::conditional_t<detail::kIsPlainBytes<T>, detail::WordSlots<T>, detail::SharedSlot> slot_;
};

}  // namespace coppice
