// Who asks the echo servers, ours and the peers', in a process of its own so that all are asked alike:
//
//     bench_echo_load PORT REQUESTS
//
// 64 connections to 127.0.0.1, 64 bytes a request, one request at a time on each, one thread that waits for all of them. A
// tenth of the requests warms up. Prints "nanoseconds p50 p99": what the rest took together, and what one took. Each byte of
// each answer is looked at. The exit code is 1 when an answer is wrong or missing, 2 for a command line that cannot be
// understood.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <vector>

#include "clock.hpp"

namespace {

using namespace coppice::bench;

constexpr int kConnections = 64;
constexpr std::size_t kBytes = 64;
constexpr int kPatienceMs = 10'000;

using Bytes = std::array<char, kBytes>;

struct Connection {
  int descriptor = -1;
  Bytes request{};
  std::size_t answered = 0;  // bytes of it
  Nanoseconds asked_at = 0;
};

int connect_to(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  require(descriptor >= 0, "a socket cannot be had");
  require(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
          "the server cannot be reached");
  const int on = 1;
  require(::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY cannot be set");
  return descriptor;
}

void ask(Connection& connection, std::int64_t number) {
  connection.request.fill(static_cast<char>('a' + number % 26));
  connection.answered = 0;
  connection.asked_at = now_ns();
  require(::write(connection.descriptor, connection.request.data(), kBytes) == static_cast<ssize_t>(kBytes),
          "a request was not taken");
}

/// Whether the answer is whole now.
bool take(Connection& connection) {
  Bytes seen{};
  const std::size_t missing = kBytes - connection.answered;
  const ssize_t count = ::read(connection.descriptor, seen.data(), missing);
  require(count > 0, "a connection ended");
  require(
      std::memcmp(seen.data(), connection.request.data() + connection.answered, static_cast<std::size_t>(count)) == 0,
      "an answer is wrong");
  connection.answered += static_cast<std::size_t>(count);
  return connection.answered == kBytes;
}

class Load {
 public:
  explicit Load(std::uint16_t port) : epoll_{::epoll_create1(0)} {
    require(epoll_ >= 0, "epoll cannot be had");
    for (std::size_t i = 0; i < all_.size(); ++i) {
      all_[i].descriptor = connect_to(port);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      require(::epoll_ctl(epoll_, EPOLL_CTL_ADD, all_[i].descriptor, &event) == 0, "epoll does not take a socket");
    }
  }
  /// What all of them took; what each took is added to `each`.
  Nanoseconds run(std::int64_t requests, std::vector<Nanoseconds>& each) {
    const Nanoseconds begun = now_ns();
    std::int64_t asked = 0;
    for (Connection& connection : all_) {
      if (asked < requests) ask(connection, asked++);
    }
    std::array<epoll_event, kConnections> events{};
    for (std::int64_t answers = 0; answers < requests;) {
      const int count = ::epoll_wait(epoll_, events.data(), kConnections, kPatienceMs);
      require(count > 0, "no answer came for ten seconds");
      for (int i = 0; i < count; ++i) {
        Connection& connection = all_[events[static_cast<std::size_t>(i)].data.u64];
        if (!take(connection)) continue;
        each.push_back(now_ns() - connection.asked_at);
        ++answers;
        if (asked < requests) ask(connection, asked++);
      }
    }
    return now_ns() - begun;
  }

 private:
  int epoll_;
  std::array<Connection, kConnections> all_;
};

template <class Number>
Number number(const char* text, Number most) {
  Number value{};
  const char* const end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, value);
  if (error == std::errc{} && stopped == end && value >= 1 && value <= most) return value;
  std::fprintf(stderr, "bench_echo_load: a whole number from 1 to %s is needed, and not \"%s\"\n",
               std::to_string(most).c_str(), text);
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_echo_load PORT REQUESTS\n");
    return 2;
  }
  const auto port = number<std::uint16_t>(argv[1], 65'535);
  const auto requests = number<std::int64_t>(argv[2], 1'000'000'000);
  Load load{port};
  std::vector<Nanoseconds> each;
  each.reserve(static_cast<std::size_t>(requests));
  static_cast<void>(load.run(std::max<std::int64_t>(1, requests / 10), each));
  each.clear();
  const Nanoseconds took = load.run(requests, each);
  std::sort(each.begin(), each.end());
  std::printf("%lld %lld %lld\n", static_cast<long long>(took), static_cast<long long>(each[(each.size() - 1) / 2]),
              static_cast<long long>(each[each.size() * 99 / 100]));
}
