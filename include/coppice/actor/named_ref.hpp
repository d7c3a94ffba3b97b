#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "coppice/actor/actor_ref.hpp"
#include "coppice/base/result.hpp"

namespace coppice {

enum class LookupError : unsigned char {
  Unknown,    ///< no live actor has that name or id
  WrongType,  ///< it is of another class
};
[[nodiscard]] const char* to_string(LookupError error) noexcept;

namespace detail {

/// A name in a system, whoever has it; the untyped half of NamedRef.
class NamedBase {
 public:
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Whoever has the name at this moment, of whatever class.
  [[nodiscard]] AnyRef resolve_any() const;

 protected:
  NamedBase() noexcept = default;
  NamedBase(Runtime& runtime, std::string name) noexcept
      : runtime_{IntrusivePtr<Runtime>::share(&runtime)}, name_{std::move(name)} {}
  [[nodiscard]] Result<IntrusivePtr<Cell>, LookupError> find(const TypeInfo* type) const;
  /// Whoever has the name and is of that class, or null.
  [[nodiscard]] IntrusivePtr<Cell> find_or_null(const TypeInfo* type) const;
  Delivery deliver_to(const TypeInfo* type, Envelope* envelope) const;
  Delivery deliver_to(const TypeInfo* type, Companions* envelope, const SendOptions& options) const;

 private:
  [[nodiscard]] Delivery undeliverable(Envelope* envelope) const noexcept;
  IntrusivePtr<Runtime> runtime_;  // null: a name in no system
  std::string name_;
};

}  // namespace detail

/// A ref of whoever has a name, looked up at each send: it survives the end of its actor and finds the next one that
/// takes the name, where an ActorRef stays with its place. Made by System::named<A>(name).
///
/// Threads    sends, asks and getters: any. One object: as a plain value.
/// Ownership  keeps nobody alive. Safe after the system.
/// Order      messages of one thread of control to one holder arrive in the order in which they were sent.
/// Failure    a send while nobody of class A has the name answers Closed and makes a dead letter; an ask answers Closed
///            and makes none; resolve() tells an unknown name from a wrong class.
/// Source     Erlang: registered names, `Name ! Message`; what is an error or silence there is a dead letter here.
template <class A>
class NamedRef : public detail::NamedBase {
 public:
  NamedRef() noexcept = default;  ///< nobody's name
  NamedRef(detail::Runtime& runtime, std::string name) noexcept : NamedBase{runtime, std::move(name)} {}

  /// Whoever has the name at this moment.
  [[nodiscard]] Result<ActorRef<A>, LookupError> resolve() const {
    auto found = this->find(&detail::kTypeInfo<A>);
    if (!found) return Error{found.error()};
    return detail::RefAccess::make<ActorRef<A>>(std::move(found).value());
  }
  /// The same, or a ref that names no place.
  [[nodiscard]] ActorRef<A> resolve_or_nobody() const {
    return detail::RefAccess::make<ActorRef<A>>(this->find_or_null(&detail::kTypeInfo<A>));
  }

  template <class M>
    requires Handles<A, std::remove_cvref_t<M>>
  Delivery send(M&& message) const {
    using Plain = std::remove_cvref_t<M>;
    return this->deliver_to(&detail::kTypeInfo<A>,
                            static_cast<detail::Envelope*>(detail::make_envelope<detail::MessageEnvelope<Plain>>(
                                &detail::HandlerOps<A, Plain>::kSend, std::forward<M>(message))));
  }
  template <class M>
    requires(!Handles<A, std::remove_cvref_t<M>>)
  Delivery send(M&& message) const = delete;  // no handler for this message: no handle() of this actor takes exactly it

  template <class M>
    requires Handles<A, std::remove_cvref_t<M>>
  Delivery send(M&& message, const SendOptions& options) const {
    using Plain = std::remove_cvref_t<M>;
    return this->deliver_to(&detail::kTypeInfo<A>,
                            static_cast<detail::Companions*>(detail::make_envelope<detail::RichEnvelope<Plain>>(
                                &detail::HandlerOps<A, Plain>::kSendWith, std::forward<M>(message))),
                            options);
  }

  /// As send, but a refused message stays with the caller: no dead letter.
  template <class M>
    requires(Handles<A, M> && !std::is_const_v<M>)
  [[nodiscard]] Delivery try_send(M& message, std::optional<Duration> within = {}) const {
    return resolve_or_nobody().try_send(message, within);
  }

  /// Asks from outside an actor; an actor uses its own ask().
  template <class M>
    requires Handles<A, std::remove_cvref_t<M>>
  auto ask(M&& message, Duration within) const {
    return resolve_or_nobody().ask(std::forward<M>(message), within);
  }
  /// As ActorRef::call.
  template <class M>
    requires Handles<A, std::remove_cvref_t<M>>
  [[nodiscard]] auto call(M&& message, Duration within) const {
    return resolve_or_nobody().call(std::forward<M>(message), within);
  }
  template <class M>
    requires(!Handles<A, std::remove_cvref_t<M>>)
  void ask(M&& message, Duration within) const = delete;  // no handler for this message: handle() must take exactly it
};

}  // namespace coppice
