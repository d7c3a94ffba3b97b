#include "child_place.hpp"

#include "coppice/actor/signals.hpp"

namespace coppice::detail {

ChildPlace place_of(const ChildSpec& spec, Factory* factory, const Runtime& runtime) noexcept {
  return {.ops = spec.ops(),
          .factory = factory,
          // A supervisor hears what it is asked, however much that is.
          .mailbox = spec.is_supervisor() ? MailboxOptions{Unbounded{}}
                                          : spec.options().mailbox.or_else(runtime.mailbox_default),
          .id = spec.id(),
          .name = spec.options().name};
}

IntrusivePtr<Cell> make_place(Cell& supervisor, const ChildPlace& child, Cell* killed, ExitReason& why_not) {
  Runtime& runtime = *supervisor.runtime();
  if (!runtime.admit()) {
    why_not = ExitReason::error("the system is full or shutting down");
    return {};
  }
  Unborn unborn{runtime};
  Cell& place = *(unborn.cell = IntrusivePtr<Cell>::adopt(
                      Cell::make(runtime, *runtime.default_scheduler, child.ops, child.factory, &supervisor)));
  place.set_supervised();
  if (!child.id.empty()) place.set_name(child.id);
  place.set_mailbox(child.mailbox);
  if (killed != nullptr) place.continue_from(*killed);
  place.set_own_name(child.name);
  // From here on it may be found.
  if (!place.claim_own_name(why_not)) return {};
  if (killed != nullptr) killed->set_successor(place);
  return unborn.lives();
}

}  // namespace coppice::detail
