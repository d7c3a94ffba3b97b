#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "store.hpp"

/// What the parts of a command come to together.
enum class Sum : unsigned char { Reply, Number, Ok, Array, Elements, Scan, Transaction };

/// What is published when all before it has been done.
struct Publishing {
  std::size_t part;  // that answers how many it reached
  std::string channel;
  std::string text;
};

/// One command whose answer is not there yet, or waits for those before it.
struct Pending {
  Sum sum = Sum::Reply;
  std::size_t left = 0;        // parts that are still to come
  std::size_t next_shard = 0;  // of a scan
  Answer only;                 // of a command of one part
  std::vector<Answer> parts;   // of any other
  std::vector<Publishing> publishings;
  std::size_t answered_bytes = 0;
  std::size_t heard_bytes = 0;  // it is no answer, but came over a channel
  bool is_too_large = false;    // what has come of it is gone, and so is what still comes

  void give_up();
  [[nodiscard]] Answer& part(std::size_t index) { return parts.empty() ? only : parts[index]; }
  [[nodiscard]] std::string reply();
  /// The next reply() is that.
  void wait_with(std::string reply);
};

/// The commands of a client that are under way, in their order. Empty, it holds next to no memory.
class PendingCommands {
 public:
  Pending& push(Sum sum, std::size_t parts);
  /// There may be so many more of them.
  void expect(std::size_t count);
  /// By its number: they are counted from the connection's beginning.
  [[nodiscard]] Pending& operator[](std::uint64_t number) { return commands_[number - first_ + front_]; }
  [[nodiscard]] std::uint64_t first() const noexcept { return first_; }
  [[nodiscard]] std::uint64_t last() const noexcept { return first_ + size() - 1; }
  [[nodiscard]] std::size_t size() const noexcept { return commands_.size() - front_; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] Pending& front() { return commands_[front_]; }
  void pop();

 private:
  std::vector<Pending> commands_;
  std::size_t front_ = 0;    // those before it have been answered
  std::uint64_t first_ = 0;  // the number of the one at the front
};
