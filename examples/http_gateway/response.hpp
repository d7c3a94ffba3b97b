#pragma once

#include <string>
#include <string_view>

/// One answer, before it is known how it goes over the wire.
struct Response {
  int status = 200;
  std::string body = {};     ///< JSON
  std::string headers = {};  ///< further ones, each with its \r\n
};

/// {"error": text}, with the status.
[[nodiscard]] Response error_response(int status, std::string_view text);

/// A string of JSON; nothing where the text is not UTF-8.
[[nodiscard]] std::string json_string(std::string_view text);

struct WireOptions {
  bool close = false;     ///< the connection ends with it
  bool is_1_0 = false;    ///< the client's version
  bool with_body = true;  ///< false: for HEAD
};
[[nodiscard]] std::string wire_text(const Response& response, WireOptions options);
