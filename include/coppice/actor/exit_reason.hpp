#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "coppice/base/intrusive_ptr.hpp"

namespace coppice {

/// Why a life ended. OTP's reasons: normal, shutdown and {shutdown, Term} are the normal set; everything else is
/// abnormal.
///
/// Threads    immutable: any. Copies share one description.
/// Source     OTP's supervisor: what an exit means.
class ExitReason {
 public:
  enum class Kind : unsigned char {
    Normal,    ///< it stopped by itself
    Shutdown,  ///< it was told to stop by its parent, or a supervisor gave up (the text says so)
    Killed,    ///< it did not stop in time
    NoProc,    ///< there was nobody
    Error,     ///< it threw, or stopped with an error of its own
  };

  ExitReason() noexcept = default;  ///< Normal
  [[nodiscard]] static ExitReason normal() noexcept { return {}; }
  [[nodiscard]] static ExitReason shutdown() noexcept { return ExitReason{Kind::Shutdown}; }
  [[nodiscard]] static ExitReason shutdown(std::string_view text) {
    return ExitReason{Kind::Shutdown, text, nullptr, nullptr};
  }
  [[nodiscard]] static ExitReason shutdown(std::string_view text, const ExitReason& cause) {
    return ExitReason{Kind::Shutdown, text, nullptr, &cause};
  }
  [[nodiscard]] static ExitReason killed() noexcept { return ExitReason{Kind::Killed}; }
  [[nodiscard]] static ExitReason no_proc() noexcept { return ExitReason{Kind::NoProc}; }
  [[nodiscard]] static ExitReason error(std::string_view text) {
    return ExitReason{Kind::Error, text, nullptr, nullptr};
  }
  [[nodiscard]] static ExitReason error(std::string_view text, const ExitReason& cause) {
    return ExitReason{Kind::Error, text, nullptr, &cause};
  }
  /// From what was thrown, whatever its type; the text is what() or the type's name. Never throws.
  /// `known`: the same object, for a caller that has it in hand; spares throwing it again to find out.
  [[nodiscard]] static ExitReason from_exception(const std::exception_ptr& exception,
                                                 const std::exception* known = nullptr) noexcept;

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  /// normal, shutdown: what a Transient child may end with and stay down.
  [[nodiscard]] bool is_normal() const noexcept { return kind_ == Kind::Normal || kind_ == Kind::Shutdown; }
  /// What went wrong, in words; empty when the kind says it all.
  [[nodiscard]] std::string_view text() const noexcept;
  /// What was thrown, or null.
  [[nodiscard]] std::exception_ptr exception() const noexcept;
  /// What led to it, or null: a supervisor that gave up names the crash that was one too many.
  [[nodiscard]] const ExitReason* cause() const noexcept;
  /// "error: disk full", with its causes: "shutdown: restart limit reached, because error: disk full".
  [[nodiscard]] std::string to_string() const;

  /// Same kind and same text.
  friend bool operator==(const ExitReason& a, const ExitReason& b) noexcept {
    return a.kind_ == b.kind_ && a.text() == b.text();
  }

 private:
  struct Detail;
  [[nodiscard]] const Detail* described() const noexcept;
  explicit ExitReason(Kind kind) noexcept : kind_{kind} {}
  ExitReason(Kind kind, std::string_view text, std::exception_ptr exception, const ExitReason* cause);

  Kind kind_ = Kind::Normal;
  detail::IntrusivePtr<detail::Counted> detail_;  // a Detail, or null when the kind says it all
};

[[nodiscard]] const char* to_string(ExitReason::Kind kind) noexcept;

}  // namespace coppice
