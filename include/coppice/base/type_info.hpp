#pragma once

#include <string_view>

namespace coppice::detail {

/// What the runtime knows of a user's type: its readable name. One object a type; compare with same_type().
struct TypeInfo {
  std::string_view name;
};

template <class T>
[[nodiscard]] constexpr std::string_view type_name() noexcept {
  const std::string_view text = __PRETTY_FUNCTION__;  // GCC: "... [with T = X; ...]", clang: "... [T = X]"
  const std::size_t begin = text.find("T = ") + 4;
  std::size_t end = text.find(';', begin);
  if (end == std::string_view::npos) end = text.rfind(']');
  return text.substr(begin, end - begin);
}

template <class T>
inline constexpr TypeInfo kTypeInfo{type_name<T>()};

/// Two shared objects may each have a TypeInfo of one type, so the names decide when the addresses do not.
[[nodiscard]] inline bool same_type(const TypeInfo* a, const TypeInfo* b) noexcept {
  return a == b || a->name == b->name;
}

}  // namespace coppice::detail
