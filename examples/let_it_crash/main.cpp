// Let it crash: a supervised actor throws, and a new life of it answers through the same ref.
//
// It shows   no try, no catch, no repair: what one life broke dies with it, and its supervisor starts the next.
// It prints  expected.txt; with --narrate the seven hops of the message that ended the life, which are those of the
//            README. On stderr the crash report, as by default: expected_report.txt.
// Read       ../getting_started before; ../supervisor_strategies after.

#include <chrono>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <coppice/coppice.hpp>

#include "../support/arguments.hpp"
#include "narrator.hpp"

using namespace std::chrono_literals;

struct Strike {
  int force;
};

/// Rings, and counts how often. Cracks when it is struck too hard.
class Bell : public coppice::Actor<Bell> {
 public:
  explicit Bell(Narrator* narrator) : narrator_{narrator} {}

  int handle(Strike strike) {
    if (strike.force > 10) {
      tell();
      throw std::runtime_error{"the bell cracked"};
    }
    return ++rung_;
  }

 private:
  void tell() const {
    if (std::this_thread::get_id() != narrator_->main_thread()) {
      narrator_->happened(Hop::Submit,
                          "the scheduler hands " + path() + " to a worker, another thread than the sender's");
    }
    if (self().phase() == coppice::Phase::Running) {
      narrator_->happened(
          Hop::Run, fmt::format("the worker runs life {}; this is message {}", incarnation(), message_count() + 1));
    }
    narrator_->happened(Hop::Handle, "Bell::handle(Strike) throws");
  }

  Narrator* narrator_;
  int rung_ = 0;
};

namespace {

/// What the bell answers to a gentle strike; 0: nothing.
int ring(const coppice::ActorRef<Bell>& bell, bool narrate) {
  const int rung = bell.ask(Strike{1}, 5s).get().value_or(0);
  if (!narrate) fmt::print("life {} of {} has rung {} times\n", bell.incarnation(), bell.path(), rung);
  return rung;
}

void strike_too_hard(const coppice::ActorRef<Bell>& bell, Narrator& narrator) {
  const coppice::Delivery delivery = bell.send(Strike{99});
  narrator.happened(Hop::Send, "main sends a Strike to " + bell.path());
  if (delivery == coppice::Delivery::Accepted) narrator.happened(Hop::Push, "its mailbox accepts it");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"A supervised actor throws, and a new life of it answers through the same ref."};
  bool narrate = false;
  app.add_flag("--narrate", narrate, "Print the seven hops of the message that ends the first life");
  if (const auto code = examples::parse(app, argc, argv)) return *code;

  coppice::BasicActorSystem<Narrator> system;
  const auto tower = coppice::supervisor({.id = "tower"}, coppice::child<Bell>({.id = "bell"}, &system.monitor()));
  const auto root = system.start(tower).value();
  const auto bell = root.child<Bell>("bell").value();

  ring(bell, narrate);
  const int before = ring(bell, narrate);
  strike_too_hard(bell, system.monitor());
  const int after = ring(bell, narrate);  // waits in the mailbox until the next life takes it

  const bool in_order = system.shutdown().complete && system.ledger().balances();
  const bool narrated = !narrate || system.monitor().print();
  return before == 2 && after == 1 && narrated && in_order ? 0 : 1;
}
