#include "shelf.hpp"

#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace coppice::detail {
namespace {

constexpr TypeInfo kTokenType{"a token"};

}  // namespace

const EnvelopeOps kTokenOps{nullptr, nullptr, [](Envelope&) {}, &kTokenType, nullptr, sizeof(Envelope), false};

Envelope* make_token() { return ::new (allocate_block(sizeof(Envelope))) Envelope{&kTokenOps}; }

struct Shelf::Node : PoolAllocated {
  Envelope* envelope = nullptr;
  Node* next = nullptr;
  Node* same_bucket = nullptr;
  std::uint64_t hash = 0;
  std::int64_t sequence = 0;
  TimePoint at{};
  bool is_indexed = false;
};

Shelf::Shelf(const MailboxOptions& options, std::uint64_t capacity) noexcept
    : overflow_{options.rules().overflow.overflow()},
      for_priority_{options.rules().for_priority},
      key_{options.rules().overflow.key()},
      passed_over_max_{options.rules().passed_over_max},
      measures_{options.rules().measured},
      capacity_{capacity} {}

Shelf::~Shelf() {
  Envelope* left = close();  // of a place that never ran; otherwise nothing
  while (left != nullptr) {
    auto* const next = static_cast<Envelope*>(left->next.load(kRelaxed));
    destroy_envelope(left);
    left = next;
  }
}

// ---- senders ----

Shelf::NodeOwner Shelf::make_node(Envelope& envelope, TimePoint at) {
  NodeOwner node{new Node};
  node->envelope = &envelope;
  node->at = at;
  return node;
}

std::unique_lock<BriefLock> Shelf::lock_with_token(TokenOwner& token) {
  std::unique_lock lock{lock_};
  while (!token_out_ && token == nullptr) {
    lock.unlock();
    token.reset(make_token());
    lock.lock();
  }
  return lock;
}

Offered Shelf::offer(Envelope& envelope, const Offer& how) {
  NodeOwner node = make_node(envelope, how.at);
  const bool counts = envelope.ops->bounded;
  const void* const message = key_ != nullptr && counts ? message_in(envelope) : nullptr;
  const bool has_key = message != nullptr && same_type(envelope.ops->message, key_->message);
  if (has_key) node->hash = key_->hash(message);
  Level& level = levels_[static_cast<int>(how.priority)];
  Offered result;
  TokenOwner token;
  const std::unique_lock lock = lock_with_token(token);
  if (closed_) return {.what = Offered::What::Closed};
  if (has_key) {
    if (Envelope* const old = replace(*node)) {
      ++stats_.enqueued;
      return {.evicted = old, .evicted_as = DeadReason::Replaced};
    }
  }
  if (has_key && indexed_ >= bucket_count_) grow_index();
  if (counts && !how.above && !make_room(how, result, result.evicted)) return result;
  node->sequence = next_sequence_++;
  append(*node, level);
  if (has_key) index(*node);
  ++(counts ? bounded_ : exempt_);
  static_cast<void>(node.release());
  ++stats_.enqueued;
  note_depth();
  if (!std::exchange(token_out_, true)) result.token = std::move(token);
  return result;
}

/// Puts the newcomer where the one with its key waits, and answers that; or null. The node stays the caller's.
Envelope* Shelf::replace(Node& fresh) noexcept {
  if (bucket_count_ == 0) return nullptr;
  for (Node* each = *bucket(fresh.hash); each != nullptr; each = each->same_bucket) {
    if (each->hash != fresh.hash || !key_->same(message_in(*each->envelope), message_in(*fresh.envelope))) continue;
    Envelope* const old = std::exchange(each->envelope, fresh.envelope);
    each->at = fresh.at;
    old->next.store(nullptr, kRelaxed);
    return old;
  }
  return nullptr;
}

