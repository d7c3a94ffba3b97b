#include <chrono>
#include <coppice/coppice.hpp>

struct Counter : coppice::Actor<Counter> {
  int total = 0;
  int handle(int amount) { return total += amount; }
};

int main() {
  coppice::ActorSystem system;
  auto counter = system.spawn<Counter>();
  return counter.ask(5, std::chrono::seconds(1)).get().value() == 5 ? 0 : 1;
}
