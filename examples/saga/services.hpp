#pragma once

#include <memory>

#include <coppice/coppice.hpp>

#include "orders.hpp"
#include "store.hpp"

// Three services, each with a step and its undoing. A step that comes again is answered as before and not done again;
// an undoing undoes what was done, and nothing if nothing was.

struct Reserve {
  OrderPtr order;
};
struct Release {
  OrderPtr order;
};
struct Charge {
  OrderPtr order;
};
struct Refund {
  OrderPtr order;
};
struct Ship {
  OrderPtr order;
};
struct Recall {
  OrderPtr order;
};

/// The carrier takes parcels of so many units.
inline constexpr std::int64_t kParcelUnitsMax = 20;

class Warehouse : public coppice::Actor<Warehouse> {
 public:
  Warehouse(std::shared_ptr<Stock> stock, std::shared_ptr<Chaos> chaos)
      : stock_{std::move(stock)}, chaos_{std::move(chaos)} {}
  Verdict handle(const Reserve& reserve);
  Verdict handle(const Release& release);

 private:
  std::shared_ptr<Stock> stock_;
  std::shared_ptr<Chaos> chaos_;
};

class Bank : public coppice::Actor<Bank> {
 public:
  Bank(std::shared_ptr<Accounts> accounts, std::shared_ptr<Chaos> chaos)
      : accounts_{std::move(accounts)}, chaos_{std::move(chaos)} {}
  Verdict handle(const Charge& charge);
  Verdict handle(const Refund& refund);

 private:
  std::shared_ptr<Accounts> accounts_;
  std::shared_ptr<Chaos> chaos_;
};

class Carrier : public coppice::Actor<Carrier> {
 public:
  Carrier(std::shared_ptr<Parcels> parcels, std::shared_ptr<Chaos> chaos)
      : parcels_{std::move(parcels)}, chaos_{std::move(chaos)} {}
  Verdict handle(const Ship& ship);
  Verdict handle(const Recall& recall);

 private:
  std::shared_ptr<Parcels> parcels_;
  std::shared_ptr<Chaos> chaos_;
};
