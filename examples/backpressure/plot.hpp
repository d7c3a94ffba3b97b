#pragma once

#include <string>
#include <vector>

#include "flood.hpp"

/// Draws how many messages waited over time, a line for each policy, with the gnuplot of the machine.
class Plot {
 public:
  /// An empty file name: none is wanted.
  explicit Plot(std::string file) : file_{std::move(file)} {}

  [[nodiscard]] bool is_wanted() const { return !file_.empty(); }
  [[nodiscard]] const std::string& file() const { return file_; }
  /// Why it cannot be drawn, as far as that can be told before; empty: it can.
  [[nodiscard]] std::string problem() const;
  /// Why it was not drawn; empty: it was.
  [[nodiscard]] std::string draw(const std::vector<Flood>& floods) const;

 private:
  std::string file_;
};
