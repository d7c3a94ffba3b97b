#pragma once

#include <string_view>

namespace coppice::detail {

/// What the runtime knows of a user's type: its readable name. One object a type; compare with same_type().
struct TypeInfo {
  std::string_view name;
};

template <class T>
[[nodiscard]] constexpr std::string_view decorated_name() noexcept {
  return {__PRETTY_FUNCTION__, sizeof(__PRETTY_FUNCTION__) - 1};
}
// What compilers write around the name is the same for every type, so one type shows how long it is.
inline constexpr std::size_t kNameBegin = decorated_name<void>().find("void");
inline constexpr std::size_t kNameRest = decorated_name<void>().size() - kNameBegin - 4;

template <class T>
[[nodiscard]] constexpr std::string_view type_name() noexcept {
  const std::string_view text = decorated_name<T>();
  return {text.data() + kNameBegin, text.size() - kNameBegin - kNameRest};
}

template <class T>
inline constexpr TypeInfo kTypeInfo{type_name<T>()};

/// Two shared objects may each have a TypeInfo of one type, so the names decide when the addresses do not.
[[nodiscard]] inline bool same_type(const TypeInfo* a, const TypeInfo* b) noexcept {
  return a == b || a->name == b->name;
}

}  // namespace coppice::detail
