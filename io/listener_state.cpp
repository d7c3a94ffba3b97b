#include "listener_state.hpp"

#include <utility>
#include <vector>

#include "coppice/actor/send.hpp"
#include "coppice/io/tcp_connection.hpp"

namespace coppice::detail {
namespace {

struct Drained {
  IntrusivePtr<Cell> cell;
  const EnvelopeOps* ops;
};

void send_drain(const Drained& to) { deliver(*to.cell, make_envelope<DrainEnvelope>(to.ops)); }

}  // namespace

TcpListenerStats ListenerState::stats() const {
  TcpListenerStats stats;
  {
    const Lock lock{mutex_};
    stats = stats_;
  }
  stats.refused = refused.load(kRelaxed);
  stats.aborted = aborted.load(kRelaxed);
  stats.failures = failures.load(kRelaxed);
  return stats;
}

std::uint64_t ListenerState::open() const {
  const Lock lock{mutex_};
  return stats_.open;
}

void ListenerState::tell(Cell& listener) {
  const Lock lock{mutex_};
  told_ = IntrusivePtr<Cell>::of(listener);
}

void ListenerState::stop_telling() {
  IntrusivePtr<Cell> told;  // its count goes outside of the lock
  const Lock lock{mutex_};
  std::swap(told, told_);
}

void ListenerState::drain_all() {
  std::vector<Drained> all;
  {
    const Lock lock{mutex_};
    drains_ = true;
    for (ConnectionSlot* slot = first_; slot != nullptr; slot = slot->next_) {
      if (slot->cell_) all.push_back({slot->cell_, slot->drain_ops_});
    }
  }
  for (const Drained& each : all) send_drain(each);
}

void ListenerState::forget_drain() {
  const Lock lock{mutex_};
  drains_ = false;
}

ConnectionSlot::ConnectionSlot(std::shared_ptr<ListenerState> state) : state_{std::move(state)} {
  const Lock lock{state_->mutex_};
  next_ = state_->first_;
  if (next_ != nullptr) next_->previous_ = this;
  state_->first_ = this;
  ++state_->stats_.open;
  ++state_->stats_.accepted;
}

ConnectionSlot::~ConnectionSlot() {
  IntrusivePtr<Cell> told;
  {
    const Lock lock{state_->mutex_};
    if (previous_ != nullptr) previous_->next_ = next_;
    if (previous_ == nullptr) state_->first_ = next_;
    if (next_ != nullptr) next_->previous_ = previous_;
    --state_->stats_.open;
    ++state_->stats_.ended[static_cast<int>(end_)];
    told = state_->told_;
  }
  if (!told) return;
  try {
    told->signal(make_signal(CellSignal::Kind::Poke));
  } catch (...) {  // without memory for it: the listener looks by itself, a while later
  }
}

void ConnectionSlot::bind(Cell& cell, const EnvelopeOps& drain_ops) {
  bool drains = false;
  {
    const Lock lock{state_->mutex_};
    cell_ = IntrusivePtr<Cell>::of(cell);
    drain_ops_ = &drain_ops;
    drains = state_->drains_;
  }
  if (drains) send_drain({IntrusivePtr<Cell>::of(cell), &drain_ops});
}

}  // namespace coppice::detail