/// False: there is none, and `result` says what that means for the newcomer.
bool Shelf::make_room(const Offer& how, Offered& result, Envelope*& evicted_chain) noexcept {
  if (bounded_ < capacity_) return true;
  switch (for_priority_.or_else(how.priority, overflow_)) {
    case Overflow::Reject: result.what = Offered::What::Rejected; return false;
    case Overflow::DropNewest: result.what = Offered::What::Dropped; return false;
    case Overflow::Block: result.what = Offered::What::Full; return false;
    case Overflow::DropOldest: break;
  }
  int lowest = kPriorities - 1;
  while (lowest > static_cast<int>(how.priority) && levels_[lowest].bounded.oldest == nullptr) --lowest;
  if (levels_[lowest].bounded.oldest == nullptr) {  // all that wait are more urgent
    result.what = Offered::What::Dropped;
    return false;
  }
  evicted_chain = evict_from(levels_[lowest]);
  return true;
}

Envelope* Shelf::evict_from(Level& level) noexcept {
  Node& node = *level.bounded.oldest;
  level.bounded.oldest = node.next;
  if (node.next == nullptr) level.bounded.newest = nullptr;
  if (level.is_empty()) level.passed_over = 0;
  --bounded_;
  unindex(node);
  Envelope* const envelope = node.envelope;
  envelope->next.store(nullptr, kRelaxed);
  delete &node;
  return envelope;
}

void Shelf::append(Node& node, Level& level) noexcept {
  Queue& queue = node.envelope->ops->bounded ? level.bounded : level.exempt;
  (queue.newest == nullptr ? queue.oldest : queue.newest->next) = &node;
  queue.newest = &node;
}

TokenOwner Shelf::put_back(Envelope* newest, std::size_t count, TimePoint now,
                           Priority (*priority_of)(const Envelope&) noexcept) {
  // All that needs memory first: none of them comes back, or all.
  std::vector<NodeOwner> nodes(count);
  for (NodeOwner& node : nodes) {
    node = make_node(*newest, now);
    newest = static_cast<Envelope*>(newest->next.load(kRelaxed));
  }
  TokenOwner token;
  const std::unique_lock lock = lock_with_token(token);
  for (NodeOwner& node : nodes) {
    const bool counts = node->envelope->ops->bounded;
    Level& level = levels_[static_cast<int>(priority_of(*node->envelope))];
    Queue& queue = counts ? level.bounded : level.exempt;
    node->sequence = front_sequence_--;
    node->next = queue.oldest;
    if (queue.newest == nullptr) queue.newest = node.get();
    queue.oldest = node.release();
    ++(counts ? bounded_ : exempt_);
  }
  note_depth();
  if (std::exchange(token_out_, true)) return {};
  return token;
}

// ---- the owner ----

Envelope* Shelf::take(TimePoint now, bool& more) noexcept {
  const std::lock_guard lock{lock_};
  if (bounded_ + exempt_ == 0) {
    more = token_out_ = false;
    return nullptr;
  }
  Node& node = pop(next_level());
  Envelope& envelope = *node.envelope;
  --(envelope.ops->bounded ? bounded_ : exempt_);
  unindex(node);
  more = bounded_ + exempt_ != 0;
  token_out_ = more;
  if (measures_) {
    const Duration waited = std::max(saturating_between(node.at, now), Duration::zero());
    ++stats_.taken;
    stats_.waited_most = std::max(stats_.waited_most, waited);
    stats_.waited_in_all =
        Duration::max() - stats_.waited_in_all < waited ? Duration::max() : stats_.waited_in_all + waited;
  }
  delete &node;
  return &envelope;
}

/// [B5] Of those whose turn has come the least urgent, since it has waited the longest; else the most urgent.
Shelf::Level& Shelf::next_level() noexcept {
  int chosen = kPriorities - 1;
  while (chosen >= 0 && (levels_[chosen].is_empty() || levels_[chosen].passed_over < passed_over_max_)) --chosen;
  if (chosen < 0) {
    chosen = 0;
    while (levels_[chosen].is_empty()) ++chosen;
  }
  for (int i = chosen + 1; i < kPriorities; ++i) {
    if (!levels_[i].is_empty()) ++levels_[i].passed_over;
  }
  levels_[chosen].passed_over = 0;
  return levels_[chosen];
}

