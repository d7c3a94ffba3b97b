// A saga for each order: reserve stock, charge the customer, ship; when a step fails, undo in reverse what was done.
//
// It shows   services and a coordinator that crash in the middle of it (--crash-every K) and are started again by their
//            supervisors. What must survive lives outside them (store.hpp); a step that is asked for twice is done
//            once; at the end every order is done or undone, and stock and money add up to the unit.
// It prints  the orders that are done and those that are undone, crashes and restarts, the sums. --json writes the same
//            to a file. Every item begins with --units, every customer with --cents. Exit codes: see report.hpp.
// Read       ../worker_pool before; then steps.hpp, store.hpp, services.cpp, coordinator.cpp, this file.

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <coppice/coppice.hpp>

#include "../support/arguments.hpp"
#include "../support/checked_output.hpp"
#include "../support/crash_counter.hpp"
#include "coordinator.hpp"
#include "report.hpp"
#include "services.hpp"

using namespace std::chrono_literals;

namespace {

using System = coppice::BasicActorSystem<examples::CrashCounter>;

std::optional<int> read_arguments(Options& options, int argc, char** argv) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  CLI::App app{
      "Reserves, charges and ships each order of a file with actors that crash, and undoes what cannot be finished."};
  app.add_option("ORDERS.csv", options.orders, "order_id,customer,item,quantity,price_cents")
      ->check(examples::not_empty())
      ->required();
  app.add_option("--crash-every", options.crash_every, "Crash each actor at every so-manieth step it takes part in")
      ->check(examples::whole_number(1, kMost));
  app.add_option("--crash-on", options.poison, "Crash the carrier at every attempt to ship this order")
      ->check(examples::not_empty());
  app.add_option("--in-flight", options.in_flight, "Orders at a time")
      ->check(examples::whole_number(1, 10'000))
      ->capture_default_str();
  app.add_option("--units", options.units, "Stock of each item in the beginning")
      ->check(examples::whole_number(0, 1'000'000'000))
      ->capture_default_str();
  app.add_option("--cents", options.cents, "Money of each customer in the beginning")
      ->check(examples::whole_number(0, 1'000'000'000))
      ->capture_default_str();
  app.add_option("--json", options.json, "Write the report to this file, too")->check(examples::not_empty());
  return examples::parse(app, argc, argv);
}

/// What outlives the actors, one object for each place, and the crashes that each place is to have.
struct Store {
  std::shared_ptr<Stock> stock = std::make_shared<Stock>();
  std::shared_ptr<Accounts> accounts = std::make_shared<Accounts>();
  std::shared_ptr<Parcels> parcels = std::make_shared<Parcels>();
  std::shared_ptr<Journal> journal = std::make_shared<Journal>();
  std::shared_ptr<Chaos> at_warehouse, at_bank, at_carrier, at_coordinator;

  Store(const std::vector<OrderPtr>& orders, const Options& options) {
    std::optional<StepKey> poison;
    for (const OrderPtr& order : orders) {
      stock->units.emplace(order->item, options.units);
      accounts->cents.emplace(order->customer, options.cents);
      if (order->id == options.poison) poison = key_of(order->number, Step::Ship);
    }
    journal->entries.resize(orders.size());
    at_warehouse = std::make_shared<Chaos>(options.crash_every);
    at_bank = std::make_shared<Chaos>(options.crash_every);
    at_carrier = std::make_shared<Chaos>(options.crash_every, poison);
    at_coordinator = std::make_shared<Chaos>(options.crash_every);
  }
  [[nodiscard]] std::uint64_t injected() const {
    return at_warehouse->dealt() + at_bank->dealt() + at_carrier->dealt() + at_coordinator->dealt();
  }
};

/// As many restarts as there can be crashes: six steps an order, and the attempts at one of them.
coppice::Intensity patience(std::size_t orders) {
  const std::uint64_t most = std::numeric_limits<std::uint32_t>::max() - 1;
  return {.restarts = static_cast<std::uint32_t>(std::min<std::uint64_t>(orders * 6 + kAttempts, most)),
          .within = 100ms};
}

/// Runs all sagas to their end. Why they did not come to it, or nothing.
std::string run_sagas(System& system, const std::vector<OrderPtr>& orders, const Store& store, const Options& options) {
  const coppice::Intensity intensity = patience(orders.size());
  const auto services =
      system.start(coppice::supervisor({.id = "services", .strategy = coppice::OneForOne{}, .intensity = intensity},
                                       coppice::child<Warehouse>({.id = "warehouse"}, store.stock, store.at_warehouse),
                                       coppice::child<Bank>({.id = "bank"}, store.accounts, store.at_bank),
                                       coppice::child<Carrier>({.id = "carrier"}, store.parcels, store.at_carrier)));
  if (!services) return services.error().reason.to_string();
  const Services refs{services->child<Warehouse>("warehouse").value(), services->child<Bank>("bank").value(),
                      services->child<Carrier>("carrier").value()};

  // Started after the services, so that the shutdown stops it before them.
  const auto sagas = system.start(coppice::supervisor(
      {.id = "sagas", .intensity = intensity},
      coppice::child<Coordinator>({.id = "coordinator"}, std::make_shared<const std::vector<OrderPtr>>(orders),
                                  store.journal, refs, store.at_coordinator,
                                  static_cast<std::size_t>(options.in_flight))));
  if (!sagas) return sagas.error().reason.to_string();
  const auto coordinator = sagas->child<Coordinator>("coordinator").value();

  for (;;) {
    const auto over = coordinator.ask(WhenOver{}, coppice::kForever).get();
    if (over) return {};
    // The life that had promised to answer crashed: the next one can be asked. A place that has ended cannot.
    const bool crashed = over.error() == coppice::AskError::NoReply || over.error() == coppice::AskError::Crashed;
    if (!crashed) return to_string(over.error());
  }
}

int run(const Options& options) {
  Orders read = read_orders(options.orders);
  if (!read.problem.empty()) {
    fmt::print(stderr, "saga: {}: {}\n", examples::printable(options.orders), read.problem);
    return 1;
  }
  const auto poisoned = [&](const OrderPtr& order) { return order->id == options.poison; };
  if (!options.poison.empty() && std::ranges::none_of(read.orders, poisoned)) {
    fmt::print(stderr, "saga: --crash-on {}: there is no such order\n", examples::printable(options.poison));
    return 1;
  }
  examples::ReportFile report{options.json};
  if (!report.problem().empty()) {
    fmt::print(stderr, "saga: --json {}: {}\n", examples::printable(report.path()), report.problem());
    return 1;
  }

  System system{{.reports = false}};  // crashes on purpose: the report tells of them
  const Store store{read.orders, options};
  Finished finished{.crashes = system.monitor()};
  finished.gave_up = run_sagas(system, read.orders, store, options);
  finished.in_order = system.shutdown({.within = 5s}).complete && system.ledger().balances();
  finished.malformed = std::move(read.malformed);
  finished.injected = store.injected();
  finished.books = {.orders = std::move(read.orders),
                    .journal = *store.journal,
                    .stock = *store.stock,
                    .accounts = *store.accounts,
                    .parcels = *store.parcels,
                    .beginning = {.units = options.units, .cents = options.cents}};
  finished.wrong = audit(finished.books);
  const std::string problem = report.write(as_json(options, finished));
  print(options, finished);
  if (!problem.empty()) {
    fmt::print(stderr, "saga: --json {}: not written: {}\n", examples::printable(report.path()), problem);
    return 1;
  }
  return exit_code(finished);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const auto code = read_arguments(options, argc, argv)) return *code;
  return examples::with_checked_output("saga", [&] { return run(options); });
}
