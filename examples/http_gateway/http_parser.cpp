#include "http_parser.hpp"

#include <algorithm>

namespace {

bool is_same(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

/// llhttp calls these with its parser, whose `data` is ours.
struct HttpParser::Callbacks {
  static HttpParser& of(llhttp_t* parser) { return *static_cast<HttpParser*>(parser->data); }
  static int begin(llhttp_t* parser) {
    HttpParser& self = of(parser);
    self.request_ = {};
    self.header_bytes_ = 0;
    self.has_host_ = self.expects_continue_ = false;
    self.is_inside_ = true;
    return 0;
  }
  static int url(llhttp_t* parser, const char* at, std::size_t count) {
    return of(parser).add_header_bytes(of(parser).request_.target, at, count);
  }
  static int field(llhttp_t* parser, const char* at, std::size_t count) {
    return of(parser).add_header_bytes(of(parser).field_, at, count);
  }
  static int value(llhttp_t* parser, const char* at, std::size_t count) {
    return of(parser).add_header_bytes(of(parser).value_, at, count);
  }
  static int header(llhttp_t* parser) { return of(parser).end_of_header(); }
  static int headers(llhttp_t* parser) { return of(parser).end_of_headers(); }
  static int body(llhttp_t* parser, const char* at, std::size_t count) {
    HttpParser& self = of(parser);
    if (count > self.limits_.body_bytes_max - self.request_.body.size())
      return self.refuse(413, "the body is too large");
    self.request_.body.append(at, count);
    return 0;
  }
  static int extension(llhttp_t* parser, const char*, std::size_t count) {
    HttpParser& self = of(parser);
    self.header_bytes_ += count;
    return self.header_bytes_ > self.limits_.header_bytes_max ? self.refuse(431, "the chunks' extensions are too large")
                                                              : 0;
  }
  static int message(llhttp_t* parser) { return of(parser).end_of_message(); }

  static llhttp_settings_t settings() {
    llhttp_settings_t all;
    llhttp_settings_init(&all);
    all.on_message_begin = begin;
    all.on_url = url;
    all.on_header_field = field;
    all.on_header_value = value;
    all.on_header_value_complete = header;
    all.on_headers_complete = headers;
    all.on_body = body;
    all.on_chunk_extension_name = extension;
    all.on_chunk_extension_value = extension;
    all.on_message_complete = message;
    return all;
  }
};

HttpParser::HttpParser(HttpLimits limits) : limits_{limits} {
  static const llhttp_settings_t kSettings = Callbacks::settings();
  llhttp_init(&parser_, HTTP_REQUEST, &kSettings);
  parser_.data = this;
}

HttpParser::Result HttpParser::feed(std::string_view bytes) {
  result_ = {};
  const llhttp_errno_t error = llhttp_execute(&parser_, bytes.data(), bytes.size());
  // HPE_CLOSED_CONNECTION: it goes on behind a request that was to be the last one. Nobody reads that.
  if (error != HPE_OK && error != HPE_CLOSED_CONNECTION && result_.status == 0) {
    result_.status = 400;
    const char* const reason = llhttp_get_error_reason(&parser_);
    result_.error = reason != nullptr && *reason != 0 ? reason : "it is not HTTP";
  }
  result_.wants_continue = is_inside_ && expects_continue_ && result_.status == 0;
  if (result_.wants_continue) expects_continue_ = false;
  return std::move(result_);
}

int HttpParser::refuse(int status, const char* error) {
  if (result_.status == 0) {
    result_.status = status;
    result_.error = error;
  }
  return -1;
}

int HttpParser::add_header_bytes(std::string& to, const char* at, std::size_t count) {
  header_bytes_ += count;
  if (header_bytes_ > limits_.header_bytes_max) return refuse(431, "target and headers are too large");
  to.append(at, count);
  return 0;
}

int HttpParser::end_of_header() {
  constexpr std::size_t kEach = 32;  // what an empty one costs us
  header_bytes_ += kEach;
  if (header_bytes_ > limits_.header_bytes_max) return refuse(431, "target and headers are too large");
  if (is_same(field_, "host")) {
    if (has_host_) return refuse(400, "there are two Host headers");
    has_host_ = true;
  }
  if (is_same(field_, "expect")) expects_continue_ = is_same(value_, "100-continue");
  field_.clear();
  value_.clear();
  return 0;
}

int HttpParser::end_of_headers() {
  field_.clear();
  value_.clear();
  request_.method = llhttp_method_name(static_cast<llhttp_method_t>(llhttp_get_method(&parser_)));
  const bool is_1_1 = llhttp_get_http_major(&parser_) == 1 && llhttp_get_http_minor(&parser_) >= 1;
  request_.is_1_0 = !is_1_1;
  if (llhttp_get_http_major(&parser_) != 1) return refuse(400, "it is not HTTP/1.1");
  if (is_1_1 && !has_host_) return refuse(400, "there is no Host header");
  if (llhttp_get_method(&parser_) == HTTP_CONNECT) return refuse(405, "this is no proxy");
  parser_.upgrade = 0;  // whatever else is wanted, it goes on with HTTP/1.1
  if ((parser_.flags & F_CONTENT_LENGTH) != 0 && parser_.content_length > limits_.body_bytes_max)
    return refuse(413, "the body is too large");
  return 0;
}

int HttpParser::end_of_message() {
  is_inside_ = false;
  request_.keep_alive = llhttp_should_keep_alive(&parser_) != 0;
  result_.requests.push_back(std::move(request_));
  return 0;
}
