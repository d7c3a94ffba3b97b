#include "pending.hpp"

#include <utility>

#include "reply.hpp"

namespace {

/// Room for the commands of whoever has some next on this thread: so idle sessions need none, and busy ones no malloc.
thread_local std::vector<Pending> spare;

constexpr std::size_t kKept = 64;  // at the front, that have been answered

}  // namespace

/// A shard holds its own answer to a limit, and knows nothing of the others'.
void Pending::give_up() {
  is_too_large = true;
  for (Answer& each : parts) each = {};
  answered_bytes = 0;
}

std::string Pending::reply() {
  if (is_too_large) return reply::error("the answer is too large");
  if (sum == Sum::Reply) return std::move(part(0).text);
  std::string text;
  text.reserve(answered_bytes);
  std::int64_t number = 0;
  const std::size_t count = parts.empty() ? 1 : parts.size();
  for (std::size_t i = 0; i < count; ++i) {
    Answer& each = part(i);
    const bool is_array = sum == Sum::Array || sum == Sum::Transaction;
    if (!is_array && each.text.starts_with('-')) return std::move(each.text);  // one failed: so has all
    number += each.number;
    if (sum != Sum::Number && sum != Sum::Ok) text += std::exchange(each.text, {});  // it is not kept twice
  }
  switch (sum) {
    case Sum::Number: return reply::number(number);
    case Sum::Ok: return reply::kOk;
    case Sum::Array:
    case Sum::Transaction: return reply::array(count) + text;
    case Sum::Elements: return reply::array(static_cast<std::size_t>(number)) + text;
    case Sum::Scan:
      return reply::array(2) + reply::bulk(std::to_string(next_shard)) +
             reply::array(static_cast<std::size_t>(number)) + text;
    case Sum::Reply: break;
  }
  return {};
}

void Pending::wait_with(std::string reply) {
  sum = Sum::Reply;
  is_too_large = false;
  parts = {};
  publishings = {};
  only.text = std::move(reply);
}

void PendingCommands::expect(std::size_t count) {
  if (commands_.capacity() == 0) std::swap(commands_, spare);
  commands_.reserve(commands_.size() + count);
}

Pending& PendingCommands::push(Sum sum, std::size_t parts) {
  Pending& pushed = commands_.emplace_back();
  pushed.sum = sum;
  pushed.left = parts;
  if (parts > 1) pushed.parts.resize(parts);
  return pushed;
}

void PendingCommands::pop() {
  ++first_;
  if (++front_ < commands_.size()) {
    if (front_ < commands_.size() / 2 || front_ < kKept) return;
    commands_.erase(commands_.begin(), commands_.begin() + static_cast<std::ptrdiff_t>(front_));
  } else {
    commands_.clear();
    if (commands_.capacity() <= kKept && spare.capacity() == 0) std::swap(commands_, spare);
    commands_ = std::vector<Pending>{};  // a plain {} would keep its memory
  }
  front_ = 0;
}
