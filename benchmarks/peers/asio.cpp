// Plain Asio: a post per message to a strand, as many threads as workers; steady_timer. No actors, so a limit and not a
// rival.

#include <memory>

#include "../support/driver.hpp"
#include "../support/echo.hpp"
#include "../support/open_loop.hpp"
#include "../support/peers.hpp"
#include "echo_asio.hpp"

namespace {

using namespace coppice::bench;

std::int64_t warm(std::int64_t size) { return size < 10 ? 1 : size / 10; }

Nanoseconds around(const Request& request, std::size_t size, std::int64_t hops) {
  StrandRing ring{request.workers, size};
  static_cast<void>(ring.run(warm(hops)));
  const Nanoseconds took = ring.run(hops);
  ring.finish();
  return took;
}
Measurements ping_pong(const Request& request) {
  return time_of("round trip", around(request, 2, 2 * request.size), request.size);
}
Measurements ring(const Request& request) { return time_of("hop", around(request, kRing, request.size), request.size); }

/// Threads that are no workers post to one strand.
Nanoseconds post_from(int producers, unsigned workers, std::int64_t posts) {
  asio::io_context context{static_cast<int>(workers) + producers};
  auto work = asio::make_work_guard(context);
  auto strand = asio::make_strand(context);
  Finish finish;
  std::int64_t handled = 0;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < workers; ++i) threads.emplace_back([&] { context.run(); });
  const Nanoseconds begun = now_ns();
  for (int i = 0; i < producers; ++i) {
    threads.emplace_back([&, n = posts / producers] {
      for (std::int64_t k = 0; k < n; ++k)
        asio::post(strand, [&] {
          if (++handled == posts) finish.reach();
        });
    });
  }
  const Nanoseconds took = finish.wait() - begun;
  work.reset();
  for (auto& thread : threads) thread.join();
  return took;
}
Measurements count(const Request& request, int producers) {
  const std::int64_t posts = std::max<std::int64_t>(1, request.size / producers) * producers;
  post_from(producers, request.workers, warm(posts / producers) * producers);
  return rate_of("messages", post_from(producers, request.workers, posts), posts);
}
Measurements counting(const Request& request) { return count(request, 1); }
Measurements counting_8(const Request& request) { return count(request, kProducers); }

Measurements arm_and_cancel(asio::io_context& context, std::int64_t timers) {
  std::vector<asio::steady_timer> all;
  all.reserve(static_cast<std::size_t>(timers));
  std::uint64_t seed = kSeed;
  std::int64_t withdrawn = 0;
  const Nanoseconds begun = now_ns();
  for (std::int64_t i = 0; i < timers; ++i) {
    all.emplace_back(context, std::chrono::nanoseconds{10'000'000'000 + draw(seed) % 60'000'000'000});
    all.back().async_wait([&](const asio::error_code& error) { withdrawn += error == asio::error::operation_aborted; });
  }
  const Nanoseconds armed = now_ns();
  for (auto& timer : all) timer.cancel();
  const Nanoseconds end = now_ns();
  context.restart();
  context.run();
  require(withdrawn == timers, "a timer was not withdrawn");
  return {{"schedule", each(armed - begun, timers), "ns"}, {"cancel", each(end - armed, timers), "ns"}};
}
Measurements timers(const Request& request) {
  asio::io_context context{1};
  static_cast<void>(arm_and_cancel(context, warm(request.size)));
  return arm_and_cancel(context, request.size);
}

Measurements timers_near(const Request& request) {
  asio::io_context context{1};
  std::vector<asio::steady_timer> all;
  all.reserve(static_cast<std::size_t>(request.size));
  std::vector<double> late;
  late.reserve(all.capacity());
  std::uint64_t seed = kSeed;
  const Nanoseconds used = processor_time();
  for (std::int64_t i = 0; i < request.size; ++i) {
    const auto delay = static_cast<std::int64_t>(draw(seed) % 1'000'000'000);
    all.emplace_back(context, std::chrono::nanoseconds{delay});
    all.back().async_wait([&late, due = now_ns() + delay](const asio::error_code&) {
      late.push_back(static_cast<double>(now_ns() - due));
    });
  }
  context.run();
  const double cpu = each(processor_time() - used, request.size);
  require(late.size() == static_cast<std::size_t>(request.size), "a timer did not ring");
  Measurements seen = lateness(late);
  seen.push_back({"cpu", cpu, "ns"});
  return seen;
}

/// As many threads as workers run what is posted to one strand.
Measurements latency(const Request& request) {
  asio::io_context context{static_cast<int>(request.workers) + 1};
  auto work = asio::make_work_guard(context);
  auto strand = asio::make_strand(context);
  Latencies latencies;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < request.workers; ++i) threads.emplace_back([&] { context.run(); });
  Measurements seen = latencies_of(request.size, latencies, [&](Nanoseconds at) {
    asio::post(strand, [&latencies, at] {
      work_a_microsecond();
      latencies.note(at);
    });
  });
  work.reset();
  for (auto& thread : threads) thread.join();
  return seen;
}

Measurements echo(const Request& request) {
  const EchoOfAsio server{request.workers};
  return echo_of(server.port(), request.size);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string version = std::to_string(ASIO_VERSION / 100'000) + "." +
                              std::to_string(ASIO_VERSION / 100 % 1'000) + "." + std::to_string(ASIO_VERSION % 100);
  return drive({"asio", "Asio " + version + ", a strand for an actor, as many threads as workers, -O3"},
               {{"ping_pong", &ping_pong},
                {"ring", &ring},
                {"counting", &counting},
                {"counting_8", &counting_8},
                {"timers", &timers},
                {"timers_near", &timers_near},
                {"latency", &latency},
                {"echo", &echo}},
               argc, argv);
}
