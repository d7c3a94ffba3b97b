#include "resp_parser.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace {

[[nodiscard]] bool parse(std::string_view text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

[[nodiscard]] bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\0'; }

constexpr std::size_t kHeaderBytes = 64;
constexpr std::size_t kReservedMost = 8;  // arguments, before they have come
constexpr std::size_t kShortDigits = 3;

}  // namespace

void RespParser::feed(std::string_view bytes) {
  if (!error_.empty()) return;
  if (at_ == input_.size()) {
    input_ = bytes;
    at_ = 0;
  } else {
    buffer_.append(bytes);
    input_ = buffer_;
  }
}

RespParser::Status RespParser::next(Arguments& arguments) {
  arguments.clear();
  for (;;) {
    if (!error_.empty()) return Status::Error;
    Step step = Step::Taken;
    if (left_ != 0) {
      step = take_argument();
      if (step == Step::Taken && left_ == 0) {
        arguments = std::exchange(taken_, {});
        taken_bytes_ = 0;
        return Status::Command;
      }
    } else if (at_ == input_.size()) {
      step = Step::More;
    } else if (input_[at_] == '*') {
      step = take_header();
    } else {
      step = take_inline(arguments);
      if (step == Step::Taken && !arguments.empty()) return Status::Command;
    }
    if (step != Step::More) continue;
    keep_rest();
    return Status::More;
  }
}

/// A line without its end; "\r\n", or a bare "\n" as the server takes it.
RespParser::Step RespParser::take_line(std::string_view& line, std::size_t bytes_max, const char* too_long) {
  const std::size_t end = input_.find('\n', at_ + scanned_);
  const std::size_t length = (end == std::string_view::npos ? input_.size() : end) - at_;
  if (length > bytes_max) return fail(too_long);
  if (end == std::string_view::npos) {
    scanned_ = length;
    return Step::More;
  }
  line = input_.substr(at_, length);
  if (line.ends_with('\r')) line.remove_suffix(1);
  at_ = end + 1;
  scanned_ = 0;
  return Step::Taken;
}

/// A number of a few digits behind its mark, as nearly all are: the line's end is not looked for. False: it is longer, or
/// wrong, or not there yet, and take_line() says which.
bool RespParser::take_short(char mark, std::int64_t& number) {
  const std::size_t most = std::min(input_.size() - at_, 1 + kShortDigits + 2);
  const char* const head = input_.data() + at_;
  if (most == 0 || head[0] != mark) return false;
  std::size_t length = 1;
  std::int64_t value = 0;
  for (; length < most && head[length] >= '0' && head[length] <= '9'; ++length)
    value = value * 10 + (head[length] - '0');
  if (length == 1 || length + 2 > most || head[length] != '\r' || head[length + 1] != '\n') return false;
  number = value;
  at_ += length + 2;
  scanned_ = 0;
  return true;
}

RespParser::Step RespParser::take_header() {
  std::int64_t count = 0;
  if (!take_short('*', count)) {
    std::string_view line;
    const Step step = take_line(line, kHeaderBytes, "Protocol error: too big mbulk count string");
    if (step != Step::Taken) return step;
    if (!parse(line.substr(1), count)) return fail("Protocol error: invalid multibulk length");
  }
  if (count > static_cast<std::int64_t>(limits_.arguments_max)) return fail("Protocol error: invalid multibulk length");
  left_ = count > 0 ? static_cast<std::size_t>(count) : 0;  // none, or less: no command, as the server has it
  taken_.reserve(std::min(left_, kReservedMost));
  return Step::Taken;
}

RespParser::Step RespParser::take_length() {
  std::int64_t length = 0;
  if (!take_short('$', length)) {
    std::string_view line;
    const Step step = take_line(line, kHeaderBytes, "Protocol error: too big bulk count string");
    if (step != Step::Taken) return step;
    if (line.empty() || line.front() != '$') {
      const char got = line.empty() ? ' ' : line.front();
      return fail(std::string{"Protocol error: expected '$', got '"} + (got >= ' ' && got <= '~' ? got : '?') + "'");
    }
    if (!parse(line.substr(1), length)) return fail("Protocol error: invalid bulk length");
  }
  if (length < 0 || length > static_cast<std::int64_t>(limits_.bulk_bytes_max))
    return fail("Protocol error: invalid bulk length");
  if (static_cast<std::size_t>(length) > limits_.command_bytes_max - taken_bytes_)
    return fail("Protocol error: too big command");
  has_length_ = true;
  length_ = static_cast<std::size_t>(length);
  return Step::Taken;
}

RespParser::Step RespParser::take_argument() {
  if (!has_length_) {
    const Step step = take_length();
    if (step != Step::Taken) return step;
  }
  if (input_.size() - at_ < length_ + 2) return Step::More;
  if (input_[at_ + length_] != '\r' || input_[at_ + length_ + 1] != '\n')
    return fail("Protocol error: expected CRLF after a bulk string");
  taken_.emplace_back(input_.substr(at_, length_));
  taken_bytes_ += length_;
  at_ += length_ + 2;
  has_length_ = false;
  --left_;
  return Step::Taken;
}

/// Words apart by blanks. Empty: the line was.
RespParser::Step RespParser::take_inline(Arguments& arguments) {
  std::string_view line;
  const Step step = take_line(line, limits_.line_bytes_max, "Protocol error: too big inline request");
  if (step != Step::Taken) return step;
  for (std::size_t i = 0; i < line.size();) {
    if (is_space(line[i])) {
      ++i;
      continue;
    }
    std::string word;
    const char quote = line[i] == '"' || line[i] == '\'' ? line[i] : '\0';
    if (quote != '\0') {
      for (++i; i < line.size() && line[i] != quote; ++i) {
        if (line[i] == '\\' && i + 1 < line.size()) ++i;
        word += line[i];
      }
      if (i == line.size()) return fail("Protocol error: unbalanced quotes in request");
      ++i;
    } else {
      for (; i < line.size() && !is_space(line[i]); ++i) word += line[i];
    }
    arguments.push_back(std::move(word));
  }
  return Step::Taken;
}

RespParser::Step RespParser::fail(std::string text) {
  error_ = std::move(text);
  std::string{}.swap(buffer_);
  input_ = {};
  at_ = scanned_ = taken_bytes_ = 0;
  taken_ = Arguments{};
  return Step::Error;
}

/// What waits is kept, since the bytes that were fed are gone soon; at a cost of one copy of it for each time it has
/// doubled. Nothing waits: nothing is held.
void RespParser::keep_rest() {
  const std::string_view rest = input_.substr(at_);
  if (rest.empty()) {
    if (buffer_.capacity() > kHeaderBytes) std::string{}.swap(buffer_);  // assigned, it would keep its memory
    buffer_.clear();
  } else if (input_.data() != buffer_.data()) {
    buffer_.assign(rest);
  } else if (at_ > buffer_.size() / 2) {
    buffer_.erase(0, at_);
  } else {
    return;
  }
  input_ = buffer_;
  at_ = 0;
}
