#pragma once

#include <memory>
#include <vector>

#include <coppice/coppice.hpp>

#include "chaos.hpp"
#include "storage.hpp"

/// Warehouse, bank or carrier: what takes part in the sagas, and crashes in the middle of it. Passes each call on to
/// the keeper of its storage, where a repetition is known by its key.
class Service : public coppice::Actor<Service> {
 public:
  Service(coppice::ActorRef<Keeper> keeper, std::shared_ptr<const std::vector<OrderPtr>> orders,
          std::shared_ptr<Chaos> chaos)
      : keeper_{std::move(keeper)}, orders_{std::move(orders)}, chaos_{std::move(chaos)} {}
  coppice::Later<coppice::SagaAnswer> handle(const coppice::SagaCall& call);

 private:
  coppice::ActorRef<Keeper> keeper_;
  std::shared_ptr<const std::vector<OrderPtr>> orders_;
  std::shared_ptr<Chaos> chaos_;
};
