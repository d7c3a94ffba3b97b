#include "descriptor_watch.hpp"

#include <sys/epoll.h>

#include "poller.hpp"

namespace coppice::detail {
namespace {

class EpollWatch final : public DescriptorWatch {
 public:
  EpollWatch(Cell& cell, int descriptor, Tell tell, void* owner)
      : poller_{Poller::of(*cell.runtime())}, polled_{cell, descriptor} {
    polled_.tell = tell;
    polled_.owner = owner;
    poller_.add(polled_);
  }
  ~EpollWatch() override { poller_.remove(polled_); }

  void await_input() override {}  // it is always told
  void await_room() override { poller_.ask_for_room(polled_); }
  [[nodiscard]] Readiness take() noexcept override {
    const std::uint32_t events = polled_.events.exchange(0, kAcqRel);
    const bool is_over = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    return {.input = is_over || (events & EPOLLIN) != 0,
            .room = (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0,
            .is_over = is_over};
  }

 private:
  Poller& poller_;
  Polled polled_;
};

}  // namespace

std::unique_ptr<DescriptorWatch> DescriptorWatch::make(Cell& cell, int descriptor, Tell tell, void* owner) {
  return std::make_unique<EpollWatch>(cell, descriptor, tell, owner);
}
void DescriptorWatch::prepare(Cell& cell) { static_cast<void>(Poller::of(*cell.runtime())); }

}  // namespace coppice::detail
