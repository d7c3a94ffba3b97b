// Messages between actors, one mechanism after another: there and back, around, in floods, to many, with an answer.

#include <algorithm>
#include <utility>

#include "../../support/workloads.hpp"
#include "suite.hpp"

namespace coppice::bench {
namespace {

Measurements ping_pong(const Request& request) {
  Ring ring{request.workers, 2};
  static_cast<void>(ring.run(2 * warm(request.size)));
  const Nanoseconds took = ring.run(2 * request.size);
  ring.finish();
  return time_of("round trip", took, request.size);
}

Measurements ring(const Request& request) {
  Ring ring{request.workers, kRing};
  static_cast<void>(ring.run(warm(request.size)));
  const Nanoseconds took = ring.run(request.size);
  ring.finish();
  return time_of("hop", took, request.size);
}

Measurements count_in(const Request& request, std::int64_t burst) {
  Counting counting{request.workers};
  static_cast<void>(counting.run(warm(request.size), burst));
  const Nanoseconds took = counting.run(request.size, burst);
  counting.finish();
  return rate_of("messages", took, request.size);
}
Measurements counting(const Request& request) { return count_in(request, request.size); }
Measurements counting_bursts(const Request& request) { return count_in(request, kBurst); }

Measurements count_8(const Request& request, const MailboxOptions& mailbox, std::int64_t a_turn) {
  const std::int64_t messages = request.size < kProducers ? kProducers : request.size / kProducers * kProducers;
  CountingOfActors counting{request.workers, mailbox, kProducers, std::min(a_turn, messages)};
  static_cast<void>(counting.run(warm(messages / kProducers) * kProducers));
  const Nanoseconds took = counting.run(messages);
  counting.finish();
  return rate_of("messages", took, messages);
}

Measurements counting_8(const Request& request) { return count_8(request, {}, request.size); }
/// A turn is shorter than the mailbox, or the rest of it would wait above the capacity and the producer in vain.
Measurements counting_8_bounded(const Request& request) {
  return count_8(request, Bounded{10'000, Overflow::Block}, 50);
}

template <class Work>
Measurements ask_with(Work&& asking, const Request& request) {
  static_cast<void>(asking.run(warm(request.size)));
  const Nanoseconds took = asking.run(request.size);
  asking.finish();
  return time_of("answer", took, request.size);
}
Measurements ask(const Request& request) { return ask_with(Asking{request.workers}, request); }
Measurements ask_outside(const Request& request) { return ask_with(Calling{request.workers}, request); }
Measurements ask_woken(const Request& request) { return ask_with(AskingFromOutside{request.workers}, request); }

}  // namespace

void add_messages(Workloads& all) {
  for (const Workload& one : {Workload{"ping_pong", &ping_pong},
                              {"ring", &ring},
                              {"counting", &counting},
                              {"counting_bursts", &counting_bursts},
                              {"counting_8", &counting_8},
                              {"counting_8_bounded", &counting_8_bounded},
                              {"ask", &ask},
                              {"ask_outside", &ask_outside},
                              {"ask_woken", &ask_woken}}) {
    all.push_back(one);
  }
}

}  // namespace coppice::bench
