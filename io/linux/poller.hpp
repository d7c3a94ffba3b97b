#pragma once

#include <cstdint>

#include "base/mutex.hpp"
#include "coppice/actor/cell.hpp"
#include "coppice/asio.hpp"
// After it: asio.hpp sets Asio's switches.
#include <asio/execution_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include "scheduler/reactor.hpp"

namespace coppice::detail {

/// A descriptor in a Poller. The kernel is told of it once, and says each change once.
///
/// Threads    `events`: any. The rest: the actor's turn, and the poller under its lock.
struct Polled {
  Polled(Cell& c, int d) noexcept : cell{c}, incarnation{c.incarnation()}, descriptor{d} {}
  Cell& cell;
  const std::uint32_t incarnation;
  const int descriptor;
  void (*tell)(void* owner) = nullptr;
  void* owner = nullptr;
  Atomic<std::uint32_t> events{0};  // what the actor has not taken yet; if any, a message is on its way
};

/// All descriptors of an io_context's connections in one epoll, which itself is one of that context's descriptors. A
/// worker that looks for work asks it at once; one that sleeps in the context is woken through it.
///
/// That costs a call of the kernel for as many connections as have something, where Asio's wait for a descriptor costs
/// one, and its read tries before it waits, for each of them.
///
/// Threads    any.
/// [E1] After remove() nobody touches what was polled: what poll() has found is told under the same lock.
class Poller final : public asio::execution_context::service, public ReactorGuest {
 public:
  static asio::execution_context::id id;

  /// That of its io_context. Throws if there can be none.
  [[nodiscard]] static Poller& of(Runtime& runtime);

  explicit Poller(asio::execution_context& context);
  ~Poller() override;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Throws std::system_error.
  void add(Polled& polled);
  void remove(Polled& polled) noexcept;
  /// Tells when there is room, though there may be already.
  void ask_for_room(Polled& polled);

  void poll() noexcept override;
  bool wake_through_context() noexcept override;

 private:
  void shutdown() noexcept override;
  void join(Runtime& runtime);
  void watch_itself(const Lock& held);
  void watch_no_more(const Lock& held) noexcept;
  void ask_again(Polled& polled, const Lock& held) noexcept;
  void change(int what, Polled& polled, std::uint32_t events);

  const int epoll_;
  asio::posix::stream_descriptor self_;  // that; the rest is under the lock
  Mutex mutex_;
  Atomic<bool> has_joined_{false};
  bool has_reactor_ = false;  // which asks poll(); else the context does, and has work while anything is polled
  bool is_watched_ = false;   // a wait for it is under way
  std::uint64_t count_ = 0;   // of what is polled
};

}  // namespace coppice::detail
