// moodycamel's ConcurrentQueue, raw, between threads that never sleep: what a mailbox could cost at
// the least. The number of workers means nothing here.

#include "../support/driver.hpp"
#include "../support/peers.hpp"

namespace {

using namespace coppice::bench;

std::int64_t warm(std::int64_t size) { return size < 10 ? 1 : size / 10; }

Measurements counting(const Request& request) {
  static_cast<void>(queue_between_threads(warm(request.size), Tokens::Without));
  return rate_of("messages", queue_between_threads(request.size, Tokens::Without), request.size);
}
Measurements counting_8(const Request& request) {
  const std::int64_t messages = request.size < kProducers ? kProducers : request.size / kProducers * kProducers;
  static_cast<void>(queue_of_threads(warm(messages / kProducers) * kProducers, kProducers));
  return rate_of("messages", queue_of_threads(messages, kProducers), messages);
}

}  // namespace

int main(int argc, char** argv) {
  return drive({"queue", "moodycamel's ConcurrentQueue without tokens, one consumer that polls, -O3"},
               {{"counting", &counting}, {"counting_8", &counting_8}, {"counting_8_bounded", &counting_8}}, argc, argv);
}
