#include "target.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace {

std::optional<std::string> decode(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = digit(text[i + 1]);
    const int low = digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

}  // namespace

Path path_of(std::string_view target) {
  target = target.substr(0, target.find('?'));
  if (target.empty() || target.front() != '/') return std::nullopt;
  std::vector<std::string> path;
  target.remove_prefix(1);
  while (!target.empty()) {
    const std::size_t end = std::min(target.find('/'), target.size());
    auto part = decode(target.substr(0, end));
    if (!part) return std::nullopt;
    path.push_back(std::move(*part));
    target.remove_prefix(std::min(end + 1, target.size()));
  }
  return path;
}
