#include "dead_letter_topic.hpp"

#include <utility>

namespace coppice::detail {

DeadLetterTopic::DeadLetterTopic(IntrusivePtr<BrokerCore> core, std::string topic) noexcept
    : core_{std::move(core)}, topic_{std::move(topic)} {}

void DeadLetterTopic::heard(const DeadLetter& letter) noexcept {
  // What nobody receives is not published again: letters about letters would never end.
  if (letter.message == kTypeInfo<DeadLetter>.name) return;
  try {
    Route route;
    // Who is subscribed to everything of another type is no reason to leave out those who asked for this.
    const auto matched = core_->match(topic_, &kTypeInfo<DeadLetter>, route, BrokerCore::OtherType::Skip);
    if (!matched || route.is_empty()) return;
    core_->deliver(topic_, route, make_publication<DeadLetter>(letter));
  } catch (...) {  // no memory to tell it; it is counted
  }
}

}  // namespace coppice::detail
