#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "coppice/base/intrusive_ptr.hpp"
#include "coppice/base/result.hpp"
#include "coppice/system/system_options.hpp"

namespace coppice {

namespace detail {

class Cell;
struct RouteMember;
struct RouteTable;
class RouterCore;

/// Who has refused the message in hand, the last few of them: asked again only when all others have no room either.
class Refusals {
 public:
  void add(std::uint32_t member) noexcept { members_[count_++ % kKept] = member; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] bool has(std::uint32_t member) const noexcept {
    for (std::size_t i = 0; i < count_ && i < kKept; ++i)
      if (members_[i] == member) return true;
    return false;
  }

 private:
  static constexpr std::size_t kKept = 8;
  std::size_t count_ = 0;
  std::uint32_t members_[kKept] = {};
};

/// Spreads bytes over 64 bits, the same on every machine and in every run. Source: FNV-1a, finished by SplitMix64.
[[nodiscard]] std::uint64_t stable_hash(std::string_view bytes) noexcept;
[[nodiscard]] std::uint64_t stable_hash(std::uint64_t number) noexcept;
[[nodiscard]] Result<void, OptionError> check_virtual_nodes(std::uint32_t nodes);

}  // namespace detail

/// The members that one message may go to, as they were a moment ago, in the order in which they joined. There is at
/// least one.
class Candidates {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return many_.empty() ? count_ : many_.size(); }
  /// Messages that this router has sent to it and that have neither been handled nor become dead letters.
  [[nodiscard]] std::uint64_t load(std::size_t candidate) const noexcept;
  /// Of the message, as the strategy's key() said; 0 if it has none.
  [[nodiscard]] std::uint64_t key() const noexcept { return key_; }
  /// The router's next number, from 0: one for each message that asks.
  [[nodiscard]] std::uint64_t turn() const noexcept;
  /// Uniform, from the system's seeded source.
  [[nodiscard]] std::uint64_t random() const noexcept;
  /// Whose the key is: of the candidates the first one on the ring from there on.
  [[nodiscard]] std::size_t owner() const noexcept;

 private:
  friend class detail::RouterCore;
  static constexpr std::size_t kFew = 32;
  /// There may be none here, when `never` is the only member.
  Candidates(detail::RouterCore& core, const detail::RouteTable& table, std::uint64_t key,
             const detail::Refusals& refusals, const detail::Cell* never) noexcept;
  [[nodiscard]] std::uint32_t member(std::size_t candidate) const noexcept {
    return many_.empty() ? few_[candidate] : many_[candidate];
  }
  void add(std::uint32_t member) noexcept;

  detail::RouterCore& core_;
  const detail::RouteTable& table_;
  std::uint64_t key_;
  unsigned tier_;
  std::size_t count_ = 0;
  std::uint32_t few_[kFew];
  std::vector<std::uint32_t> many_;  // all of them, when they are more than few
};

/// Which of the candidates gets a message: a type with a function that answers an index below size(). Besides:
/// `static constexpr bool kCountsLoad = true` for whoever looks at load(); `std::uint64_t key(const M&) const`, which
/// may throw, for whoever looks at key(); `std::uint32_t virtual_nodes` for whoever looks at owner().
template <class S>
concept RoutingStrategy = std::move_constructible<S> && requires(const S& strategy, const Candidates& candidates) {
  { strategy.choose(candidates) } noexcept -> std::same_as<std::size_t>;
};

/// One after the other, in turn.
struct RoundRobin {
  [[nodiscard]] std::size_t choose(const Candidates& among) const noexcept {
    return static_cast<std::size_t>(among.turn() % among.size());
  }
};

/// Any of them, drawn from the system's seeded source.
struct Random {
  [[nodiscard]] std::size_t choose(const Candidates& among) const noexcept {
    return static_cast<std::size_t>(among.random() % among.size());
  }
};

/// The one that has the fewest of this router's messages to do; among equals in turn.
struct LeastLoaded {
  static constexpr bool kCountsLoad = true;
  [[nodiscard]] std::size_t choose(const Candidates& among) const noexcept;
};

/// Each key's messages to the same member, as long as it is there: `ConsistentHash{[](const Order& order) { return
/// order.customer; }}`. The key is a number, a text or an enumerator; the function takes each message that is sent.
///
/// [N1] Where a key goes depends on the paths of the members alone: not on who joined first, the machine or the run.
/// [N2] Who joins a router of n takes about 1/(n + 1) of the keys, and no other key moves. When one leaves or is down
///      its keys go to the others, and nobody else's key moves; they come back with it.
/// Source     Karger et al., Consistent Hashing and Random Trees.
template <class KeyOf>
struct ConsistentHash {
  KeyOf key_of{};
  std::uint32_t virtual_nodes = 128;  ///< of each member on the ring, more spread the keys more evenly; 1 to 10,000

  template <class M>
  [[nodiscard]] std::uint64_t key(const M& message) const {
    const auto& key = key_of(message);
    using Key = std::remove_cvref_t<decltype(key)>;
    if constexpr (std::is_integral_v<Key> || std::is_enum_v<Key>) {
      return detail::stable_hash(static_cast<std::uint64_t>(key));
    } else {
      return detail::stable_hash(std::string_view{key});
    }
  }
  [[nodiscard]] std::size_t choose(const Candidates& among) const noexcept { return among.owner(); }
};
template <class KeyOf>
ConsistentHash(KeyOf) -> ConsistentHash<KeyOf>;
template <class KeyOf>
ConsistentHash(KeyOf, std::uint32_t) -> ConsistentHash<KeyOf>;
/// What is out of its bounds, if anything: for options that come out of a file. What takes them aborts where this
/// answers an error.
template <class KeyOf>
[[nodiscard]] Result<void, OptionError> check(const ConsistentHash<KeyOf>& strategy) {
  return detail::check_virtual_nodes(strategy.virtual_nodes);
}

/// All of them, those that are down included: each gets a copy, which waits for its next life if it must; those without
/// room come last. Not a choice, so Router sees to it itself; it cannot ask.
struct Broadcast {};

}  // namespace coppice
