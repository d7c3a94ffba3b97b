#pragma once

#include <string>

#include "broker_core.hpp"
#include "coppice/system/dead_letter.hpp"

namespace coppice::detail {

/// Publishes a system's dead letters on a topic, as long as the broker is open.
class DeadLetterTopic final : public DeadLetterSink {
 public:
  DeadLetterTopic(IntrusivePtr<BrokerCore> core, std::string topic) noexcept;
  void heard(const DeadLetter& letter) noexcept override;

 private:
  const IntrusivePtr<BrokerCore> core_;
  const std::string topic_;
};

}  // namespace coppice::detail
