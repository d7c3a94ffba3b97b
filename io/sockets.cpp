#include "sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace coppice::detail {

AcceptFault fault_of(int error) noexcept {
  switch (error) {
    case 0: return AcceptFault::None;
    case EAGAIN:
#if EAGAIN != EWOULDBLOCK
    case EWOULDBLOCK:
#endif
      return AcceptFault::Nobody;
    case EINTR: return AcceptFault::Again;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return AcceptFault::Outage;
    case EBADF:
    case EFAULT:
    case EINVAL:
    case ENOTSOCK: return AcceptFault::Broken;
    default: return AcceptFault::Gone;  // ECONNABORTED, EPROTO, EPERM (a firewall), ENETDOWN and its like
  }
}

int accept_next(int listener) noexcept {
#if defined(__APPLE__)
  const int descriptor = ::accept(listener, nullptr, nullptr);
  if (descriptor < 0) return descriptor;
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  ::fcntl(descriptor, F_SETFL, O_NONBLOCK);
#else
  const int descriptor = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor < 0) return descriptor;
#endif
  const int on = 1;  // an answer shall not wait for the peer's acknowledgement of the one before
  static_cast<void>(::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  return descriptor;
}

void close_socket(int descriptor) noexcept {
  if (descriptor >= 0) ::close(descriptor);
}

void reset_on_close(int descriptor) noexcept {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  static_cast<void>(::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
}

std::string peer_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  if (::getpeername(descriptor, plain, &length) != 0) return {};
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (::getnameinfo(plain, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return {};
  const std::string text{host};
  return (address.ss_family == AF_INET6 ? '[' + text + ']' : text) + ':' + port;
}

}  // namespace coppice::detail
