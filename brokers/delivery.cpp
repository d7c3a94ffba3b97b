#include <algorithm>
#include <utility>

#include "broker_core.hpp"
#include "coppice/actor/send.hpp"

// What a publication does once it is known who gets it: no lock is held here.

namespace coppice::detail {

Route::Route() noexcept = default;
Route::~Route() = default;

void Route::add(const IntrusivePtr<Receivers>& receivers) {
  if (used_ < kFew) {
    few_[used_] = receivers;
  } else {
    more_.push_back(receivers);
  }
  ++used_;
}

void Route::clear() noexcept {
  for (auto& receivers : few_) receivers = {};
  more_.clear();
  used_ = 0;
}

const Receivers& Route::operator[](std::size_t index) const noexcept {
  return index < kFew ? *few_[index] : *more_[index - kFew];
}

namespace {

/// The publisher's hold on a publication: one share for each receiver, all added at once. What is not handed on goes
/// back, whatever throws.
class Shares {
 public:
  Shares(IntrusivePtr<Publication> publication, std::uint64_t receivers) noexcept
      : publication_{std::move(publication)}, left_{static_cast<std::uint32_t>(receivers)} {
    publication_->add_shares(left_);
  }
  Shares(const Shares&) = delete;
  Shares& operator=(const Shares&) = delete;
  ~Shares() {
    if (left_ > 0) publication_->release(left_);
  }
  /// One share is somebody else's now.
  void spend() noexcept { --left_; }
  [[nodiscard]] Publication& publication() const noexcept { return *publication_; }

 private:
  IntrusivePtr<Publication> publication_;
  std::uint32_t left_;
};

void add_up(Published& result, const SubscriptionQueue::Put& put) noexcept {
  ++(put.delivery == Delivery::Accepted ? result.delivered : result.dropped);
  if (put.displaced) ++result.displaced;
}

PublicationEnvelope* envelope_for(const Receiver& to, Shares& shares) {
  auto* const envelope = make_envelope<PublicationEnvelope>(to.ops->direct);
  envelope->publication = &shares.publication();
  shares.spend();
  return envelope;
}

/// Sends that are counted all at once, before the first. What was not sent after all, since no memory was left, is the
/// publisher's again.
class CountedSends {
 public:
  CountedSends(Runtime& runtime, std::uint64_t sends) noexcept : runtime_{runtime}, left_{sends} {
    runtime_.count(Count::Sent, sends);
  }
  CountedSends(const CountedSends&) = delete;
  CountedSends& operator=(const CountedSends&) = delete;
  ~CountedSends() {
    if (left_ == 0) return;
    runtime_.count(Count::Refused, left_);
    runtime_.count(Count::HandedBack, left_);
  }
  void sent() noexcept { --left_; }

