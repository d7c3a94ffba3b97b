#include "coppice/actor/exit_reason.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <typeinfo>
#include <utility>

namespace coppice {

struct ExitReason::Detail final : detail::Counted {
  std::string text;
  std::exception_ptr exception;
  ExitReason cause;
  bool has_cause = false;

  /// A loop, not recursion: a chain of causes may be long.
  ~Detail() override {
    detail::IntrusivePtr<detail::Counted> next = std::move(cause.detail_);
    while (next && next->is_last_count()) next = std::move(static_cast<Detail&>(*next).cause.detail_);
  }
};

ExitReason::ExitReason(Kind kind, std::string_view text, std::exception_ptr exception, const ExitReason* cause)
    : kind_{kind} {
  auto* const made = new Detail{};
  detail_ = detail::IntrusivePtr<detail::Counted>::adopt(made);
  made->text = text;
  made->exception = std::move(exception);
  if (cause != nullptr) {
    made->cause = *cause;
    made->has_cause = true;
  }
}

const ExitReason::Detail* ExitReason::described() const noexcept { return static_cast<const Detail*>(detail_.get()); }

std::string_view ExitReason::text() const noexcept {
  return detail_ ? std::string_view{described()->text} : std::string_view{};
}
std::exception_ptr ExitReason::exception() const noexcept { return detail_ ? described()->exception : nullptr; }
const ExitReason* ExitReason::cause() const noexcept {
  return detail_ && described()->has_cause ? &described()->cause : nullptr;
}

std::string ExitReason::to_string() const {
  std::string out;
  // A loop, not recursion: a chain of causes may be long.
  for (const ExitReason* reason = this; reason != nullptr; reason = reason->cause()) {
    if (reason != this) out += ", because ";
    out += coppice::to_string(reason->kind());
    if (!reason->text().empty()) {
      out += ": ";
      out += reason->text();
    }
  }
  return out;
}

namespace {

/// A hostile what() must not hurt.
std::string describe(const std::exception& e) {
  try {
    const char* what = e.what();
    return what == nullptr ? "an exception without a text" : what;
  } catch (...) {
    return "an exception whose what() throws";
  }
}

/// Text of the exception that is being handled. What it throws itself is swallowed: a hostile what() must not hurt.
std::string describe_current_exception() {
  try {
    throw;
  } catch (const std::exception& e) {
    return describe(e);
  } catch (const std::string& text) {
    return text;
  } catch (const char* text) {
    return text == nullptr ? "a null string" : text;
  } catch (int number) {
    return "int " + std::to_string(number);
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    if (type == nullptr) return "an exception of an unknown type";
    int status = 0;
    char* const readable = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
    std::string text = "an exception of type ";
    text += status == 0 ? readable : type->name();
    std::free(readable);
    return text;
  }
}

}  // namespace

ExitReason ExitReason::from_exception(const std::exception_ptr& exception, const std::exception* known) noexcept {
  try {
    std::string text = "an exception that is not there";
    if (known != nullptr) {
      text = describe(*known);
    } else if (exception != nullptr && exception == std::current_exception()) {
      text = describe_current_exception();
    } else if (exception != nullptr) {
      try {
        std::rethrow_exception(exception);
      } catch (...) {
        text = describe_current_exception();
      }
    }
    return ExitReason{Kind::Error, text, exception, nullptr};
  } catch (...) {  // no memory for a description: the kind alone
    return ExitReason{Kind::Error};
  }
}

const char* to_string(ExitReason::Kind kind) noexcept {
  switch (kind) {
    case ExitReason::Kind::Normal: return "normal";
    case ExitReason::Kind::Shutdown: return "shutdown";
    case ExitReason::Kind::Killed: return "killed";
    case ExitReason::Kind::NoProc: return "no such actor";
    case ExitReason::Kind::Error: return "error";
  }
  return "unknown";
}

}  // namespace coppice
