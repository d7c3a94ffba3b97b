#include "response.hpp"

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

namespace {

const char* reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    default: return "Unknown";
  }
}

/// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), length};
}

}  // namespace

Response error_response(int status, std::string_view text) {
  const auto kReplace = nlohmann::json::error_handler_t::replace;
  return {status, nlohmann::json{{"error", text}, {"status", status}}.dump(-1, ' ', false, kReplace)};
}

std::string json_string(std::string_view text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    return {};
  }
}

std::string wire_text(const Response& response, WireOptions options) {
  const char* const connection = options.close    ? "Connection: close\r\n"
                                 : options.is_1_0 ? "Connection: keep-alive\r\n"
                                                  : "";
  return fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}{}\r\n{}",
                     response.status, reason_of(response.status), date(), response.body.size(), response.headers,
                     connection, options.with_body ? std::string_view{response.body} : std::string_view{});
}
