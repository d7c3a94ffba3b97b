// messages.cpp for CAF 0.17.
#include <caf/all.hpp>
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
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message1)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message2)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message3)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message4)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message5)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message6)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message7)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message8)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message9)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message10)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message11)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message12)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message13)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message14)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message15)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message16)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message17)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message18)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message19)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Message20)

class Busy : public caf::event_based_actor {
 public:
  using caf::event_based_actor::event_based_actor;
  caf::behavior make_behavior() override {
    return {
        [this](Message1 message) { sum += message.value; },  [this](Message2 message) { return sum + message.value; },
        [this](Message3 message) { sum += message.value; },  [this](Message4 message) { return sum + message.value; },
        [this](Message5 message) { sum += message.value; },  [this](Message6 message) { return sum + message.value; },
        [this](Message7 message) { sum += message.value; },  [this](Message8 message) { return sum + message.value; },
        [this](Message9 message) { sum += message.value; },  [this](Message10 message) { return sum + message.value; },
        [this](Message11 message) { sum += message.value; }, [this](Message12 message) { return sum + message.value; },
        [this](Message13 message) { sum += message.value; }, [this](Message14 message) { return sum + message.value; },
        [this](Message15 message) { sum += message.value; }, [this](Message16 message) { return sum + message.value; },
        [this](Message17 message) { sum += message.value; }, [this](Message18 message) { return sum + message.value; },
        [this](Message19 message) { sum += message.value; }, [this](Message20 message) { return sum + message.value; }};
  }
  int sum = 0;
};

int main() {
  caf::actor_system_config config;
  caf::actor_system system{config};
  const auto busy = system.spawn<Busy>();
  caf::scoped_actor self{system};
  int sum = 0;
  const auto add = [&](int value) { sum += value; };
  const auto ignore = [](const caf::error&) {};
  caf::anon_send(busy, Message1{1});
  self->request(busy, 1s, Message2{2}).receive(add, ignore);
  caf::anon_send(busy, Message3{3});
  self->request(busy, 1s, Message4{4}).receive(add, ignore);
  caf::anon_send(busy, Message5{5});
  self->request(busy, 1s, Message6{6}).receive(add, ignore);
  caf::anon_send(busy, Message7{7});
  self->request(busy, 1s, Message8{8}).receive(add, ignore);
  caf::anon_send(busy, Message9{9});
  self->request(busy, 1s, Message10{10}).receive(add, ignore);
  caf::anon_send(busy, Message11{11});
  self->request(busy, 1s, Message12{12}).receive(add, ignore);
  caf::anon_send(busy, Message13{13});
  self->request(busy, 1s, Message14{14}).receive(add, ignore);
  caf::anon_send(busy, Message15{15});
  self->request(busy, 1s, Message16{16}).receive(add, ignore);
  caf::anon_send(busy, Message17{17});
  self->request(busy, 1s, Message18{18}).receive(add, ignore);
  caf::anon_send(busy, Message19{19});
  self->request(busy, 1s, Message20{20}).receive(add, ignore);
  return sum != 0 ? 0 : 1;
}
