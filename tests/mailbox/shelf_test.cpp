#include "mailbox/shelf.hpp"

#include "catch.hpp"
#include "coppice/actor/send.hpp"

// A shelf by itself: its tokens, and what closing and opening again does to them.

namespace coppice::detail {
namespace {

struct Plain {};
const EnvelopeOps kPlainOps{nullptr, nullptr, [](Envelope&) {}, &kTypeInfo<Plain>, nullptr, sizeof(Envelope), true};

Envelope* plain() { return ::new (allocate_block(sizeof(Envelope))) Envelope{&kPlainOps}; }

/// Takes the next one, if there is one, and frees it.
bool take(Shelf& shelf, bool& more) {
  Envelope* const next = shelf.take(TimePoint{}, more);
  if (next != nullptr) destroy_envelope(next);
  return next != nullptr;
}

TEST_CASE("a shelf needs a token each time that it was empty and not else") {  // [B4]
  Shelf shelf{Unbounded{.order = Order::Priority}, ~std::uint64_t{0}};
  CHECK(shelf.offer(*plain(), {}).token != nullptr);
  CHECK(shelf.offer(*plain(), {}).token == nullptr);
  bool more = false;
  CHECK(take(shelf, more));
  CHECK(more);
  CHECK(shelf.offer(*plain(), {}).token == nullptr);
  CHECK(take(shelf, more));
  CHECK(take(shelf, more));
  CHECK_FALSE(more);
  CHECK(shelf.offer(*plain(), {}).token != nullptr);
}

TEST_CASE("a token of a place that was closed and opened again finds nothing and does no harm") {  // [B4]
  Shelf shelf{Unbounded{.order = Order::Priority}, ~std::uint64_t{0}};
  REQUIRE(shelf.offer(*plain(), {}).token != nullptr);  // and its sender is held up before it pushes the token
  destroy_envelope(shelf.close());
  shelf.reopen();
  bool more = true;
  CHECK_FALSE(take(shelf, more));  // the token comes
  CHECK_FALSE(more);
  CHECK(shelf.offer(*plain(), {}).token != nullptr);  // and the next message gets one of its own
  CHECK(take(shelf, more));
}

TEST_CASE("a closed shelf takes nothing") {
  Shelf shelf{Bounded{1, Overflow::DropOldest}, 1};
  CHECK(shelf.close() == nullptr);
  Envelope* const late = plain();
  CHECK(shelf.offer(*late, {}).what == Offered::What::Closed);
  destroy_envelope(late);
}

}  // namespace
}  // namespace coppice::detail
