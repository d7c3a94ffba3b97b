#include "coppice/mailbox/bound.hpp"

#include <limits>

#include "room.hpp"
#include "shelf.hpp"

namespace coppice::detail {
namespace {

constexpr std::uint64_t kNoBound = std::numeric_limits<std::uint64_t>::max();

bool blocks(const Bounded& rules) noexcept {
  bool any = rules.overflow.overflow() == Overflow::Block;
  for (int level = 0; level < kPriorities; ++level) {
    any = any || rules.for_priority.or_else(static_cast<Priority>(level), Overflow::Reject) == Overflow::Block;
  }
  return any;
}

bool needs_shelf(const MailboxOptions& options) noexcept {
  const Bounded& rules = options.rules();
  const bool evicts = options.bounded() != nullptr && rules.overflow.overflow() == Overflow::DropOldest;
  return evicts || rules.order == Order::Priority || rules.measured;
}

}  // namespace

Bound::Bound(const MailboxOptions& rules)
    : options{rules},
      capacity{rules.bounded() == nullptr ? kNoBound : rules.bounded()->capacity},
      room{rules.bounded() != nullptr && blocks(rules.rules()) ? new Room : nullptr},
      shelf{needs_shelf(rules) ? new Shelf{rules, capacity} : nullptr} {}

std::uint64_t Bound::depth() const noexcept {
  if (shelf != nullptr) return shelf->bounded_depth();
  const std::uint64_t out = gone(kAcquire);
  const std::uint64_t in = entered.load(kAcquire);
  return in > out ? in - out : 0;
}

Bound::~Bound() {
  delete shelf;
  delete room;
}

}  // namespace coppice::detail
