#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "orders.hpp"
#include "steps.hpp"

// What outlives a crash: the stand-in for databases. Each object belongs to one actor's place, is reached through a
// shared_ptr by the life that is on, and needs no lock, because the lives of a place never overlap. main looks at it
// when the system is down.

/// One step of one order, as a number: what makes a repetition known as one.
using StepKey = std::uint64_t;
[[nodiscard]] inline StepKey key_of(std::size_t order, Step step) {
  return static_cast<StepKey>(order) * 16 + static_cast<StepKey>(step);
}

/// The steps that a service has done or refused, and how they came out.
using Applied = std::unordered_map<StepKey, std::optional<Verdict>>;

struct Stock {
  std::map<std::string, std::int64_t> units;  ///< by item
  Applied applied;
};

struct Accounts {
  std::map<std::string, std::int64_t> cents;  ///< by customer
  std::int64_t taken = 0;                     ///< the shop's
  Applied applied;
};

struct Parcels {
  std::int64_t units = 0;  ///< shipped
  Applied applied;
};

/// Where each saga stands: written before anything is done about it.
struct Journal {
  struct Entry {
    Step step = Step::Reserve;
    Verdict why = Verdict::Done;  ///< what went wrong, if something did
    std::vector<Step> taken;      ///< the steps that came to an end, in that order
  };
  std::vector<Entry> entries;  ///< one for each order
  std::size_t next = 0;        ///< the first order that was not begun
  std::set<std::size_t> open;  ///< begun and not over
  std::size_t over = 0;
};

/// Injects crashes into one place: at the first attempt at each so-manieth step, or at every attempt at one step. Turn
/// by turn they come before the step is done and after it; in both cases whoever asked for it hears nothing but
/// "crashed".
class Chaos {
 public:
  enum class Blow : unsigned char { None, Before, After };

  explicit Chaos(std::optional<std::uint64_t> every, std::optional<StepKey> always = std::nullopt)
      : every_{every}, always_{always} {}

  [[nodiscard]] Blow strike(StepKey step) {
    const bool first = seen_.insert(step).second;
    const bool due = every_ && first && seen_.size() % *every_ == 0;
    if (!due && always_ != step) return Blow::None;
    return ++dealt_ % 2 == 1 ? Blow::Before : Blow::After;
  }
  [[nodiscard]] std::uint64_t dealt() const { return dealt_; }

 private:
  std::optional<std::uint64_t> every_;
  std::optional<StepKey> always_;
  std::unordered_set<StepKey> seen_;
  std::uint64_t dealt_ = 0;
};
