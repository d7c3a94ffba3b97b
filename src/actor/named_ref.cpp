#include "coppice/actor/named_ref.hpp"

namespace coppice {

const char* to_string(LookupError error) noexcept {
  switch (error) {
    case LookupError::Unknown: return "no live actor has this name";
    case LookupError::WrongType: return "the actor is of another class";
  }
  return "unknown";
}

namespace detail {

AnyRef NamedBase::resolve_any() const {
  return RefAccess::make<AnyRef>(runtime_ ? runtime_->find_name(name_) : IntrusivePtr<Cell>{});
}

Result<IntrusivePtr<Cell>, LookupError> NamedBase::find(const TypeInfo* type) const {
  auto found = runtime_ ? runtime_->find_name(name_) : IntrusivePtr<Cell>{};
  if (!found) return Error{LookupError::Unknown};
  if (!same_type(found->ops().type, type)) return Error{LookupError::WrongType};
  return found;
}

IntrusivePtr<Cell> NamedBase::find_or_null(const TypeInfo* type) const {
  auto found = find(type);
  return found ? std::move(found).value() : IntrusivePtr<Cell>{};
}

Delivery NamedBase::deliver_to(const TypeInfo* type, Envelope* envelope) const {
  const auto holder = find_or_null(type);
  return holder ? deliver(*holder, envelope) : undeliverable(envelope);
}

Delivery NamedBase::deliver_to(const TypeInfo* type, Companions* envelope, const SendOptions& options) const {
  const auto holder = find_or_null(type);
  return holder ? deliver_with(*holder, envelope, options) : undeliverable(envelope);
}

/// What goes to a name is a message of the name's system, whether or not somebody has it.
Delivery NamedBase::undeliverable(Envelope* envelope) const noexcept {
  if (runtime_) {
    runtime_->count(Count::Sent);
    runtime_->dead_letter_to(name_, *envelope);
    runtime_->count(Count::Refused);
  }
  destroy_envelope(envelope);
  return Delivery::Closed;
}

}  // namespace detail
}  // namespace coppice
