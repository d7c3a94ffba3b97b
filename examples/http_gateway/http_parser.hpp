#pragma once

#include <llhttp.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// What a request may cost.
struct HttpLimits {
  std::size_t header_bytes_max = std::size_t{16} * 1024;  ///< target, names and values of one request together
  std::size_t body_bytes_max = std::size_t{1024} * 1024;  ///< of one request, chunked or not
};

/// One request, whole.
struct HttpRequest {
  std::string method;
  std::string target;
  std::string body;
  bool is_1_0 = false;
  bool keep_alive = true;  ///< whether another one may follow
};

/// Makes requests of the bytes of one connection, however they are cut: llhttp, Node's parser, with limits, and with
/// the headers that this server looks at. What it does not understand has a status (400, 405, 413, 431) and ends it.
///
/// Threads    one.
class HttpParser {
 public:
  explicit HttpParser(HttpLimits limits);
  HttpParser(const HttpParser&) = delete;  // llhttp points here
  HttpParser& operator=(const HttpParser&) = delete;

  struct Result {
    std::vector<HttpRequest> requests = {};  ///< those that are whole now
    bool wants_continue = false;             ///< the last one waits for "100 Continue" before it sends its body
    int status = 0;                          ///< of an error, 0: there is none. Nothing may be fed any more
    const char* error = "";
  };
  [[nodiscard]] Result feed(std::string_view bytes);
  /// Whether a request has begun and is not whole.
  [[nodiscard]] bool is_inside() const noexcept { return is_inside_; }

 private:
  struct Callbacks;
  /// Stops the parser with this answer.
  int refuse(int status, const char* error);
  int add_header_bytes(std::string& to, const char* at, std::size_t count);
  int end_of_header();
  int end_of_headers();
  int end_of_message();

  HttpLimits limits_;
  llhttp_t parser_ = {};
  bool is_inside_ = false;
  bool has_host_ = false;
  bool expects_continue_ = false;
  std::size_t header_bytes_ = 0;
  std::string field_;
  std::string value_;
  HttpRequest request_;
  Result result_;
};
