#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "examples/saga/orders.hpp"
#include "fuzz/input.hpp"

// The saga's reader of orders. An input is what follows the header, or a whole file. Every line is an order, a row that
// is noted, or empty; where no quotes are in it, a second reading says which.

namespace coppice {
namespace {

using fuzz::expect;

constexpr std::string_view kHeader = "order_id,customer,item,quantity,price_cents\n";

/// Without blanks around it, as RFC 4180's readers are split about and libcsv does it.
std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts{""};
  for (const char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t low, std::int64_t high) {
  const bool is_negative = !text.empty() && text.front() == '-';
  if (is_negative) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  std::int64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = std::min<std::int64_t>(number * 10 + (c - '0'), 100'000'000'000);
  }
  if (is_negative) number = -number;
  return number >= low && number <= high ? std::optional{number} : std::nullopt;
}

/// What a line without quotes is, if it is an order.
std::optional<Order> order_of(std::string_view line) {
  Order order;
  std::vector<std::string> fields = split(line, ',');
  if (fields.size() != 5 || line.find('\r') != std::string_view::npos) return std::nullopt;
  for (std::string& field : fields) field = std::string{trimmed(field)};
  const auto quantity = whole_number(fields[3], 1, kQuantityMax);
  const auto price = whole_number(fields[4], 0, kPriceMax);
  if (fields[0].empty() || fields[1].empty() || fields[2].empty() || !quantity || !price) return std::nullopt;
  return Order{.id = fields[0], .customer = fields[1], .item = fields[2], .quantity = *quantity, .price_cents = *price};
}

bool same(const Order& a, const Order& b) {
  return a.id == b.id && a.customer == b.customer && a.item == b.item && a.quantity == b.quantity &&
         a.price_cents == b.price_cents;
}

void check(const std::string& text, const Orders& read) {
  std::vector<std::string> lines = split(text, '\n');
  for (std::string& line : lines) {
    if (line.ends_with('\r')) line.pop_back();
  }
  if (lines[0].starts_with("\xef\xbb\xbf")) lines[0].erase(0, 3);
  expect(read.problem.empty() == (lines[0] + '\n' == kHeader), "another header is taken, or this one is not");
  if (!read.problem.empty()) return expect(read.orders.empty() && read.malformed.empty(), "a problem and orders");
  std::size_t order = 0;
  std::size_t noted = 0;
  std::set<std::string> ids;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const bool is_noted = noted < read.malformed.size() && read.malformed[noted].line == i + 1;
    if (is_noted) ++noted;
    expect(is_noted || order < read.orders.size(), "a line is lost");
    if (lines[i].find('"') == std::string::npos) {
      const auto expected = order_of(lines[i]);
      expect((expected && ids.count(expected->id) == 0) == !is_noted, "a line is read as something else");
      expect(is_noted || same(*expected, *read.orders[order]), "an order is another one");
    }
    if (is_noted) continue;
    const Order& taken = *read.orders[order];
    expect(taken.number == order++, "the numbers have holes");
    expect(ids.insert(taken.id).second, "an id comes twice");
    expect(!taken.customer.empty() && !taken.item.empty(), "a name is empty");
    expect(taken.quantity >= 1 && taken.quantity <= kQuantityMax && taken.price_cents >= 0 &&
               taken.price_cents <= kPriceMax,
           "a number is out of its bounds");
  }
  expect(order == read.orders.size() && noted == read.malformed.size(), "more was read than there is");
}

}  // namespace
}  // namespace coppice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  coppice::fuzz::Input input{data, size};
  const bool with_header = !input.one_in(8);
  std::string text{with_header ? coppice::kHeader : ""};
  while (!input.is_over()) text += static_cast<char>(input.byte());
  std::istringstream file{text};
  coppice::check(text, read_orders(file));
  return 0;
}
