#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "events.hpp"

// What outlives the stages. Each object belongs to one place: its lives follow one another, so no lock is needed.

class LineSet {
 public:
  /// False: it is in.
  bool add(std::uint64_t line) {
    if (is_in_.size() <= line) is_in_.resize(std::max<std::size_t>(line + 1, is_in_.size() * 2));
    if (is_in_[line]) return false;
    is_in_[line] = true;
    return true;
  }

 private:
  std::vector<bool> is_in_;
};

/// What ingest has read and what of it has not come to its end.
struct Journal {
  std::uint64_t read = 0;    ///< lines
  std::uint64_t offset = 0;  ///< bytes
  bool is_at_end = false;
  std::string problem = {};  ///< why it could not read on; empty: it could
  std::map<std::uint64_t, RawLine> under_way = {};
  std::uint64_t sent_again = 0;
};

/// What store has counted, each line once however often it comes.
struct Counts {
  struct Service {
    std::uint64_t events = 0;
    std::uint64_t milliseconds = 0;
  };
  LineSet stored = {};
  std::uint64_t valid = 0;
  std::uint64_t invalid = 0;
  std::uint64_t slow = 0;
  std::uint64_t came_again = 0;
  std::map<std::string, std::uint64_t> levels = {};
  std::map<std::string, Service> services = {};
  std::vector<InvalidLine> told = {};  ///< the first ones
};

/// The crashes that one place is to have: at every so-manieth line, in turn before the work on it and after it. A line
/// that comes again counts no more, or there would be no end.
class Chaos {
 public:
  explicit Chaos(std::optional<std::uint64_t> every) : every_{every} {}
  enum class Blow : unsigned char { None, Before, After };
  [[nodiscard]] Blow next(std::uint64_t line) {
    if (!every_ || !lines_.add(line) || ++events_ % *every_ != 0) return Blow::None;
    return ++dealt_ % 2 == 1 ? Blow::Before : Blow::After;
  }
  [[nodiscard]] std::uint64_t dealt() const { return dealt_; }

 private:
  std::optional<std::uint64_t> every_;
  LineSet lines_;
  std::uint64_t events_ = 0;
  std::uint64_t dealt_ = 0;
};
