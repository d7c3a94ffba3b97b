// A saga for each order: reserve stock, charge the customer, ship; when a step fails, undo in reverse what was done.
//
// It shows   services and a coordinator that crash in the middle of it (--crash-every K) and are started again by their
//            supervisors. What must survive lives outside them: a journal of the sagas, and the services' storage,
//            where a step that is asked for twice is done once. With --journal FILE both are on disk: kill it at any moment,
//            run it again, and it goes on. At the end every order is done or undone, and stock and money add up to
//            the unit.
// It prints  the orders that are done and those that are undone, crashes and restarts, the sums. --json writes the same
//            to a file. Every item begins with --units, every customer with --cents. Exit codes: see report.hpp.
// Read       ../worker_pool before; then steps.hpp, storage.hpp, service.cpp, clerk.cpp, this file.

#include <algorithm>
#include <asio/thread_pool.hpp>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <unordered_map>

#include <fmt/format.h>
#include <coppice/asio.hpp>
#include <coppice/coppice.hpp>
#ifdef SAGA_WITH_SQLITE
#include <coppice/journals/sqlite_journal.hpp>
#endif

#include "../support/arguments.hpp"
#include "../support/checked_output.hpp"
#include "../support/crash_counter.hpp"
#include "chaos.hpp"
#include "clerk.hpp"
#include "report.hpp"
#include "service.hpp"
#include "sqlite_storage.hpp"
#include "steps.hpp"

using namespace std::chrono_literals;

namespace {

/// A step is asked for at most so many times; then the order is undone. An undoing is asked for until it is done.
constexpr std::uint32_t kAttempts = 4;

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
  app.add_option("--crash-on", options.poison, "Crash the carrier at every attempt to ship this order; may be repeated")
      ->check(examples::not_empty());
  app.add_option("--journal", options.journal, "Keep all of it in this file, go on from there when run again")
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

/// The crashes that each place is to have.
struct Crashes {
  std::shared_ptr<Chaos> at_warehouse, at_bank, at_carrier, at_coordinator;

  Crashes(const std::vector<OrderPtr>& orders, const Options& options) {
    std::vector<Transition> poison;
    for (const OrderPtr& order : orders) {
      if (std::ranges::find(options.poison, order->id) != options.poison.end())
        poison.push_back(transition(order->number, kShip, false));
    }
    at_warehouse = std::make_shared<Chaos>(options.crash_every);
    at_bank = std::make_shared<Chaos>(options.crash_every);
    at_carrier = std::make_shared<Chaos>(options.crash_every, poison);
    at_coordinator = std::make_shared<Chaos>(options.crash_every);
  }
  [[nodiscard]] std::uint64_t injected() const {
    return at_warehouse->dealt() + at_bank->dealt() + at_carrier->dealt() + at_coordinator->dealt();
  }
};

/// Crashes the coordinator before an outcome is written, or when it is written and nothing was done about it.
class CoordinatorChaos final : public coppice::SagaObserver {
 public:
  CoordinatorChaos(const std::vector<OrderPtr>& orders, std::shared_ptr<Chaos> chaos) : chaos_{std::move(chaos)} {
    for (const OrderPtr& order : orders) numbers_.emplace(order->id, order->number);
  }
  void writing(const coppice::SagaRecord& record) override { strike(record, Chaos::Moment::Before); }
  void written(const coppice::SagaRecord& record) override { strike(record, Chaos::Moment::After); }

