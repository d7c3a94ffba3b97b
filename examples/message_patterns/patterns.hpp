#pragma once

#include <coppice/coppice.hpp>

/// One pattern: it prints a line, and answers whether what it shows happened. A new one is a function in one of the
/// files and a row in main.cpp.
struct Pattern {
  const char* name;
  bool (*show)(coppice::System& system);
};

// messages.cpp: what two actors say to each other
bool fire_and_forget(coppice::System& system);
bool ask(coppice::System& system);
bool forward(coppice::System& system);
bool later_reply(coppice::System& system);
bool timers(coppice::System& system);
bool watch(coppice::System& system);
bool bounded_mailbox(coppice::System& system);

// conversations.cpp: messages that are urgent, late, early, foreign, or belong together
bool priorities(coppice::System& system);
bool expiry(coppice::System& system);
bool put_aside(coppice::System& system);
bool adapted(coppice::System& system);
bool coroutine(coppice::System& system);
bool state_machine(coppice::System& system);

// many.cpp: one to many
bool publish_and_subscribe(coppice::System& system);
bool router_pool(coppice::System& system);
bool state_cell(coppice::System& system);

// resilience.cpp: what fails, is slow or is called off
bool circuit_breaker(coppice::System& system);
bool retry(coppice::System& system);
bool rate_limiter(coppice::System& system);
bool cancel_token(coppice::System& system);
