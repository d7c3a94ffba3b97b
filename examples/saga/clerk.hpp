#pragma once

#include <memory>
#include <string>
#include <vector>

#include <coppice/coppice.hpp>
#include <coppice/patterns/saga.hpp>

#include "orders.hpp"

/// To the clerk: answer that it watches.
struct WhenWatching {};
/// To the clerk: begin.
struct BeginOrders {
  coppice::ActorRef<coppice::SagaCoordinator> coordinator;
};
/// To the clerk: answer when every order is done or undone, with nothing; or with why they will not be.
struct WhenOver {};

/// Has a saga run for each order, some at a time.
class Clerk : public coppice::Actor<Clerk> {
 public:
  /// `vital`: when one of them ends it is over. Who has ended before it was watched cannot say why any more, so the
  /// coordinator, which goes on with old sagas as soon as it is there, is started when the clerk watches.
  Clerk(std::shared_ptr<const std::vector<OrderPtr>> orders, std::size_t in_flight, std::vector<coppice::AnyRef> vital);
  void on_start();
  bool handle(WhenWatching) { return true; }
  void handle(BeginOrders begin);
  coppice::Later<std::string> handle(WhenOver);
  void handle(const coppice::Down& down);

 private:
  void begin_more();
  void begin(const OrderPtr& order);
  void give_up(std::string why);
  void answer_if_over();

  std::shared_ptr<const std::vector<OrderPtr>> orders_;
  std::size_t in_flight_;
  std::vector<coppice::AnyRef> vital_;
  coppice::ActorRef<coppice::SagaCoordinator> coordinator_;
  std::size_t next_ = 0;
  std::size_t ended_ = 0;
  std::string problem_;
  std::vector<coppice::ReplyPromise<std::string>> waiting_;
};
