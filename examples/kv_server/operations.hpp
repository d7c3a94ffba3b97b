#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

/// One thing that was done to a key, as a log keeps it: what came of a command, and not the command.
struct Operation {
  enum class Kind : unsigned char { Set = 1, Remove, Expire, Append, Clear };
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  Kind kind = Kind::Clear;
  std::string_view key = {};
  std::string_view value = {};
  std::int64_t expires = kNever;  // milliseconds since 1970, since a log outlives the steady clock
};

/// Numbers are written with their lowest byte first.
void put_number(std::string& bytes, std::uint64_t number, std::size_t width);
[[nodiscard]] std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t width);

void put(std::string& bytes, const Operation& operation);
/// Takes the next one off the front; its texts point into the bytes. False: what is there is none.
[[nodiscard]] bool take(std::string_view& bytes, Operation& operation);
