// Patterns of messages, in about ten lines each.
//
// It shows   how actors talk: one to another, one to many, and to what fails. Each pattern stands alone in
//            messages.cpp, conversations.cpp, many.cpp or resilience.cpp, and checks for itself that what it shows happened.
// It prints  expected.txt; and on stderr the report of the one crash in it.
// Read       ../getting_started before; docs/how-to/route_messages.md and survive_failing_services.md after.

#include <fmt/format.h>
#include <coppice/coppice.hpp>

#include "../support/arguments.hpp"
#include "patterns.hpp"

namespace {

constexpr Pattern kPatterns[] = {
    {"fire and forget", fire_and_forget},
    {"ask", ask},
    {"forward", forward},
    {"later reply", later_reply},
    {"timers", timers},
    {"watch", watch},
    {"bounded mailbox", bounded_mailbox},
    {"priorities", priorities},
    {"expiry", expiry},
    {"stash", put_aside},
    {"adapter", adapted},
    {"coroutine", coroutine},
    {"state machine", state_machine},
    {"publish and subscribe", publish_and_subscribe},
    {"router pool", router_pool},
    {"state cell", state_cell},
    {"circuit breaker", circuit_breaker},
    {"retry", retry},
    {"rate limiter", rate_limiter},
    {"cancel token", cancel_token},
};

}  // namespace

int main(int argc, char** argv) {
  if (const auto code =
          examples::parse_none("Patterns of messages, each of which checks that what it shows happened.", argc, argv))
    return *code;

  coppice::ActorSystem system;
  int missing = 0;
  for (const Pattern& pattern : kPatterns) {
    fmt::print("{}: ", pattern.name);
    if (pattern.show(system)) continue;
    fmt::print("DID NOT HAPPEN\n");
    ++missing;
  }
  const bool in_order = system.shutdown().complete && system.ledger().balances();
  fmt::print("every message is accounted for: {}\n", in_order ? "yes" : "no");
  return missing == 0 && in_order ? 0 : 1;
}
