#include <cstdint>
#include <string>
#include <string_view>

#include "examples/http_gateway/http_parser.hpp"
#include "examples/http_gateway/target.hpp"
#include "fuzz/input.hpp"

// The gateway's requests: whatever bytes come, a request keeps to its limits, and where the pieces of input end does not
// matter. And their targets: each byte that is decoded stands there as it is, or as three.

namespace coppice {
namespace {

constexpr HttpLimits kLimits{.header_bytes_max = 512, .body_bytes_max = 256};

void check_target(std::string_view target) {
  const Path path = path_of(target);
  if (!path) return;
  std::string all;
  for (const std::string& part : *path) all += part;
  std::string decoded;
  target = target.substr(0, target.find('?'));
  for (std::size_t at = 0; at < target.size(); ++at) {
    if (target[at] == '/') continue;
    if (target[at] != '%') {
      decoded += target[at];
      continue;
    }
    decoded += static_cast<char>(std::stoi(std::string{target.substr(at + 1, 2)}, nullptr, 16));
    at += 2;
  }
  fuzz::expect(all == decoded, "a target is decoded as another");
}

/// All that is in the bytes, fed in pieces of `step`, as one text, and whether an error ends it. Not which one: of a
/// target that is too long and wrong, whole pieces are wrong before they are too long.
std::string parsed(std::string_view bytes, std::size_t step) {
  HttpParser parser{kLimits};
  std::string all;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const HttpParser::Result result = parser.feed(bytes.substr(at, step));
    for (const HttpRequest& request : result.requests) {
      fuzz::expect(request.target.size() <= kLimits.header_bytes_max, "a target that is too long");
      fuzz::expect(request.body.size() <= kLimits.body_bytes_max, "a body that is too long");
      fuzz::expect(!request.method.empty() && !request.target.empty(), "a request of nothing");
      check_target(request.target);
      all += request.method + ' ' + request.target + ' ' + request.body + (request.keep_alive ? " on\n" : " off\n");
      if (!request.keep_alive) return all;
    }
    if (result.status == 0) continue;
    fuzz::expect(result.status == 400 || result.status == 405 || result.status == 413 || result.status == 431,
                 "a status of no error");
    fuzz::expect(*result.error != 0, "an error without a word");
    return all + "an error";
  }
  return all;
}

}  // namespace
}  // namespace coppice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coppice;
  if (size < 1) return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  check_target(bytes);
  const std::string whole = parsed(bytes, bytes.size() + 1);
  fuzz::expect(parsed(bytes, 1 + data[0] % 64) == whole, "pieces that matter");
  fuzz::expect(parsed(bytes, 1) == whole, "single bytes that matter");
  return 0;
}
