#pragma once

#include <string_view>

#include "coppice/supervisors/child_spec.hpp"

namespace coppice::detail {

/// What a child's place is made of.
struct ChildPlace {
  const ActorOps& ops;
  Factory* factory;  // null: made by default
  MailboxOptions mailbox;
  std::string_view id;    // empty: none
  std::string_view name;  // empty: none
};
/// As a specification says it. `factory` is the one for this place.
[[nodiscard]] ChildPlace place_of(const ChildSpec& spec, Factory* factory, const Runtime& runtime) noexcept;

/// A place below a supervisor, ready to be submitted. `killed`: the cell whose place it was, or null; its refs go on to
/// the new one. Null: there can be none, and `why_not` says why.
[[nodiscard]] IntrusivePtr<Cell> make_place(Cell& supervisor, const ChildPlace& child, Cell* killed,
                                            ExitReason& why_not);

}  // namespace coppice::detail
