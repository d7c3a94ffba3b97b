#include "interleave/engine/history.hpp"

#include <utility>

namespace coppice::interleave {

void History::clear() {
  state_ = barrier_ = 0;
  fibers_.clear();
  used_ = 0;
  ++run_;
}

std::uint64_t History::begin(unsigned fiber) { return mix(barrier_ + fiber * 0x9fb21c651e98df25 + ++of(fiber).steps); }

History::Place& History::place(const void* where) {
  const std::size_t mask = places_.size() - 1;
  const auto address = reinterpret_cast<std::uintptr_t>(where);
  for (std::size_t at = (address * 0x9e3779b97f4a7c15) >> 40 & mask;; at = (at + 1) & mask) {
    Place& each = places_[at];
    if (each.run == run_ && each.where != where) continue;
    if (each.run == run_) return each;
    if (2 * ++used_ > places_.size()) {
      grow();
      return place(where);
    }
    each = Place{};
    each.where = where;
    each.run = run_;
    return each;
  }
}

void History::grow() {
  const std::vector<Place> old = std::exchange(places_, std::vector<Place>(2 * places_.size()));
  used_ = 0;
  for (const Place& each : old) {
    if (each.run == run_) place(each.where) = each;
  }
}

void History::make(unsigned fiber, const void* where) {
  Place& fresh = place(where);
  fresh.name = mix(mix(fiber + 1) + ++of(fiber).made);
  fresh.last_change = fresh.reads_since = 0;
}

void History::step(unsigned fiber, const void* where, bool reads_only) {
  std::uint64_t told = begin(fiber);
  if (where == nullptr) {
    state_ += told;
    return;
  }
  Place& at = place(where);
  if (at.name == 0) at.name = told;  // made before the run
  told = mix(told + mix(at.name ^ at.last_change));
  if (reads_only) {
    at.reads_since += told;
  } else {
    told = mix(told + at.reads_since);
    at.last_change = told;
    at.reads_since = 0;
  }
  state_ += told;
}

}  // namespace coppice::interleave
