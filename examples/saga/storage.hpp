#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <coppice/coppice.hpp>
#include <coppice/patterns/saga_plan.hpp>

#include "orders.hpp"

/// What all items and all customers begin with.
struct Beginning {
  std::int64_t units = 0;  ///< of each item
  std::int64_t cents = 0;  ///< of each customer
};

/// What everybody has: the services' effects.
struct Holdings {
  std::map<std::string, std::int64_t> stock;  ///< units, by item
  std::map<std::string, std::int64_t> money;  ///< cents, by customer
  std::int64_t paid = 0;                      ///< cents, the shop's
  std::int64_t shipped = 0;                   ///< units
};
[[nodiscard]] Holdings beginning_of(const std::vector<OrderPtr>& orders, Beginning beginning);

/// What the services have in place of databases: holdings, and the answer to each call by its key. What is done
/// between begin() and commit() is kept as a whole or not at all: see Transaction.
///
/// Failure    std::runtime_error: it cannot be read or written any more. What is only in memory has no such failure, and
///            nothing to roll back.
class Storage {
 public:
  enum class Account : unsigned char { Stock, Money, Paid, Shipped };

  Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  virtual ~Storage() = default;
  virtual void begin() = 0;
  virtual void commit() = 0;
  virtual void roll_back() noexcept = 0;
  [[nodiscard]] virtual std::int64_t amount(Account account, const std::string& name) = 0;
  virtual void add(Account account, const std::string& name, std::int64_t amount) = 0;
  [[nodiscard]] virtual std::optional<coppice::SagaAnswer> answer(const std::string& key) = 0;
  virtual void note(const std::string& key, const coppice::SagaAnswer& answer) = 0;
  [[nodiscard]] virtual Holdings holdings() = 0;
};

/// From begin() to commit(); without that it rolls back, or the file would stay locked, and the journal in it wait.
class Transaction {
 public:
  explicit Transaction(Storage& storage) : storage_{&storage} { storage.begin(); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (storage_) storage_->roll_back();
  }
  void commit() {
    storage_->commit();
    storage_ = nullptr;
  }

 private:
  Storage* storage_;
};

/// As long as the process.
[[nodiscard]] std::shared_ptr<Storage> make_memory_storage(Holdings beginning);

/// Carries a call out unless that was done before: its effect and its key are one. Answers as it did then.
[[nodiscard]] coppice::SagaAnswer apply_once(Storage& storage, const coppice::SagaCall& call, const Order& order);

/// To the Keeper: carry this out.
struct Entry {
  coppice::SagaCall call;
  OrderPtr order;
};

/// Does the services' work on their storage, on a thread of its own where that is on disk. What is asked while it
/// writes goes into the next transaction together. Answers when it is kept; ends when it cannot be.
class Keeper : public coppice::Actor<Keeper> {
 public:
  explicit Keeper(std::shared_ptr<Storage> storage) : storage_{std::move(storage)} {}
  coppice::Later<coppice::SagaAnswer> handle(Entry entry);
  struct Commit {};
  void handle(Commit);

 private:
  struct Asked {
    Entry entry;
    coppice::ReplyPromise<coppice::SagaAnswer> promise;
  };
  std::shared_ptr<Storage> storage_;
  std::vector<Asked> asked_;
};
