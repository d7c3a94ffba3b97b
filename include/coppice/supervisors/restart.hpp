#pragma once

namespace coppice {

/// When a child that ended by itself is started again. Source: OTP's supervisor, child specifications.
enum class Restart : unsigned char {
  Permanent,  ///< always (the default)
  Transient,  ///< only after an abnormal end
  Temporary,  ///< never; its spec is dropped with it
};
[[nodiscard]] const char* to_string(Restart restart) noexcept;

}  // namespace coppice
