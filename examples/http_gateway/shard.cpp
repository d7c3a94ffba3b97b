#include "shard.hpp"

#include <charconv>

std::optional<std::int64_t> whole_number(const std::string& text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return number;
}

Answer Shard::handle(const IncrementKey& increment) {
  const auto found = keys_->find(increment.key);
  const auto before = found == keys_->end() ? std::optional<std::int64_t>{0} : whole_number(found->second);
  std::int64_t sum = 0;
  if (!before || __builtin_add_overflow(*before, increment.by, &sum)) return {409};
  std::string value = std::to_string(sum);
  keys_->insert_or_assign(increment.key, value);
  return {200, std::move(value)};
}
