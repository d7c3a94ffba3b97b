#include "operations.hpp"

namespace {

constexpr std::size_t kLengthBytes = 8;

void put_text(std::string& bytes, std::string_view text) {
  put_number(bytes, text.size(), kLengthBytes);
  bytes.append(text);
}

[[nodiscard]] bool take_text(std::string_view& bytes, std::string_view& text) {
  if (bytes.size() < kLengthBytes) return false;
  const std::uint64_t length = number_at(bytes, 0, kLengthBytes);
  bytes.remove_prefix(kLengthBytes);
  if (length > bytes.size()) return false;
  text = bytes.substr(0, length);
  bytes.remove_prefix(length);
  return true;
}

[[nodiscard]] bool has_key(Operation::Kind kind) { return kind != Operation::Kind::Clear; }
[[nodiscard]] bool has_value(Operation::Kind kind) {
  return kind == Operation::Kind::Set || kind == Operation::Kind::Append;
}
[[nodiscard]] bool has_expiry(Operation::Kind kind) {
  return kind == Operation::Kind::Set || kind == Operation::Kind::Expire;
}

}  // namespace

void put_number(std::string& bytes, std::uint64_t number, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) bytes += static_cast<char>(number >> (8 * i) & 0xff);
}

std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t width) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < width; ++i)
    number |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return number;
}

void put(std::string& bytes, const Operation& operation) {
  bytes += static_cast<char>(operation.kind);
  if (has_expiry(operation.kind)) put_number(bytes, static_cast<std::uint64_t>(operation.expires), 8);
  if (has_key(operation.kind)) put_text(bytes, operation.key);
  if (has_value(operation.kind)) put_text(bytes, operation.value);
}

bool take(std::string_view& bytes, Operation& operation) {
  if (bytes.empty()) return false;
  operation = {};
  const auto kind = static_cast<unsigned char>(bytes.front());
  bytes.remove_prefix(1);
  if (kind < 1 || kind > static_cast<unsigned char>(Operation::Kind::Clear)) return false;
  operation.kind = static_cast<Operation::Kind>(kind);
  if (has_expiry(operation.kind)) {
    if (bytes.size() < 8) return false;
    operation.expires = static_cast<std::int64_t>(number_at(bytes, 0, 8));
    bytes.remove_prefix(8);
  }
  if (has_key(operation.kind) && !take_text(bytes, operation.key)) return false;
  return !has_value(operation.kind) || take_text(bytes, operation.value);
}
