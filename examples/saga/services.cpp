#include "services.hpp"

#include <optional>
#include <stdexcept>

namespace {

/// Does a step unless it was done before. Step and note of it are one: the note's place is made before, and `apply`
/// does not throw. (A database would put both into one transaction.)
template <class F>
Verdict apply_once(Applied& applied, Chaos& chaos, StepKey key, F apply) {
  const Chaos::Blow blow = chaos.strike(key);
  if (blow == Chaos::Blow::Before) throw std::runtime_error{"injected before the step"};
  std::optional<Verdict>& note = applied[key];
  if (!note) note = apply();
  if (blow == Chaos::Blow::After) throw std::runtime_error{"injected after the step, before its answer"};
  return *note;
}

bool was_done(const Applied& applied, const OrderPtr& order, Step step) {
  const auto found = applied.find(key_of(order->number, step));
  return found != applied.end() && found->second == Verdict::Done;
}

}  // namespace

Verdict Warehouse::handle(const Reserve& reserve) {
  const OrderPtr& order = reserve.order;
  std::int64_t& units = stock_->units[order->item];
  return apply_once(stock_->applied, *chaos_, key_of(order->number, Step::Reserve), [&] {
    if (units < order->quantity) return Verdict::NoStock;
    units -= order->quantity;
    return Verdict::Done;
  });
}

Verdict Warehouse::handle(const Release& release) {
  const OrderPtr& order = release.order;
  std::int64_t& units = stock_->units[order->item];
  return apply_once(stock_->applied, *chaos_, key_of(order->number, Step::Release), [&] {
    if (was_done(stock_->applied, order, Step::Reserve)) units += order->quantity;
    return Verdict::Done;
  });
}

Verdict Bank::handle(const Charge& charge) {
  const OrderPtr& order = charge.order;
  std::int64_t& cents = accounts_->cents[order->customer];
  return apply_once(accounts_->applied, *chaos_, key_of(order->number, Step::Charge), [&] {
    if (cents < order->amount()) return Verdict::Declined;
    cents -= order->amount();
    accounts_->taken += order->amount();
    return Verdict::Done;
  });
}

Verdict Bank::handle(const Refund& refund) {
  const OrderPtr& order = refund.order;
  std::int64_t& cents = accounts_->cents[order->customer];
  return apply_once(accounts_->applied, *chaos_, key_of(order->number, Step::Refund), [&] {
    if (was_done(accounts_->applied, order, Step::Charge)) {
      cents += order->amount();
      accounts_->taken -= order->amount();
    }
    return Verdict::Done;
  });
}

Verdict Carrier::handle(const Ship& ship) {
  const OrderPtr& order = ship.order;
  return apply_once(parcels_->applied, *chaos_, key_of(order->number, Step::Ship), [&] {
    if (order->quantity > kParcelUnitsMax) return Verdict::TooHeavy;
    parcels_->units += order->quantity;
    return Verdict::Done;
  });
}

Verdict Carrier::handle(const Recall& recall) {
  const OrderPtr& order = recall.order;
  return apply_once(parcels_->applied, *chaos_, key_of(order->number, Step::Recall), [&] {
    if (was_done(parcels_->applied, order, Step::Ship)) parcels_->units -= order->quantity;
    return Verdict::Done;
  });
}
