#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// Replies as they go over the wire. Where RESP3 has a form of its own, it is asked for.
namespace reply {

inline constexpr const char* kOk = "+OK\r\n";

[[nodiscard]] inline std::string headed(char kind, std::size_t count) { return kind + std::to_string(count) + "\r\n"; }
[[nodiscard]] inline std::string bulk(std::string_view text) {
  char head[24];
  char* const end = std::to_chars(head, head + sizeof head, text.size()).ptr;
  const auto digits = static_cast<std::size_t>(end - head);
  std::string reply;
  reply.reserve(1 + digits + 2 + text.size() + 2);
  reply += '$';
  reply.append(head, digits);
  reply += "\r\n";
  reply += text;
  reply += "\r\n";
  return reply;
}
[[nodiscard]] inline std::string number(std::int64_t n) { return ':' + std::to_string(n) + "\r\n"; }
[[nodiscard]] inline std::string error(std::string_view text) { return "-ERR " + std::string{text} + "\r\n"; }
[[nodiscard]] inline std::string array(std::size_t count) { return headed('*', count); }
[[nodiscard]] inline std::string nothing(bool resp3) { return resp3 ? "_\r\n" : "$-1\r\n"; }
/// Pairs, of which there are so many.
[[nodiscard]] inline std::string map(std::size_t pairs, bool resp3) {
  return resp3 ? headed('%', pairs) : array(2 * pairs);
}
/// What nobody has asked for.
[[nodiscard]] inline std::string push(std::size_t count, bool resp3) { return headed(resp3 ? '>' : '*', count); }

}  // namespace reply
