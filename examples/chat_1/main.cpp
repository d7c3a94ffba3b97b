// Chat, part 1 of 3: one actor.
//
// It shows   a state that nobody locks, a message that is sent, a question that is asked, and what a send answers
//            when its receiver is gone.
// It prints  expected.txt.
// Read       docs/tutorial/01-one-actor.md, which grows this program; ../chat_2 after.

#include <chrono>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <coppice/coppice.hpp>

using namespace std::chrono_literals;

using Lines = std::vector<std::string>;

struct Say {
  std::string who;
  std::string text;
};
struct History {};

class Room : public coppice::Actor<Room> {
 public:
  void handle(const Say& say) { lines_.push_back(say.who + ": " + say.text); }
  Lines handle(History) { return lines_; }

 private:
  Lines lines_;
};

int main() {
  coppice::ActorSystem system;
  const coppice::ActorRef<Room> room = system.spawn<Room>({.name = "lobby"});

  room.send(Say{"ann", "hello"});
  room.send(Say{"bob", "good morning"});

  const coppice::Result<Lines, coppice::AskError> history = room.ask(History{}, 5s).get();
  if (!history) {
    fmt::print("no answer: {}\n", to_string(history.error()));
    return 1;
  }
  for (const std::string& line : *history) fmt::print("{}\n", line);

  const coppice::Result<Lines, coppice::AskError> again = room.call(History{}, 5s);
  fmt::print("asked again: {} lines\n", again ? again->size() : 0);

  const coppice::ShutdownReport report = system.shutdown();
  const coppice::Delivery late = room.send(Say{"ann", "anybody here?"});
  fmt::print("after the shutdown a send answers: {}\n", to_string(late));

  const coppice::Ledger ledger = system.ledger();
  fmt::print("{} sent, {} handled, {} dead\n", ledger.sent, ledger.handled, ledger.dead());
  return report.complete && ledger.balances() && history == again && late == coppice::Delivery::Closed ? 0 : 1;
}
