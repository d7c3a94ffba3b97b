#include "audit.hpp"

#include <fmt/format.h>

namespace {

/// Compares what each name has with what it must have.
void compare(std::vector<std::string>& wrong, const char* unit, const std::map<std::string, std::int64_t>& is,
             const std::map<std::string, std::int64_t>& must) {
  for (const auto& [name, amount] : must) {
    const auto found = is.find(name);
    const std::int64_t has = found == is.end() ? 0 : found->second;
    if (has != amount) wrong.push_back(fmt::format("{} has {} {} instead of {}", name, has, unit, amount));
  }
  if (is.size() != must.size()) wrong.push_back(fmt::format("{} names have {}, not {}", is.size(), unit, must.size()));
}

}  // namespace

std::vector<std::string> audit(const Books& books) {
  std::vector<std::string> wrong;
  std::map<std::string, std::int64_t> units;
  std::map<std::string, std::int64_t> cents;
  for (const OrderPtr& order : books.orders) {
    units.emplace(order->item, books.beginning.units);
    cents.emplace(order->customer, books.beginning.cents);
  }
  std::size_t open = 0;
  std::string first_open;
  std::int64_t shipped = 0;
  std::int64_t taken = 0;
  for (const OrderPtr& order : books.orders) {
    const Outcome::End end = books.outcomes[order->number].end;
    if (end == Outcome::End::Open && open++ == 0) first_open = order->id;
    if (end != Outcome::End::Done) continue;
    units[order->item] -= order->quantity;
    cents[order->customer] -= order->amount();
    shipped += order->quantity;
    taken += order->amount();
  }
  if (open > 0) {  // some of their steps may be done: nothing can be said of the sums
    wrong.push_back(fmt::format("{} orders are neither done nor undone, {} the first of them", open, first_open));
    return wrong;
  }
  compare(wrong, "units", books.holdings.stock, units);
  compare(wrong, "cents", books.holdings.money, cents);
  if (books.holdings.shipped != shipped) {
    wrong.push_back(fmt::format("{} units were shipped instead of {}", books.holdings.shipped, shipped));
  }
  if (books.holdings.paid != taken) {
    wrong.push_back(fmt::format("{} cents were taken instead of {}", books.holdings.paid, taken));
  }
  return wrong;
}
