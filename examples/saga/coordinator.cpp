#include "coordinator.hpp"

#include <chrono>
#include <stdexcept>

using namespace std::chrono_literals;

Coordinator::Coordinator(std::shared_ptr<const std::vector<OrderPtr>> orders, std::shared_ptr<Journal> journal,
                         Services services, std::shared_ptr<Chaos> chaos, std::size_t in_flight)
    : orders_{std::move(orders)},
      journal_{std::move(journal)},
      services_{std::move(services)},
      chaos_{std::move(chaos)},
      in_flight_{in_flight} {}

/// The life before may have asked for these steps already: then they are answered as they were.
void Coordinator::on_start() {
  for (const std::size_t order : journal_->open) perform(order);
  begin_more();
}

coppice::Later<bool> Coordinator::handle(WhenOver) {
  auto [promise, later] = reply_later<bool>();
  waiting_.push_back(std::move(promise));
  answer_if_over();
  return std::move(later);
}

void Coordinator::begin_more() {
  while (journal_->open.size() < in_flight_ && journal_->next < orders_->size()) {
    const std::size_t order = journal_->next++;
    journal_->open.insert(order);
    perform(order);
  }
}

/// Asks for the step that the journal names.
void Coordinator::perform(std::size_t order) {
  const OrderPtr& what = (*orders_)[order];
  switch (journal_->entries[order].step) {
    case Step::Reserve: return ask_for(services_.warehouse, Reserve{what}, order);
    case Step::Charge: return ask_for(services_.bank, Charge{what}, order);
    case Step::Ship: return ask_for(services_.carrier, Ship{what}, order);
    case Step::Recall: return ask_for(services_.carrier, Recall{what}, order);
    case Step::Refund: return ask_for(services_.bank, Refund{what}, order);
    case Step::Release: return ask_for(services_.warehouse, Release{what}, order);
    case Step::Done:
    case Step::Undone: return;
  }
}

template <class A, class M>
void Coordinator::ask_for(const coppice::ActorRef<A>& service, M step, std::size_t order) {
  ask(service, std::move(step), 5s).then([this, order](const Answer& answer) { answered(order, answer); });
}

void Coordinator::answered(std::size_t order, const Answer& answer) {
  if (!answer) {
    // Crashed, or late: whether the step was done is not known, and asking again is safe. Anything else does not pass.
    const bool passes = answer.error() == coppice::AskError::Crashed || answer.error() == coppice::AskError::Timeout;
    if (passes) return try_again(order);
    return stop(
        coppice::ExitReason::error(std::string{"a service does not answer any more: "} + to_string(answer.error())));
  }
  const Chaos::Blow blow = chaos_->strike(key_of(order, journal_->entries[order].step));
  if (blow == Chaos::Blow::Before) throw std::runtime_error{"injected before the journal was written"};
  write(order, *answer);
  if (blow == Chaos::Blow::After) throw std::runtime_error{"injected after the journal was written"};
  go_on(order);
}

void Coordinator::try_again(std::size_t order) {
  if (++attempts_[order] < kAttempts || !is_forward(journal_->entries[order].step)) return perform(order);
  write(order, Verdict::Crashed);
  go_on(order);
}

void Coordinator::write(std::size_t order, Verdict verdict) {
  attempts_.erase(order);
  Journal::Entry& entry = journal_->entries[order];
  if (verdict != Verdict::Done) entry.why = verdict;
  entry.taken.push_back(entry.step);
  entry.step = next_step(entry.step, verdict);
  if (!is_over(entry.step)) return;
  journal_->open.erase(order);
  ++journal_->over;
}

void Coordinator::go_on(std::size_t order) {
  if (!is_over(journal_->entries[order].step)) return perform(order);
  begin_more();
  answer_if_over();
}

void Coordinator::answer_if_over() {
  if (journal_->over < orders_->size()) return;
  for (auto& promise : waiting_) promise.set(true);
  waiting_.clear();
}
