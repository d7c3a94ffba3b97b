#include "storage.hpp"

#include <unordered_map>

#include "steps.hpp"

using coppice::SagaAction;
using coppice::SagaAnswer;
using coppice::SagaCall;
using Account = Storage::Account;

namespace {

class MemoryStorage final : public Storage {
 public:
  explicit MemoryStorage(Holdings beginning) : holdings_{std::move(beginning)} {}
  void begin() override {}
  void commit() override {}
  void roll_back() noexcept override {}
  std::int64_t amount(Account account, const std::string& name) override { return place(account, name); }
  void add(Account account, const std::string& name, std::int64_t amount) override { place(account, name) += amount; }
  std::optional<SagaAnswer> answer(const std::string& key) override {
    const auto found = answers_.find(key);
    return found == answers_.end() ? std::nullopt : std::optional{found->second};
  }
  void note(const std::string& key, const SagaAnswer& answer) override { answers_.emplace(key, answer); }
  Holdings holdings() override { return holdings_; }

 private:
  std::int64_t& place(Account account, const std::string& name) {
    switch (account) {
      case Account::Stock: return holdings_.stock[name];
      case Account::Money: return holdings_.money[name];
      case Account::Paid: return holdings_.paid;
      case Account::Shipped: break;
    }
    return holdings_.shipped;
  }
  Holdings holdings_;
  std::unordered_map<std::string, SagaAnswer> answers_;
};

/// Why the step cannot be done; null: it can.
const char* obstacle(Storage& storage, std::size_t step, const Order& order) {
  switch (step) {
    case kReserve: return storage.amount(Account::Stock, order.item) < order.quantity ? kNoStock : nullptr;
    case kCharge: return storage.amount(Account::Money, order.customer) < order.amount() ? kDeclined : nullptr;
    default: return order.quantity > kParcelUnitsMax ? kTooHeavy : nullptr;
  }
}

/// `times`: 1 does it, -1 undoes it.
void move(Storage& storage, std::size_t step, const Order& order, int times) {
  switch (step) {
    case kReserve: return storage.add(Account::Stock, order.item, -order.quantity * times);
    case kCharge:
      storage.add(Account::Money, order.customer, -order.amount() * times);
      return storage.add(Account::Paid, "", order.amount() * times);
    default: return storage.add(Account::Shipped, "", order.quantity * times);
  }
}

SagaAnswer carry_out(Storage& storage, const SagaCall& call, const Order& order) {
  const std::size_t step = step_named(call.step).value();
  const bool undo = call.action == SagaAction::Undo;
  SagaCall other = call;
  other.action = undo ? SagaAction::Do : SagaAction::Undo;
  const auto before = storage.answer(other.key());
  if (undo) {
    if (before && before->is_done) move(storage, step, order, -1);
    return SagaAnswer::done();
  }
  if (before) return SagaAnswer::refused(kRecalled);
  if (const char* const why = obstacle(storage, step, order)) return SagaAnswer::refused(why);
  move(storage, step, order, 1);
  return SagaAnswer::done();
}

}  // namespace

Holdings beginning_of(const std::vector<OrderPtr>& orders, Beginning beginning) {
  Holdings holdings;
  for (const OrderPtr& order : orders) {
    holdings.stock.emplace(order->item, beginning.units);
    holdings.money.emplace(order->customer, beginning.cents);
  }
  return holdings;
}

std::shared_ptr<Storage> make_memory_storage(Holdings beginning) {
  return std::make_shared<MemoryStorage>(std::move(beginning));
}

SagaAnswer apply_once(Storage& storage, const SagaCall& call, const Order& order) {
  const std::string key = call.key();
  if (const auto known = storage.answer(key)) return *known;
  const SagaAnswer answer = carry_out(storage, call, order);
  storage.note(key, answer);
  return answer;
}

coppice::Later<SagaAnswer> Keeper::handle(Entry entry) {
  auto [promise, later] = reply_later<SagaAnswer>();
  asked_.push_back({std::move(entry), std::move(promise)});
  if (asked_.size() == 1) self().send(Commit{});  // behind all that wait already
  return std::move(later);
}

void Keeper::handle(Commit) {
  std::vector<Asked> asked = std::move(asked_);
  asked_.clear();
  std::vector<SagaAnswer> answers;
  answers.reserve(asked.size());
  Transaction transaction{*storage_};
  for (const Asked& one : asked) answers.push_back(apply_once(*storage_, one.entry.call, *one.entry.order));
  transaction.commit();
  for (std::size_t i = 0; i < asked.size(); ++i) asked[i].promise.set(std::move(answers[i]));
}
