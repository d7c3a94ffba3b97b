#include "report.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include <fmt/format.h>

#include "steps.hpp"

using examples::printable;
using examples::Tally;

namespace {

constexpr std::array kPlaces{"services/warehouse", "services/bank", "services/carrier", "sagas/coordinator"};
constexpr std::array kReasons{kNoStock, kDeclined, kTooHeavy, kGivenUp};

bool crashes_add_up(const Finished& finished) {
  const Tally all = finished.crashes.all();
  return all.crashes == finished.injected && all.restarts == all.crashes;
}

std::vector<OrderPtr> orders_that(const Books& books, Outcome::End end) {
  std::vector<OrderPtr> chosen;
  std::ranges::copy_if(books.orders, std::back_inserter(chosen),
                       [&](const OrderPtr& order) { return books.outcomes[order->number].end == end; });
  return chosen;
}

std::vector<OrderPtr> undone_because(const Books& books, const std::string& why) {
  std::vector<OrderPtr> chosen = orders_that(books, Outcome::End::Undone);
  std::erase_if(chosen, [&](const OrderPtr& order) { return books.outcomes[order->number].why != why; });
  return chosen;
}

std::int64_t sum(const std::map<std::string, std::int64_t>& amounts) {
  std::int64_t all = 0;
  for (const auto& [name, amount] : amounts) all += amount;
  return all;
}

/// Whether `id` is the number after `before`, so that both can be part of one range.
bool follows(const std::string& before, const std::string& id) {
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  const auto whole = [](const std::string& text, std::uint64_t& number) {
    const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && stopped == text.data() + text.size();
  };
  return whole(before, a) && whole(id, b) && a < b && b - a == 1;
}

/// "1001-1004, 1007": the orders' ids, neighbours as ranges, in lines of a hundred columns.
void print_ids(const std::vector<OrderPtr>& orders) {
  std::string line;
  const auto put = [&](const std::string& piece) {
    if (!line.empty() && line.size() + piece.size() + 4 > 96) {
      fmt::print("    {},\n", line);
      line.clear();
    }
    line += (line.empty() ? "" : ", ") + piece;
  };
  for (std::size_t first = 0, last = 0; first < orders.size(); first = ++last) {
    while (last + 1 < orders.size() && follows(orders[last]->id, orders[last + 1]->id)) ++last;
    const std::string begin = printable(orders[first]->id);
    put(first == last ? begin
                      : fmt::format("{}{}{}", begin, last - first > 1 ? "-" : ", ", printable(orders[last]->id)));
  }
  if (!line.empty()) fmt::print("    {}\n", line);
}

void print_lists(const Books& books) {
  const auto done = orders_that(books, Outcome::End::Done);
  fmt::print("done: {} orders\n", done.size());
  print_ids(done);
  fmt::print("undone: {} orders\n", orders_that(books, Outcome::End::Undone).size());
  for (const char* const why : kReasons) {
    const auto undone = undone_because(books, why);
    if (undone.empty()) continue;
    fmt::print("  {}: {}\n", why, undone.size());
    print_ids(undone);
  }
}

void print_crashes(const Finished& finished) {
  constexpr auto kRow = "{:<20} {:>10} {:>10}\n";
  fmt::print(kRow, "actor", "crashes", "restarts");
  for (const char* const place : kPlaces) {
    const Tally tally = finished.crashes.of(place);
    fmt::print(kRow, place, tally.crashes, tally.restarts);
  }
  const Tally all = finished.crashes.all();
  fmt::print(kRow, "all", all.crashes, all.restarts);
}

void print_sums(const Books& books) {
  const auto items = static_cast<std::int64_t>(books.holdings.stock.size());
  const auto customers = static_cast<std::int64_t>(books.holdings.money.size());
  fmt::print("stock: {} items began with {} units; {} are left and {} shipped\n", items, items * books.beginning.units,
             sum(books.holdings.stock), books.holdings.shipped);
  fmt::print("money: {} customers began with {} cents; {} are left and {} paid\n", customers,
             customers * books.beginning.cents, sum(books.holdings.money), books.holdings.paid);
}

void print_what_is_wrong(const Finished& finished) {
  for (const std::string& sentence : finished.wrong) fmt::print(stderr, "saga: {}\n", printable(sentence));
  if (!finished.gave_up.empty()) fmt::print(stderr, "saga: the coordinator gave up: {}\n", printable(finished.gave_up));
  if (finished.gave_up.empty() && !crashes_add_up(finished)) {
    const Tally all = finished.crashes.all();
    fmt::print(stderr, "saga: {} crashes were injected; the supervisors saw {} crashes and {} restarts\n",
               finished.injected, all.crashes, all.restarts);
  }
  if (!finished.in_order) fmt::print(stderr, "saga: the system did not shut down in order\n");
}

}  // namespace

int exit_code(const Finished& finished) {
  if (!finished.wrong.empty() || !finished.gave_up.empty() || !finished.in_order || !crashes_add_up(finished)) return 1;
  return finished.malformed.empty() ? 0 : 2;
}

void print(const Options& options, const Finished& finished) {
  for (const Malformed& row : finished.malformed) {
    fmt::print(stderr, "saga: {}:{}: {}\n", printable(options.orders), row.line, row.what);
  }
  print_lists(finished.books);
  fmt::print("\n");
  print_crashes(finished);
  fmt::print("\n");
  print_sums(finished.books);
  fmt::print("{} crashes injected; {} rows were malformed\n", finished.injected, finished.malformed.size());
  std::fflush(stdout);
  print_what_is_wrong(finished);
}

nlohmann::ordered_json as_json(const Options& options, const Finished& finished) {
  using Json = nlohmann::ordered_json;
  const Books& books = finished.books;
  const auto done = orders_that(books, Outcome::End::Done);
  const auto undone = orders_that(books, Outcome::End::Undone);
  const Tally all = finished.crashes.all();
  Json report;
  report["example"] = "saga";
  report["exit_code"] = exit_code(finished);
  report["options"] = {{"crash_every", options.crash_every ? Json(*options.crash_every) : Json(nullptr)},
                       {"in_flight", options.in_flight},
                       {"units", options.units},
                       {"cents", options.cents}};
  report["orders"] = {{"read", books.orders.size()},
                      {"malformed", finished.malformed.size()},
                      {"done", done.size()},
                      {"undone", undone.size()}};
  report["crashes"] = {{"injected", finished.injected}, {"crashes", all.crashes}, {"restarts", all.restarts}};
  report["actors"] = Json::array();
  for (const char* const place : kPlaces) {
    const Tally tally = finished.crashes.of(place);
    report["actors"].push_back({{"id", place}, {"crashes", tally.crashes}, {"restarts", tally.restarts}});
  }
  report["done"] = Json::array();
  for (const OrderPtr& order : done) report["done"].push_back(order->id);
  report["undone"] = Json::array();
  for (const OrderPtr& order : undone) {
    const Outcome& outcome = books.outcomes[order->number];
    report["undone"].push_back({{"order", order->id}, {"reason", outcome.why}, {"steps", outcome.taken}});
  }
  report["stock"] = {{"left", books.holdings.stock}, {"shipped", books.holdings.shipped}};
  report["money"] = {{"left", books.holdings.money}, {"paid", books.holdings.paid}};
  report["malformed"] = Json::array();
  for (const Malformed& row : finished.malformed)
    report["malformed"].push_back({{"line", row.line}, {"what", row.what}});
  report["wrong"] = finished.wrong;
  return report;
}
