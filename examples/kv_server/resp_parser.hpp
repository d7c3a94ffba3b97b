#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What a parser takes at most; a client that sends more hears a protocol error.
struct RespLimits {
  std::size_t arguments_max = std::size_t{1'024} * 1'024;            ///< of one command
  std::size_t bulk_bytes_max = std::size_t{512} * 1'024 * 1'024;     ///< of one argument
  std::size_t command_bytes_max = std::size_t{512} * 1'024 * 1'024;  ///< of all arguments of one command
  std::size_t line_bytes_max = std::size_t{64} * 1'024;              ///< of an inline command
};

/// Commands out of the bytes of a connection, in Redis's protocol: arrays of bulk strings, or a line of words. Bytes may
/// come one at a time. Nothing is reserved for what a header announces, only for what has come.
///
/// Threads    one.
/// Failure    after a protocol error every next() answers it again. Nothing throws but std::bad_alloc.
/// Source     the Redis protocol specification; errors in the words of its server.
class RespParser {
 public:
  enum class Status : unsigned char { Command, More, Error };
  using Arguments = std::vector<std::string>;

  explicit RespParser(const RespLimits& limits = {}) noexcept : limits_{limits} {}
  /// The bytes have to stay until next() has answered More, or an error: only then is kept what waits for more.
  void feed(std::string_view bytes);
  /// The next command, at least one argument of it; or more bytes are needed; or error() says what is wrong.
  [[nodiscard]] Status next(Arguments& arguments);
  [[nodiscard]] const std::string& error() const noexcept { return error_; }
  /// A command has begun to come, and is not whole.
  [[nodiscard]] bool has_begun() const noexcept { return left_ != 0 || waiting() != 0; }
  /// Bytes that wait for more.
  [[nodiscard]] std::size_t waiting() const noexcept { return input_.size() - at_ + taken_bytes_; }

 private:
  enum class Step : unsigned char { Taken, More, Error };
  Step take_line(std::string_view& line, std::size_t bytes_max, const char* too_long);
  bool take_short(char mark, std::int64_t& number);
  Step take_header();
  Step take_length();
  Step take_inline(Arguments& arguments);
  Step take_argument();
  Step fail(std::string text);
  void keep_rest();

  RespLimits limits_;
  std::string buffer_;       // what waits for more
  std::string_view input_;   // what was fed, or all of the buffer
  std::size_t at_ = 0;       // up to here it has been taken
  std::size_t scanned_ = 0;  // behind at_: there is no end of a line before it
  Arguments taken_;          // of the array under way
  std::size_t taken_bytes_ = 0;
  std::size_t left_ = 0;     // arguments of it that are still to come
  bool has_length_ = false;  // of the next one
  std::size_t length_ = 0;
  std::string error_;
};
