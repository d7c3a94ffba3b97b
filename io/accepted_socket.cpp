#include "coppice/io/accepted_socket.hpp"

#include "listener_state.hpp"
#include "sockets.hpp"

namespace coppice {

AcceptedSocket::AcceptedSocket() noexcept = default;
AcceptedSocket::AcceptedSocket(int descriptor, std::unique_ptr<detail::ConnectionSlot> slot) noexcept
    : descriptor_{descriptor}, slot_{std::move(slot)} {}
AcceptedSocket::AcceptedSocket(AcceptedSocket&& other) noexcept
    : descriptor_{other.release()}, slot_{std::move(other.slot_)} {}
AcceptedSocket& AcceptedSocket::operator=(AcceptedSocket&& other) noexcept {
  if (this == &other) return *this;
  detail::close_socket(descriptor_);
  descriptor_ = other.release();
  slot_ = std::move(other.slot_);
  return *this;
}
// The descriptor first: whoever hears that there is room for another finds it.
AcceptedSocket::~AcceptedSocket() { detail::close_socket(descriptor_); }

std::string AcceptedSocket::peer() const { return descriptor_ < 0 ? std::string{} : detail::peer_of(descriptor_); }

const TcpConnectionOptions& AcceptedSocket::options() const noexcept { return slot_->plan().options.connection; }

}  // namespace coppice
