#include "coppice/patterns/saga_record.hpp"

#include <array>

namespace coppice {

namespace {
constexpr std::array kNames{"begun",      "step begun", "step done", "step refused", "step given up",
                            "undo begun", "undo done",  "completed", "compensated"};
}  // namespace

const char* to_string(SagaEvent event) noexcept {
  const auto index = static_cast<std::size_t>(event);
  return index < kNames.size() ? kNames[index] : "unknown";
}

std::optional<SagaEvent> saga_event(std::string_view text) noexcept {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (text == kNames[i]) return static_cast<SagaEvent>(i);
  }
  return std::nullopt;
}

std::string to_string(const SagaRecord& record) {
  std::string text = record.saga + ": " + to_string(record.event);
  if (!record.step.empty()) text += ": " + record.step;
  if (!record.text.empty() && record.event != SagaEvent::Begun) text += ": " + record.text;
  return text;
}

}  // namespace coppice
