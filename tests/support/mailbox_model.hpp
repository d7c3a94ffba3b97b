#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "coppice/mailbox/overflow.hpp"
#include "coppice/message/message.hpp"

namespace coppice::testing {

/// What a message looks like to a mailbox.
struct ModelItem {
  int id = 0;
  std::optional<int> key = {};  ///< of a message that the mailbox conflates
  Priority priority = Priority::Normal;
  TimePoint sent{};
  TimePoint expires = TimePoint::max();
};

/// A mailbox as docs/reference/options.md describes it, with nothing but lists: what the real ones are held against.
///
///     put      the outcome of a send; who had to make room is in `dead`
///     take     the message that is handled next; who was too late is in `dead`
class MailboxModel {
 public:
  explicit MailboxModel(const MailboxOptions& options)
      : bounded_{options.bounded() != nullptr}, rules_{options.rules()} {}

  struct Dead {
    int id;
    DeadReason reason;
    friend bool operator==(const Dead&, const Dead&) = default;
  };

  Delivery put(const ModelItem& item, bool hand_back = false) {
    const auto refuse = [&](Delivery delivery, DeadReason reason) {
      if (!hand_back) die(item.id, reason);
      if (!hand_back) ++enqueued;
      return delivery;
    };
    if (rules_.order == Order::Fifo && item.priority != Priority::Normal)
      return refuse(Delivery::Rejected, DeadReason::Unsupported);
    if (rules_.overflow.key() != nullptr && item.key && replace(item)) return Delivery::Accepted;
    if (bounded_ && depth() >= rules_.capacity) {
      switch (rules_.for_priority.or_else(item.priority, rules_.overflow.overflow())) {
        case Overflow::Reject: return refuse(Delivery::Rejected, DeadReason::Rejected);
        case Overflow::DropNewest: return refuse(Delivery::Dropped, DeadReason::Dropped);
        case Overflow::Block: return refuse(Delivery::TimedOut, DeadReason::TimedOut);  // of one who does not wait
        case Overflow::DropOldest: {
          const std::size_t least = least_urgent();
          if (level_of(item) > least) return refuse(Delivery::Dropped, DeadReason::Dropped);
          die(levels_[least].front().id, DeadReason::DroppedOldest);
          levels_[least].pop_front();  // who is the oldest now has been passed over as often
          if (levels_[least].empty()) passed_[least] = 0;
          break;
        }
      }
    }
    ++enqueued;
    levels_[level_of(item)].push_back(item);
    high_water = std::max<std::uint64_t>(high_water, depth());
    return Delivery::Accepted;
  }

  /// Those that are too late go; the next one that is not is taken.
  std::optional<ModelItem> take(TimePoint now) {
    while (depth() > 0) {
      const std::size_t from = turn_of();
      const ModelItem item = levels_[from].front();
      levels_[from].pop_front();
      passed_[from] = 0;
      for (std::size_t below = from + 1; below < levels_.size(); ++below) {
        if (!levels_[below].empty()) ++passed_[below];
      }
      const Duration waited = now - item.sent;
      waited_most = std::max(waited_most, waited);
      waited_in_all += waited;
      ++taken;
      if (now > item.expires) {
        die(item.id, DeadReason::Expired);
        continue;
      }
      ++handled;
      return item;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::size_t depth() const {
    std::size_t sum = 0;
    for (const auto& level : levels_) sum += level.size();
    return sum;
  }
  [[nodiscard]] std::uint64_t dead_of(DeadReason reason) const {
    return static_cast<std::uint64_t>(
        std::count_if(dead.begin(), dead.end(), [&](const Dead& d) { return d.reason == reason; }));
  }

  std::vector<Dead> dead;
  std::uint64_t enqueued = 0;
  std::uint64_t handled = 0;
  std::uint64_t taken = 0;
  std::uint64_t high_water = 0;
  Duration waited_most{};
  Duration waited_in_all{};

 private:
  [[nodiscard]] std::size_t level_of(const ModelItem& item) const {
    return rules_.order == Order::Fifo ? 0 : static_cast<std::size_t>(item.priority);
  }
  void die(int id, DeadReason reason) { dead.push_back({id, reason}); }
  [[nodiscard]] std::size_t least_urgent() const {
    std::size_t level = levels_.size() - 1;
    while (levels_[level].empty()) --level;
    return level;
  }
  /// The lowest level whose oldest has let enough pass; else the most urgent one.
  [[nodiscard]] std::size_t turn_of() const {
    for (std::size_t level = levels_.size(); level-- > 0;) {
      if (!levels_[level].empty() && passed_[level] >= rules_.passed_over_max) return level;
    }
    std::size_t level = 0;
    while (levels_[level].empty()) ++level;
    return level;
  }
  bool replace(const ModelItem& item) {
    for (auto& level : levels_) {
      for (ModelItem& waiting : level) {
        if (waiting.key != item.key) continue;
        die(waiting.id, DeadReason::Replaced);
        waiting = item;
        ++enqueued;
        return true;
      }
    }
    return false;
  }

  bool bounded_;
  Bounded rules_;
  std::array<std::deque<ModelItem>, kPriorities> levels_;
  std::array<unsigned, kPriorities> passed_{};
};

}  // namespace coppice::testing
