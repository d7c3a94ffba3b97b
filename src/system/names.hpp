#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/mutex.hpp"
#include "coppice/actor/cell.hpp"

namespace coppice::detail {

struct NameHolding;

/// Who has which name in a system.
///
/// Threads    any.
/// [N1] A name has one holder, from the moment claim() gives it until it is freed or its holder's end has taken it back.
///      All of it is decided under one lock.
class Names {
 public:
  Names();
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  ~Names();

  [[nodiscard]] bool claim(std::string_view name, Cell& cell, HoldFor until, IntrusivePtr<Cell>& taken_by);
  [[nodiscard]] IntrusivePtr<Cell> find(std::string_view name) const;
  bool free(std::string_view name);
  void remove(NameHolding& holding) noexcept;

  // While a fork() is under way.
  void lock() const { mutex_.lock(); }
  void unlock() const { mutex_.unlock(); }

 private:
  mutable Mutex mutex_;
  std::map<std::string, IntrusivePtr<NameHolding>, std::less<>> holders_;
};

}  // namespace coppice::detail
