#include "orders.hpp"

#include <csv.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <map>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "../support/report_file.hpp"

namespace {

using Fields = std::vector<std::string>;

constexpr std::string_view kHeader = "order_id,customer,item,quantity,price_cents";
constexpr std::size_t kLineMax = std::size_t{64} * 1024;

/// libcsv, a line at a time: then a quote that is never closed costs one row and not all the rest.
class LineParser {
 public:
  LineParser() { csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL | CSV_REPALL_NL); }
  ~LineParser() { csv_free(&parser_); }
  LineParser(const LineParser&) = delete;
  LineParser& operator=(const LineParser&) = delete;

  /// What is wrong; empty: nothing.
  [[nodiscard]] std::string_view parse(const std::string& line) {
    const bool parsed = csv_parse(&parser_, line.data(), line.size(), &add_field, &end_row, this) == line.size();
    const bool ended = csv_fini(&parser_, &add_field, &end_row, this) == 0;
    if (!parsed || !ended) return "a quote is not closed, or stands inside a field";
    return has_more_rows_ ? "a carriage return stands in the middle" : "";
  }
  [[nodiscard]] const Fields& fields() const { return fields_; }

 private:
  static void add_field(void* text, std::size_t size, void* self) {
    static_cast<LineParser*>(self)->fields_.emplace_back(static_cast<const char*>(text), size);
  }
  /// To libcsv a carriage return ends a row as well, and what follows it would be read as this one's next fields.
  static void end_row(int end, void* self) { static_cast<LineParser*>(self)->has_more_rows_ |= end == CSV_CR; }

  csv_parser parser_{};
  Fields fields_;
  bool has_more_rows_ = false;
};

class Reader {
 public:
  explicit Reader(std::istream& input) : input_{input} {}

  Orders run() {
    std::string line;
    if (!next_line(line) || line != kHeader) {
      read_.problem = fmt::format("its first line is not \"{}\"", kHeader);
      return std::move(read_);
    }
    while (next_line(line)) {
      if (!line.empty()) read_row(line);
    }
    if (input_.bad()) note("it cannot be read from here on");
    return std::move(read_);
  }

 private:
  /// Without what ends it. A line that is too long is cut, which the row then is noted for.
  bool next_line(std::string& line) {
    ++line_number_;
    line.clear();
    too_long_ = false;
    for (int c = input_.get(); c != EOF; c = input_.get()) {
      if (c == '\n') return finish_line(line);
      if (line.size() < kLineMax) {
        line.push_back(static_cast<char>(c));
      } else if (line_number_ == 1) {
        return true;  // no header is that long: whatever this is, it may have no end
      } else {
        too_long_ = true;
      }
    }
    return !line.empty() && finish_line(line);
  }
  bool finish_line(std::string& line) const {
    if (line.ends_with('\r')) line.pop_back();
    if (line_number_ == 1 && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);  // as spreadsheets begin UTF-8
    return true;
  }

  void read_row(const std::string& line) {
    if (too_long_) return note(fmt::format("the line has more than {} bytes", kLineMax));
    LineParser parser;
    if (const std::string_view wrong = parser.parse(line); !wrong.empty()) return note(std::string{wrong});
    const Fields& fields = parser.fields();
    if (fields.size() != 5) return note(fmt::format("it has {} fields instead of 5", fields.size()));
    Order order{.id = fields[0], .customer = fields[1], .item = fields[2], .number = read_.orders.size()};
    if (!check_names(order)) return;
    if (!read_number("quantity", fields[3], 1, kQuantityMax, order.quantity)) return;
    if (!read_number("price_cents", fields[4], 0, kPriceMax, order.price_cents)) return;
    lines_.emplace(order.id, line_number_);
    read_.orders.push_back(std::make_shared<const Order>(std::move(order)));
  }

  bool check_names(const Order& order) {
    if (order.id.empty()) return note("order_id is empty"), false;
    if (order.customer.empty()) return note("customer is empty"), false;
    if (order.item.empty()) return note("item is empty"), false;
    const auto earlier = lines_.find(order.id);
    if (earlier == lines_.end()) return true;
    note(fmt::format("order {} stands in line {} already", examples::printable(order.id), earlier->second));
    return false;
  }

  bool read_number(std::string_view name, const std::string& text, std::int64_t low, std::int64_t high,
                   std::int64_t& to) {
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, to);
    if (error == std::errc{} && stopped == end && to >= low && to <= high) return true;
    note(fmt::format("{} is \"{}\", not a whole number from {} to {}", name, examples::printable(text), low, high));
    return false;
  }

  void note(std::string what) { read_.malformed.push_back({.line = line_number_, .what = std::move(what)}); }

  std::istream& input_;
  Orders read_;
  std::uint64_t line_number_ = 0;
  bool too_long_ = false;
  std::map<std::string, std::uint64_t> lines_;  // in which line an order stands
};

}  // namespace

Orders read_orders(const std::string& path) {
  std::ifstream input{path, std::ios::binary};
  Orders read;
  if (!input) {
    read.problem = std::generic_category().message(errno);
    return read;
  }
  input.peek();  // opening a directory succeeds, reading it does not
  if (input.bad()) {
    read.problem = "it cannot be read";
    return read;
  }
  return read_orders(input);
}

Orders read_orders(std::istream& input) { return Reader{input}.run(); }
