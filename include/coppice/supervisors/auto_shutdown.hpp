#pragma once

namespace coppice {

/// Whether a supervisor ends when significant children have ended by themselves and will not be restarted.
/// Source: OTP's auto_shutdown (EEP 56).
enum class AutoShutdown : unsigned char {
  Never,           ///< the default
  AnySignificant,  ///< with the first of them
  AllSignificant,  ///< with the last of them
};
[[nodiscard]] const char* to_string(AutoShutdown auto_shutdown) noexcept;

}  // namespace coppice