 private:
  Runtime& runtime_;
  std::uint64_t left_;
};

constexpr std::ptrdiff_t kAhead = 3;

/// A thread that publishes may have to wait at these. They come last, so that the others do not wait with it.
bool may_wait_at(const Receiver& to) noexcept {
  const Bound* const bound = to.queue == nullptr ? to.cell->bound() : nullptr;
  return bound != nullptr && bound->room != nullptr;
}

std::uint64_t how_many_may_wait(const Receivers& receivers) noexcept {
  if (this_thread.cell != nullptr) return 0;  // a handler waits for nobody
  return static_cast<std::uint64_t>(std::count_if(receivers.each.begin(), receivers.each.end(), may_wait_at));
}

/// Those that deliver_to_each() has left out.
void deliver_to_the_slow(const Receivers& receivers, Shares& shares, Published& result) {
  for (const Receiver& to : receivers.each) {
    if (!may_wait_at(to)) continue;
    const Delivery delivery = coppice::detail::deliver(*to.cell, envelope_for(to, shares));
    ++(delivery == Delivery::Accepted ? result.delivered : result.dropped);
  }
}

/// Answers how many it has left out, since they may wait.
std::uint64_t deliver_to_each(const Receivers& receivers, Shares& shares, Runtime& runtime, Published& result) {
  const std::uint64_t left_out = how_many_may_wait(receivers);
  CountedSends sends{runtime, receivers.counted_at_once > 0 ? receivers.counted_at_once - left_out : 0};
  const Receiver* const end = receivers.each.data() + receivers.each.size();
  for (const Receiver& to : receivers.each) {
    // Its mailbox was last written where it ran, perhaps on another core.
    if (end - &to > kAhead) __builtin_prefetch((&to + kAhead)->cell, 1);
    if (to.queue != nullptr) {
      const auto put = to.queue->put(*to.cell, *to.ops, shares.publication(), Refusal::DeadLetter);
      shares.spend();
      add_up(result, put);
      continue;
    }
    if (left_out > 0 && may_wait_at(to)) continue;
    PublicationEnvelope* const envelope = envelope_for(to, shares);
    Delivery delivery;
    if (receivers.counted_at_once > 0) {
      sends.sent();
      delivery = deliver_counted(*to.cell, envelope);
    } else {
      delivery = coppice::detail::deliver(*to.cell, envelope);
    }
    ++(delivery == Delivery::Accepted ? result.delivered : result.dropped);
  }
  return left_out;
}

/// [Q3] Begins with whose turn it is, and goes round once. The last of them cannot hand it back.
void deliver_to_one(SubscriberGroup& group, const std::vector<Receiver>& members, Shares& shares, Published& result) {
  const std::uint64_t first = group.turn.fetch_add(1, kRelaxed);
  for (std::size_t tried = 1;; ++tried) {
    const Receiver& to = members[(first + tried - 1) % members.size()];
    const bool is_last = tried == members.size();
    const Refusal refusal = is_last ? Refusal::DeadLetter : Refusal::HandBack;
    if (to.queue != nullptr) {
      const auto put = to.queue->put(*to.cell, *to.ops, shares.publication(), refusal);
      if (!is_last && put.delivery != Delivery::Accepted) continue;
      shares.spend();
      return add_up(result, put);
    }
    auto* const envelope = make_envelope<PublicationEnvelope>(to.ops->direct);
    envelope->publication = &shares.publication();
    const Delivery delivery = deliver(*to.cell, envelope, refusal);
    if (!is_last && delivery != Delivery::Accepted) {
      envelope->publication = nullptr;  // the share stays here
      destroy_envelope(envelope);
      continue;
    }
    shares.spend();
    ++(delivery == Delivery::Accepted ? result.delivered : result.dropped);
    return;
  }
}

/// A group that is subscribed by several patterns which match is one group still.
void deliver_to_groups(const Route& route, Shares& shares, Published& result) {
  std::vector<Receivers::Group> merged;
  for (std::size_t i = 0; i < route.size(); ++i) {
    for (const Receivers::Group& group : route[i].groups) {
      auto same = merged.begin();
      while (same != merged.end() && same->group != group.group) ++same;
      if (same == merged.end()) {
        merged.push_back(group);
      } else {
        same->members.insert(same->members.end(), group.members.begin(), group.members.end());
      }
    }
  }
  for (const Receivers::Group& group : merged) deliver_to_one(*group.group, group.members, shares, result);
}

}  // namespace

Published BrokerCore::deliver(std::string_view topic, const Route& route, IntrusivePtr<Publication> publication) {
  Published result;
  std::uint64_t receivers = 0;
  bool has_groups = false;
  for (std::size_t i = 0; i < route.size(); ++i) {
    receivers += route[i].each.size() + route[i].groups.size();
    has_groups = has_groups || !route[i].groups.empty();
  }
  Shares shares{std::move(publication), receivers};
  std::uint64_t left_out = 0;
  for (std::size_t i = 0; i < route.size(); ++i) left_out += deliver_to_each(route[i], shares, *runtime, result);
  if (has_groups) deliver_to_groups(route, shares, result);
  for (std::size_t i = 0; left_out > 0 && i < route.size(); ++i) deliver_to_the_slow(route[i], shares, result);
  report(EventKind::Published, topic, nullptr);
  return result;
}

Published BrokerCore::to_nobody(std::string_view topic, const TypeInfo* type, bool needs_subscriber) noexcept {
  report(EventKind::Published, topic, nullptr);
  if (!needs_subscriber && !options.needs_subscriber) return {};
  const EnvelopeOps ops{nullptr, nullptr, nullptr, type, nullptr, sizeof(Envelope), false};
  const Envelope letter{&ops};
  runtime->count(Count::Sent);
  runtime->count(Count::Refused);
  runtime->dead_letter_to(topic, letter);
  return {.dropped = 1};
}

}  // namespace coppice::detail
