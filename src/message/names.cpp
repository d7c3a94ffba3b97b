#include "coppice/message/message.hpp"

namespace coppice {

const char* to_string(Delivery delivery) noexcept {
  switch (delivery) {
    case Delivery::Accepted: return "accepted";
    case Delivery::Dropped: return "dropped";
    case Delivery::Rejected: return "rejected";
    case Delivery::TimedOut: return "timed out";
    case Delivery::Closed: return "closed";
  }
  return "unknown";
}

const char* to_string(DeadReason reason) noexcept {
  switch (reason) {
    case DeadReason::Closed: return "closed";
    case DeadReason::Rejected: return "rejected";
    case DeadReason::Dropped: return "dropped";
    case DeadReason::Stopped: return "stopped";
    case DeadReason::InHand: return "in hand";
    case DeadReason::Cancelled: return "cancelled";
    case DeadReason::DroppedOldest: return "dropped as the oldest";
    case DeadReason::Replaced: return "replaced";
    case DeadReason::TimedOut: return "timed out";
    case DeadReason::Expired: return "expired";
    case DeadReason::Unsupported: return "unsupported";
  }
  return "unknown";
}

}  // namespace coppice
