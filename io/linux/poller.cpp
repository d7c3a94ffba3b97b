#include "poller.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/surely.hpp"
#include "system/reactor_of.hpp"

namespace coppice::detail {
namespace {

constexpr int kEventsAtOnce = 64;
constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP | EPOLLET;

[[nodiscard]] int new_epoll() {
  const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) throw std::system_error{errno, std::generic_category(), "epoll_create1"};
  return descriptor;
}

/// To be put into a mailbox when no lock is held: a refusal may be a user's to hear of.
struct Due {
  IntrusivePtr<Cell> cell;
  Envelope* envelope = nullptr;
};

/// Null: there is no memory for it.
[[nodiscard]] Envelope* message_to(const Polled& polled) noexcept {
  const auto call = [tell = polled.tell, owner = polled.owner] { tell(owner); };
  try {
    return make_envelope<ClosureEnvelope<std::decay_t<decltype(call)>>>(call, polled.incarnation);
  } catch (...) {
    return nullptr;
  }
}

}  // namespace

asio::execution_context::id Poller::id;

Poller& Poller::of(Runtime& runtime) {
  Poller& poller = asio::use_service<Poller>(io_context_of(runtime));
  if (!poller.has_joined_.load(kAcquire)) poller.join(runtime);
  return poller;
}

Poller::Poller(asio::execution_context& context)
    : service{context}, epoll_{new_epoll()}, self_{static_cast<asio::io_context&>(context)} {
  self_.assign(epoll_);
}
Poller::~Poller() = default;

void Poller::shutdown() noexcept {
  std::error_code ignored;
  self_.close(ignored);
}

/// Not in the constructor: several may be made at once, of which one stays.
void Poller::join(Runtime& runtime) {
  Reactor* reactor = nullptr;
  {
    const Lock lock{mutex_};
    if (has_joined_.load(kRelaxed)) return;
    reactor = reactor_of(runtime);
    has_reactor_ = reactor != nullptr;
    has_joined_.store(true, kRelease);  // partner: of()
  }
  if (reactor != nullptr) reactor->join(*this);  // which may wait for memory
}

void Poller::change(int what, Polled& polled, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &polled;
  if (::epoll_ctl(epoll_, what, polled.descriptor, &event) != 0)
    throw std::system_error{errno, std::generic_category(), "epoll_ctl"};
}

void Poller::add(Polled& polled) {
  const Lock lock{mutex_};
  if (!has_reactor_) watch_itself(lock);  // which may throw, and then nothing is left of it
  try {
    change(EPOLL_CTL_ADD, polled, kInput);
  } catch (...) {
    watch_no_more(lock);
    throw;
  }
  ++count_;
}

void Poller::ask_for_room(Polled& polled) { change(EPOLL_CTL_MOD, polled, kInput | EPOLLOUT); }

/// Nobody has been told of what was found, and nobody waits for memory under the lock: whoever looks next hears of it
/// again, as far as it still holds. The kernel needs no memory for that.
void Poller::ask_again(Polled& polled, const Lock&) noexcept {
  polled.events.store(0, kRelaxed);  // who took it meanwhile has it
  epoll_event event{};
  event.events = kInput | EPOLLOUT;  // perhaps the room that was asked for
  event.data.ptr = &polled;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, polled.descriptor, &event);
}

void Poller::remove(Polled& polled) noexcept {
  const Lock lock{mutex_};  // [E1]
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, polled.descriptor, nullptr);
  --count_;
  watch_no_more(lock);
}

/// Where nothing is polled: it would be work for a context of the user's.
void Poller::watch_no_more(const Lock&) noexcept {
  if (count_ != 0 || has_reactor_) return;
  std::error_code ignored;
  self_.cancel(ignored);
}

void Poller::poll() noexcept {
  std::array<epoll_event, kEventsAtOnce> events;
  std::array<Due, kEventsAtOnce> due;
  int dues = 0;

  {
    const Lock lock{mutex_};
    const int count = ::epoll_wait(epoll_, events.data(), kEventsAtOnce, 0);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      auto& polled = *static_cast<Polled*>(event.data.ptr);
      // Partner: take(). Whoever finds none there sends the message.
      if (polled.events.fetch_or(event.events, kAcqRel) != 0) continue;
      Envelope* const message = message_to(polled);
      if (message == nullptr) {
        ask_again(polled, lock);
        continue;
      }
      due[static_cast<std::size_t>(dues++)] = {IntrusivePtr<Cell>::of(polled.cell), message};
    }
  }
  for (int i = 0; i < dues; ++i) {
    const Due& next = due[static_cast<std::size_t>(i)];
    deliver_surely(*next.cell, next.envelope);
  }
}

bool Poller::wake_through_context() noexcept {
  try {
    watch_itself(Lock{mutex_});
    return true;
  } catch (...) {
    return false;
  }
}

void Poller::watch_itself(const Lock&) {
  if (is_watched_) return;
  self_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const std::error_code&) {
    {
      const Lock lock{mutex_};
      is_watched_ = false;
      if (has_reactor_ || count_ == 0) return;
    }
    poll();
    surely([this] {
      const Lock lock{mutex_};
      if (count_ != 0) watch_itself(lock);
    });
  });
  is_watched_ = true;
}

}  // namespace coppice::detail
