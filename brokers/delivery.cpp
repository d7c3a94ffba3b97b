#include <algorithm>
#include <utility>

#include "broker_core.hpp"
#include "coppice/actor/send.hpp"
#include "late_releases.hpp"

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
    if (left_ >= kManyShares && publication_->may_end_late()) publication_->set_late_place(next_late_place());
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

/// How long a thread may wait at that mailbox: what asks does not wait beyond its deadline.
Duration patience(const Receiver& to, const Publication& publication) noexcept {
  const Duration within = to.cell->bound()->options.rules().block_within;
  const TimePoint deadline = publication.extras == nullptr ? TimePoint::max() : publication.extras->deadline;
  if (deadline == TimePoint::max()) return within;
  return std::min(within, saturating_between(to.cell->runtime()->clock->now(), deadline));
}

/// Those that deliver_to_each() has left out.
void deliver_to_the_slow(const Receivers& receivers, Shares& shares, Published& result) {
  for (const Receiver& to : receivers.each) {
    if (!may_wait_at(to)) continue;
    const How how{.within = patience(to, shares.publication())};
    const Delivery delivery = coppice::detail::deliver(*to.cell, envelope_for(to, shares), how);
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

/// True: it is somebody's now, be it as a dead letter.
bool offer(const Receiver& to, const How& how, Shares& shares, Published& result) {
  if (to.queue != nullptr) {
    const auto put = to.queue->put(*to.cell, *to.ops, shares.publication(), how.refusal);
    if (how.refusal == Refusal::HandBack && put.delivery != Delivery::Accepted) return false;
    shares.spend();
    add_up(result, put);
    return true;
  }
  auto* const envelope = make_envelope<PublicationEnvelope>(to.ops->direct);
  envelope->publication = &shares.publication();
  const auto take_back = [&] {
    envelope->publication = nullptr;  // the share stays here
    destroy_envelope(envelope);
  };
  Delivery delivery{};
  try {
    delivery = coppice::detail::deliver(*to.cell, envelope, how);
  } catch (...) {
    if (how.refusal == Refusal::HandBack) {
      take_back();
    } else {
      shares.spend();
    }
    throw;
  }
  if (how.refusal == Refusal::HandBack && delivery != Delivery::Accepted) {
    take_back();
    return false;
  }
  shares.spend();
  ++(delivery == Delivery::Accepted ? result.delivered : result.dropped);
  return true;
}

/// A handler's message is taken there above the bound, and its actor muted: not as long as another member has room.
bool would_mute(const Receiver& to) noexcept {
  return this_thread.cell != nullptr && may_wait_at(to) && to.cell->bound()->depth() >= to.cell->bound()->capacity;
}

/// Who gets what no other member takes, if somebody may be waited for: the last of those in turn. Or null.
const Receiver* last_resort(const std::vector<Receiver>& members, std::uint64_t first) noexcept {
  for (std::size_t i = members.size(); i > 0; --i) {
    const Receiver& to = members[(first + i - 1) % members.size()];
    if (may_wait_at(to)) return &to;
  }
  return nullptr;
}

/// [Q3] Begins with whose turn it is, goes round once, and waits for nobody. The last of them cannot hand it back,
/// unless one may be waited for when all others have been served: it answers that one then, else null.
const Receiver* deliver_to_one(SubscriberGroup& group, const std::vector<Receiver>& members, Shares& shares,
                               Published& result) {
  const std::uint64_t first = group.turn.fetch_add(1, kRelaxed);
  const Receiver* const last = last_resort(members, first);
  for (std::size_t tried = 1; tried <= members.size(); ++tried) {
    const Receiver& to = members[(first + tried - 1) % members.size()];
    if (would_mute(to)) continue;
    const bool is_last = last == nullptr && tried == members.size();
    const How how{.refusal = is_last ? Refusal::DeadLetter : Refusal::HandBack, .within = Duration::zero()};
    if (offer(to, how, shares, result)) return nullptr;
  }
  return last;
}

bool has_group(const Receivers& receivers, const SubscriberGroup& group) noexcept {
  return std::any_of(receivers.groups.begin(), receivers.groups.end(),
                     [&](const Receivers::Group& each) { return each.group.get() == &group; });
}

/// The members of a group in this part of the route and in all later ones.
std::vector<Receiver> members_from(const Route& route, std::size_t from, const SubscriberGroup& group) {
  std::vector<Receiver> members;
  for (std::size_t i = from; i < route.size(); ++i) {
    for (const Receivers::Group& each : route[i].groups) {
      if (each.group.get() == &group) members.insert(members.end(), each.members.begin(), each.members.end());
    }
  }
  return members;
}

/// A group that is subscribed by several patterns which match is one group still. `waits`: where there was no room, and
/// a thread may wait.
void deliver_to_groups(const Route& route, Shares& shares, Published& result, std::vector<Receiver>& waits) {
  for (std::size_t i = 0; i < route.size(); ++i) {
    for (const Receivers::Group& each : route[i].groups) {
      bool came_before = false;
      bool comes_again = false;
      for (std::size_t k = 0; k < route.size(); ++k) {
        if (k != i && has_group(route[k], *each.group)) (k < i ? came_before : comes_again) = true;
      }
      if (came_before) continue;
      std::vector<Receiver> merged;
      if (comes_again) merged = members_from(route, i, *each.group);
      const Receiver* const last = deliver_to_one(*each.group, comes_again ? merged : each.members, shares, result);
      if (last != nullptr) waits.push_back(*last);
    }
  }
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
  std::vector<Receiver> waits;
  if (has_groups) deliver_to_groups(route, shares, result, waits);
  for (std::size_t i = 0; left_out > 0 && i < route.size(); ++i) deliver_to_the_slow(route[i], shares, result);
  for (const Receiver& to : waits) offer(to, {.within = patience(to, shares.publication())}, shares, result);
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
