#pragma once

#include <cstddef>

/// Build switches and assertions.
///
/// COPPICE_ASSERT(condition, text) states what a caller or the runtime itself must have kept. It is checked in builds
/// without NDEBUG and in every build that sets COPPICE_ASSERTIONS; a broken one prints where and what, and aborts.
/// COPPICE_VERIFY is checked in every build: for mistakes that no program survives.

namespace coppice::detail {

/// What two threads must not share when both write.
inline constexpr std::size_t kCacheLine = 64;

[[noreturn]] void assertion_failed(const char* condition, const char* text, const char* file, int line) noexcept;

}  // namespace coppice::detail

#define COPPICE_VERIFY(condition, text) \
  ((condition) ? static_cast<void>(0) : ::coppice::detail::assertion_failed(#condition, text, __FILE__, __LINE__))

#if !defined(NDEBUG) || defined(COPPICE_ASSERTIONS)
#define COPPICE_ASSERT(condition, text) COPPICE_VERIFY(condition, text)
#else
#define COPPICE_ASSERT(condition, text) static_cast<void>(0)
#endif
