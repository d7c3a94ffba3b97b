// An actor of twenty messages: half of them are told, half are asked.
#include <coppice/coppice.hpp>

#include <chrono>

using namespace std::chrono_literals;

struct Message1 {
  int value;
};
struct Message2 {
  int value;
};
struct Message3 {
  int value;
};
struct Message4 {
  int value;
};
struct Message5 {
  int value;
};
struct Message6 {
  int value;
};
struct Message7 {
  int value;
};
struct Message8 {
  int value;
};
struct Message9 {
  int value;
};
struct Message10 {
  int value;
};
struct Message11 {
  int value;
};
struct Message12 {
  int value;
};
struct Message13 {
  int value;
};
struct Message14 {
  int value;
};
struct Message15 {
  int value;
};
struct Message16 {
  int value;
};
struct Message17 {
  int value;
};
struct Message18 {
  int value;
};
struct Message19 {
  int value;
};
struct Message20 {
  int value;
};

struct Busy : coppice::Actor<Busy> {
  void handle(Message1 message) { sum += message.value; }
  int handle(Message2 message) { return sum + message.value; }
  void handle(Message3 message) { sum += message.value; }
  int handle(Message4 message) { return sum + message.value; }
  void handle(Message5 message) { sum += message.value; }
  int handle(Message6 message) { return sum + message.value; }
  void handle(Message7 message) { sum += message.value; }
  int handle(Message8 message) { return sum + message.value; }
  void handle(Message9 message) { sum += message.value; }
  int handle(Message10 message) { return sum + message.value; }
  void handle(Message11 message) { sum += message.value; }
  int handle(Message12 message) { return sum + message.value; }
  void handle(Message13 message) { sum += message.value; }
  int handle(Message14 message) { return sum + message.value; }
  void handle(Message15 message) { sum += message.value; }
  int handle(Message16 message) { return sum + message.value; }
  void handle(Message17 message) { sum += message.value; }
  int handle(Message18 message) { return sum + message.value; }
  void handle(Message19 message) { sum += message.value; }
  int handle(Message20 message) { return sum + message.value; }
  int sum = 0;
};

int main() {
  coppice::ActorSystem system;
  const auto busy = system.spawn<Busy>();
  int sum = 0;
  busy.send(Message1{1});
  sum += busy.ask(Message2{2}, 1s).get().value();
  busy.send(Message3{3});
  sum += busy.ask(Message4{4}, 1s).get().value();
  busy.send(Message5{5});
  sum += busy.ask(Message6{6}, 1s).get().value();
  busy.send(Message7{7});
  sum += busy.ask(Message8{8}, 1s).get().value();
  busy.send(Message9{9});
  sum += busy.ask(Message10{10}, 1s).get().value();
  busy.send(Message11{11});
  sum += busy.ask(Message12{12}, 1s).get().value();
  busy.send(Message13{13});
  sum += busy.ask(Message14{14}, 1s).get().value();
  busy.send(Message15{15});
  sum += busy.ask(Message16{16}, 1s).get().value();
  busy.send(Message17{17});
  sum += busy.ask(Message18{18}, 1s).get().value();
  busy.send(Message19{19});
  sum += busy.ask(Message20{20}, 1s).get().value();
  return sum != 0 ? 0 : 1;
}
