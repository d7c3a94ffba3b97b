#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "coppice/actor/actor.hpp"
#include "coppice/system/system.hpp"

namespace coppice::testing {

namespace detail {

/// What a probe has got, shared by its actor and the test's thread.
///
/// Threads    any; the untyped half keeps the lock.
class ProbeInbox {
 public:
  struct Item {
    virtual ~Item() = default;
    const coppice::detail::TypeInfo* type = nullptr;
  };
  explicit ProbeInbox(System& system);
  ~ProbeInbox();
  void put(std::unique_ptr<Item> item);
  /// The oldest item if it comes within `within`; null otherwise.
  [[nodiscard]] std::unique_ptr<Item> take(Duration within);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

template <class M>
struct ProbeItem final : ProbeInbox::Item {
  explicit ProbeItem(M m) : message(std::move(m)) { type = &coppice::detail::kTypeInfo<M>; }
  M message;
};

template <class... Ms>
class ProbeActor final : public Actor<ProbeActor<Ms...>> {
 public:
  explicit ProbeActor(std::shared_ptr<ProbeInbox> inbox) : inbox_{std::move(inbox)} {}
  template <class M>
    requires(std::is_same_v<M, Ms> || ... || std::is_same_v<M, Down>)
  void handle(M message) {
    inbox_->put(std::make_unique<ProbeItem<M>>(std::move(message)));
  }
  struct WatchThis {
    AnyRef actor;
  };
  void handle(WatchThis watch) { this->watch(watch.actor); }

 private:
  std::shared_ptr<ProbeInbox> inbox_;
};

}  // namespace detail

/// An actor that a test holds in its hand: others send to it, the test says what must come. Works in a TestSystem,
/// where waiting moves virtual time, and in a threaded one.
///
/// Threads    the test's thread.
template <class... Ms>
class Probe {
 public:
  using Ref = ActorRef<Protocol<void(Ms)...>>;

  explicit Probe(System& system)
      : inbox_{std::make_shared<detail::ProbeInbox>(system)}, actor_{system.spawn<detail::ProbeActor<Ms...>>(inbox_)} {}

  [[nodiscard]] Ref ref() const noexcept { return Ref{actor_}; }
  [[nodiscard]] AnyRef any() const noexcept { return AnyRef{actor_}; }
  [[nodiscard]] const ActorRef<detail::ProbeActor<Ms...>>& actor() const noexcept { return actor_; }

  /// The next message, if it is an M and comes in time.
  template <class M>
  [[nodiscard]] std::optional<M> expect(Duration within = std::chrono::seconds{5}) {
    const auto item = inbox_->take(within);
    if (item == nullptr || !coppice::detail::same_type(item->type, &coppice::detail::kTypeInfo<M>)) return std::nullopt;
    return std::move(static_cast<detail::ProbeItem<M>&>(*item).message);
  }
  /// True when nothing comes for that long.
  [[nodiscard]] bool expect_none(Duration within) { return inbox_->take(within) == nullptr; }
  /// Effective when it returns: whatever is sent to the actor from now on comes after it.
  void watch(const AnyRef& actor) {
    static_cast<void>(actor_.ask(typename detail::ProbeActor<Ms...>::WatchThis{actor}, std::chrono::seconds{5}).get());
  }
  /// The next message, if it is the Down of a watched actor.
  [[nodiscard]] std::optional<Down> expect_down(Duration within = std::chrono::seconds{5}) {
    return expect<Down>(within);
  }

 private:
  std::shared_ptr<detail::ProbeInbox> inbox_;
  ActorRef<detail::ProbeActor<Ms...>> actor_;
};

}  // namespace coppice::testing
