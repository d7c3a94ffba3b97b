#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

/// One row of the orders' file.
struct Order {
  std::string id;
  std::string customer;
  std::string item;
  std::int64_t quantity = 0;
  std::int64_t price_cents = 0;  ///< of one unit
  std::size_t number = 0;        ///< its place among the orders, from 0

  [[nodiscard]] std::int64_t amount() const { return quantity * price_cents; }
};
/// Travels in messages: whoever has one may read it.
using OrderPtr = std::shared_ptr<const Order>;

inline constexpr std::int64_t kQuantityMax = 1'000'000;
inline constexpr std::int64_t kPriceMax = 1'000'000'000;  // times the quantity it fits

struct Malformed {
  std::uint64_t line = 0;  ///< from 1, the header's
  std::string what;
};

struct Orders {
  std::vector<OrderPtr> orders;
  std::vector<Malformed> malformed;
  std::string problem;  ///< why there are no orders at all; empty: there are
};

/// Reads a file of `order_id,customer,item,quantity,price_cents`, with that line as its header and one order in each
/// further line. A row that is none is noted, and the next one read.
[[nodiscard]] Orders read_orders(const std::string& path);
[[nodiscard]] Orders read_orders(std::istream& input);