 private:
  void strike(const coppice::SagaRecord& record, Chaos::Moment moment) {
    using coppice::SagaEvent;
    const auto step = step_named(record.step);
    if (!step || record.event == SagaEvent::StepBegun || record.event == SagaEvent::UndoBegun) return;
    const bool undo = record.event == SagaEvent::UndoDone;
    if (!chaos_->strikes(transition(numbers_.at(record.saga), *step, undo), moment)) return;
    throw std::runtime_error{moment == Chaos::Moment::Before ? "injected before the journal was written"
                                                             : "injected after the journal was written"};
  }
  std::unordered_map<std::string, std::size_t> numbers_;
  std::shared_ptr<Chaos> chaos_;
};

coppice::SagaPlan make_plan(const coppice::ActorRef<Service>& warehouse, const coppice::ActorRef<Service>& bank,
                            const coppice::ActorRef<Service>& carrier) {
  const auto step = [](std::size_t which, const coppice::ActorRef<Service>& service) {
    return coppice::SagaStep{
        .name = kSteps[which].name,
        .participant = service,
        .retry = {.attempts = kAttempts, .first = 1ms, .cap = 100ms, .within = 60s},
    };
  };
  return {.stages = {{step(kReserve, warehouse)}, {step(kCharge, bank)}, {step(kShip, carrier)}}};
}

/// What outlives the actors, and with --journal the process. The journal goes last: it has the file's lock.
struct Store {
  std::shared_ptr<coppice::SagaJournal> journal;
  std::shared_ptr<Storage> storage;
};

/// Throws std::runtime_error: a file that is no journal of these orders, with nothing of it changed.
Store open_store(const std::vector<OrderPtr>& orders, const Options& options) {
  const Holdings beginning = beginning_of(orders, {.units = options.units, .cents = options.cents});
  if (options.journal.empty())
    return {std::make_shared<coppice::InMemorySagaJournal>(), make_memory_storage(beginning)};
#ifdef SAGA_WITH_SQLITE
  const std::string subject = subject_of(orders, options.units, options.cents);
  auto journal = coppice::SqliteJournal::open({.path = options.journal, .subject = subject});
  if (!journal) throw std::runtime_error{journal.error()};
  const auto outcomes = read_outcomes(coppice::SagaRules{make_plan({}, {}, {})}, orders, **journal);
  if (!outcomes) throw std::runtime_error{outcomes.error()};
  return {*journal, make_sqlite_storage(options.journal, beginning)};
#else
  throw std::runtime_error{"this program was built without SQLite: install libsqlite3-dev and configure again"};
#endif
}

/// As many restarts as there can be crashes: before and after each step or undoing, and at the attempts at some.
coppice::Intensity patience(std::size_t orders, const Options& options) {
  if (!options.crash_every && options.poison.empty()) return {.restarts = 3, .within = 5s};
  const std::uint64_t most = std::numeric_limits<std::uint32_t>::max() - 1;
  const std::uint64_t all = orders * 12 + options.poison.size() * kAttempts;
  return {.restarts = static_cast<std::uint32_t>(std::min(all, most)), .within = 100ms};
}

/// Runs all sagas to their end. Why they did not come to it, or nothing.
std::string run_sagas(System& system, const std::shared_ptr<const std::vector<OrderPtr>>& orders, const Store& store,
                      const Crashes& crashes, const Options& options, asio::thread_pool& disk) {
  const coppice::Intensity intensity = patience(orders->size(), options);
  // What writes to disk blocks, so it has a thread of its own and leaves the workers alone.
  const auto on_disk = [&] {
    return options.journal.empty() ? coppice::SpawnOptions{} : coppice::SpawnOptions{.on = disk.get_executor()};
  };
  const auto keeper = system.spawn<Keeper>(on_disk(), store.storage);
  const auto writer = system.spawn<coppice::SagaJournalWriter>(on_disk(), store.journal);
  const auto services = system.start(
      coppice::supervisor({.id = "services", .strategy = coppice::OneForOne{}, .intensity = intensity},
                          coppice::child<Service>({.id = "warehouse"}, keeper, orders, crashes.at_warehouse),
                          coppice::child<Service>({.id = "bank"}, keeper, orders, crashes.at_bank),
                          coppice::child<Service>({.id = "carrier"}, keeper, orders, crashes.at_carrier)));
  if (!services) return services.error().reason.to_string();
  const auto service = [&](const char* id) { return services->child<Service>(id).value(); };
  const auto rules =
      std::make_shared<const coppice::SagaRules>(make_plan(service("warehouse"), service("bank"), service("carrier")));

  // Started after the services, so that the shutdown stops it before them. Its child comes when the clerk watches all
  // of them: it goes on with the sagas of its journal at once, and what fails then is to be told of.
  const auto sagas = system.start(coppice::supervisor({.id = "sagas", .intensity = intensity}));
  if (!sagas) return sagas.error().reason.to_string();
  const auto clerk = system.spawn<Clerk>(orders, static_cast<std::size_t>(options.in_flight),
                                         std::vector<coppice::AnyRef>{*services, *sagas, keeper, writer});
  static_cast<void>(clerk.ask(WhenWatching{}, coppice::kForever).get());
  const coppice::SagaOptions observed{.observer = std::make_shared<CoordinatorChaos>(*orders, crashes.at_coordinator)};
  const auto coordinator =
      sagas->start_child(coppice::child<coppice::SagaCoordinator>({.id = "coordinator"}, rules, writer, observed));
  if (!coordinator) return coordinator.error().reason.to_string();
  clerk.send(BeginOrders{coordinator->as<coppice::SagaCoordinator>()});
  const auto over = clerk.ask(WhenOver{}, coppice::kForever).get();
  return over ? *over : to_string(over.error());
}

/// Why the options do not fit the orders; empty: they do.
std::string misfit(const std::vector<OrderPtr>& orders, const Options& options) {
  for (const std::string& id : options.poison) {
    if (std::ranges::none_of(orders, [&](const OrderPtr& order) { return order->id == id; }))
      return fmt::format("--crash-on {}: there is no such order", examples::printable(id));
  }
  return {};
}

int finish(const Options& options, examples::ReportFile& report, Finished finished) {
  finished.wrong = audit(finished.books);
  const std::string problem = report.write(as_json(options, finished));
  print(options, finished);
  if (!problem.empty()) {
    fmt::print(stderr, "saga: --json {}: not written: {}\n", examples::printable(report.path()), problem);
    return 1;
  }
  return exit_code(finished);
}

int run_orders(const Options& options, Orders read, examples::ReportFile& report) {
  const Store store = open_store(read.orders, options);
  const Crashes crashes{read.orders, options};
  const auto orders = std::make_shared<const std::vector<OrderPtr>>(read.orders);
  asio::thread_pool disk{1};
  System system{{.reports = false}};  // crashes on purpose: the report tells of them
  Finished finished{.crashes = system.monitor()};
  finished.gave_up = run_sagas(system, orders, store, crashes, options, disk);
  finished.in_order = system.shutdown({.within = 5s}).complete && system.ledger().balances();
  finished.malformed = std::move(read.malformed);
  finished.injected = crashes.injected();
  auto outcomes = read_outcomes(coppice::SagaRules{make_plan({}, {}, {})}, read.orders, *store.journal);
  if (!outcomes) throw std::runtime_error{outcomes.error()};
  finished.books = {.orders = std::move(read.orders),
                    .outcomes = std::move(outcomes).value(),
                    .holdings = store.storage->holdings(),
                    .beginning = {.units = options.units, .cents = options.cents}};
  return finish(options, report, std::move(finished));
}

int run(const Options& options) {
  Orders read = read_orders(options.orders);
  if (!read.problem.empty()) {
    fmt::print(stderr, "saga: {}: {}\n", examples::printable(options.orders), read.problem);
    return 1;
  }
  if (const std::string problem = misfit(read.orders, options); !problem.empty()) {
    fmt::print(stderr, "saga: {}\n", problem);
    return 1;
  }
  examples::ReportFile report{options.json};
  if (!report.problem().empty()) {
    fmt::print(stderr, "saga: --json {}: {}\n", examples::printable(report.path()), report.problem());
    return 1;
  }
  try {
    return run_orders(options, std::move(read), report);
  } catch (const std::system_error&) {
    throw;  // stdout's
  } catch (const std::runtime_error& error) {
    fmt::print(stderr, "saga: --journal {}: {}\n", examples::printable(options.journal),
               examples::printable(error.what()));
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const auto code = read_arguments(options, argc, argv)) return *code;
  return examples::with_checked_output("saga", [&] { return run(options); });
}
