#include "coppice/actor/runtime.hpp"

#include <utility>

namespace coppice::detail {
namespace {

/// How often a thread counts in a shared shard before it leases one: a lease costs as much as a dozen of those, and a
/// thread that uses several runtimes in turn has only one.
constexpr unsigned kLeaseAfter = 64;

/// The shard that a thread from outside has to itself; given back when the thread ends or takes another.
class Lease {
 public:
  ~Lease() {
    give_back();
    this_thread.is_ending = true;  // what counts from here on, in other objects' destructors, shares
  }
  void give_back() noexcept {
    if (shard_ == nullptr) return;
    this_thread.ledger_id = 0;
    this_thread.ledger = nullptr;
    from_->give_back(*std::exchange(shard_, nullptr));
    from_ = {};
  }
  [[nodiscard]] bool take(OutsideLedger& from, std::uint64_t ledger_id) noexcept {
    LedgerShard* const shard = from.lease();
    if (shard == nullptr) return false;
    give_back();
    shard_ = shard;
    from_ = IntrusivePtr<OutsideLedger>::of(from);
    this_thread.ledger_id = ledger_id;
    this_thread.ledger = shard;
    return true;
  }

 private:
  IntrusivePtr<OutsideLedger> from_;
  LedgerShard* shard_ = nullptr;
};
thread_local Lease lease;

}  // namespace

std::uint64_t Runtime::new_ledger_id() noexcept {
  static constinit Atomic<std::uint64_t> last{0};
  return last.fetch_add(1, kRelaxed) + 1;
}

void Runtime::count_from_outside(Count what, std::uint64_t n) noexcept {
  ThreadContext& me = this_thread;
  // A worker has a shard of its own runtime's. In the child of a fork() nobody has one: see count_sent().
  const bool may_lease = me.worker == nullptr && !me.is_ending && !is_abandoned();
  if (may_lease && ++me.counted_elsewhere >= kLeaseAfter) {
    me.counted_elsewhere = 0;
    if (lease.take(*outside_, ledger_id_)) return me.ledger->add_owned(what, n);
  }
  if (me.shard == 0) number_this_thread();
  outside_->shared(me.shard).add_shared(what, n);
}

}  // namespace coppice::detail