Shelf::Node& Shelf::pop(Level& level) noexcept {
  Node* const bounded = level.bounded.oldest;
  Node* const exempt = level.exempt.oldest;
  const bool is_exempt = bounded == nullptr || (exempt != nullptr && exempt->sequence < bounded->sequence);
  Queue& queue = is_exempt ? level.exempt : level.bounded;
  Node& node = *queue.oldest;
  queue.oldest = node.next;
  if (queue.oldest == nullptr) queue.newest = nullptr;
  return node;
}

Envelope* Shelf::close() noexcept {
  const std::lock_guard lock{lock_};
  closed_ = true;
  token_out_ = false;
  Envelope* first = nullptr;
  Envelope* last = nullptr;
  for (Level& level : levels_) {
    while (!level.is_empty()) {
      Node& node = pop(level);
      unindex(node);
      node.envelope->next.store(nullptr, kRelaxed);
      if (last == nullptr) {
        first = node.envelope;
      } else {
        last->next.store(node.envelope, kRelaxed);
      }
      last = node.envelope;
      delete &node;
    }
    level.passed_over = 0;
  }
  bounded_ = exempt_ = 0;
  return first;
}

void Shelf::reopen() noexcept {
  const std::lock_guard lock{lock_};
  closed_ = false;
}

// ---- the index of keys ----

Shelf::Node** Shelf::bucket(std::uint64_t hash) noexcept {
  const std::uint64_t mixed = hash ^ (hash >> 32);
  return &buckets_[mixed & (bucket_count_ - 1)];
}

void Shelf::index(Node& node) noexcept {
  Node** const head = bucket(node.hash);
  node.same_bucket = *head;
  *head = &node;
  node.is_indexed = true;
  ++indexed_;
}

void Shelf::unindex(Node& node) noexcept {
  if (!node.is_indexed) return;
  Node** each = bucket(node.hash);
  while (*each != &node) each = &(*each)->same_bucket;
  *each = node.same_bucket;
  --indexed_;
}

/// Without memory for more than there is, more keys share a bucket. Throws std::bad_alloc where there is none yet.
void Shelf::grow_index() {
  const std::uint64_t count = bucket_count_ == 0 ? 16 : bucket_count_ * 2;
  std::unique_ptr<Node*[]> wider{new (std::nothrow) Node* [count] {}};
  if (wider == nullptr && bucket_count_ == 0) throw std::bad_alloc{};
  if (wider == nullptr) return;
  const std::uint64_t before = std::exchange(bucket_count_, count);
  std::swap(buckets_, wider);
  for (std::uint64_t i = 0; i < before; ++i) {
    for (Node* each = wider[i]; each != nullptr;) {
      Node* const next = each->same_bucket;
      Node** const head = bucket(each->hash);
      each->same_bucket = *head;
      *head = each;
      each = next;
    }
  }
}

// ---- counts ----

void Shelf::note_depth() noexcept { stats_.high_water = std::max(stats_.high_water, bounded_ + exempt_); }

std::uint64_t Shelf::depth() const noexcept {
  const std::lock_guard lock{lock_};
  return bounded_ + exempt_;
}

std::uint64_t Shelf::bounded_depth() const noexcept {
  const std::lock_guard lock{lock_};
  return bounded_;
}

void Shelf::note_enqueued() noexcept {
  const std::lock_guard lock{lock_};
  ++stats_.enqueued;
}

void Shelf::note_handled() noexcept {
  const std::lock_guard lock{lock_};
  ++stats_.handled;
}

void Shelf::note_dead(DeadReason reason) noexcept {
  const std::lock_guard lock{lock_};
  ++stats_.dead_by_reason[static_cast<int>(reason)];
}

MailboxStats Shelf::stats() const noexcept {
  const std::lock_guard lock{lock_};
  MailboxStats stats = stats_;
  stats.depth = bounded_ + exempt_;
  return stats;
}

}  // namespace coppice::detail
