#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include <coppice/coppice.hpp>

#include "services.hpp"

/// A forward step is asked for at most so many times; then the order is undone. An undoing is asked for until it is
/// done.
inline constexpr unsigned kAttempts = 4;

/// Whom the coordinator works with.
struct Services {
  coppice::ActorRef<Warehouse> warehouse;
  coppice::ActorRef<Bank> bank;
  coppice::ActorRef<Carrier> carrier;
};

/// To the coordinator: answer when every order is done or undone. Ask again when there is no answer: the life that had
/// promised it may have crashed.
struct WhenOver {};

/// Runs a saga for each order, some at a time. What it must not forget is in the journal; a new life goes on from
/// there.
class Coordinator : public coppice::Actor<Coordinator> {
 public:
  Coordinator(std::shared_ptr<const std::vector<OrderPtr>> orders, std::shared_ptr<Journal> journal, Services services,
              std::shared_ptr<Chaos> chaos, std::size_t in_flight);

  void on_start();
  coppice::Later<bool> handle(WhenOver);

 private:
  using Answer = coppice::Result<Verdict, coppice::AskError>;

  void begin_more();
  void perform(std::size_t order);
  template <class A, class M>
  void ask_for(const coppice::ActorRef<A>& service, M step, std::size_t order);
  void answered(std::size_t order, const Answer& answer);
  void try_again(std::size_t order);
  void write(std::size_t order, Verdict verdict);
  void go_on(std::size_t order);
  void answer_if_over();

  std::shared_ptr<const std::vector<OrderPtr>> orders_;
  std::shared_ptr<Journal> journal_;
  Services services_;
  std::shared_ptr<Chaos> chaos_;
  std::size_t in_flight_;
  std::unordered_map<std::size_t, unsigned> attempts_;  // at an order's present step, by this life
  std::vector<coppice::ReplyPromise<bool>> waiting_;
};
