#include "coppice/mailbox/mailbox.hpp"

#include <memory>
#include <vector>

#include "catch.hpp"

// The laws of the mailbox, one step at a time. mailbox_threads_test.cpp holds them against real threads.

namespace coppice::detail {
namespace {

struct alignas(16) Item : Link {
  explicit Item(int n = 0) : number{n} {}
  int number;
};

int number_of(const Link* link) { return static_cast<const Item*>(link)->number; }

Rest rest(Mailbox& mailbox, bool held = false) {
  Link* freed = nullptr;
  return mailbox.try_rest(held, freed);
}

/// Takes everything that waits, as an owner does.
std::vector<int> take_all(Mailbox& mailbox) {
  std::vector<int> numbers;
  while (Link* const link = mailbox.next()) {
    static_cast<void>(mailbox.take(link));
    numbers.push_back(number_of(link));
  }
  return numbers;
}

TEST_CASE("the first push to an idle mailbox activates and the next ones queue") {
  Mailbox mailbox;
  Item items[3];
  CHECK(mailbox.push(items[0]) == Pushed::Activate);
  CHECK(mailbox.push(items[1]) == Pushed::Queued);
  CHECK(mailbox.push(items[2]) == Pushed::Queued);
  CHECK(mailbox.depth() == 3);
}

TEST_CASE("a mailbox that is made busy never answers activate before it has rested") {
  Mailbox mailbox{Mailbox::Busy{}};
  Item item;
  CHECK(mailbox.push(item) == Pushed::Queued);
  CHECK(take_all(mailbox).size() == 1);
  CHECK(rest(mailbox) == Rest::Idle);
  Item other;
  CHECK(mailbox.push(other) == Pushed::Activate);
}

TEST_CASE("messages come out in the order in which they went in") {
  Mailbox mailbox;
  std::vector<Item> items(100);
  for (int i = 0; i < 100; ++i) items[static_cast<std::size_t>(i)].number = i;
  for (Item& item : items) static_cast<void>(mailbox.push(item));
  const std::vector<int> taken = take_all(mailbox);
  REQUIRE(taken.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(taken[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("taking a message gives back the one before and resting the last") {
  Mailbox mailbox;
  Item a;
  Item b;
  static_cast<void>(mailbox.push(a));
  static_cast<void>(mailbox.push(b));
  CHECK(mailbox.last_taken() == nullptr);
  CHECK(mailbox.take(mailbox.next()) == nullptr);
  CHECK(mailbox.last_taken() == &a);
  CHECK(mailbox.take(mailbox.next()) == &a);
  CHECK(mailbox.next() == nullptr);
  Link* freed = nullptr;
  CHECK(mailbox.try_rest(false, freed) == Rest::Idle);
  CHECK(freed == &b);
}

TEST_CASE("an idle mailbox keeps none of the links it was given") {
  Mailbox mailbox;
  for (int round = 0; round < 3; ++round) {
    auto item = std::make_unique<Item>(round);
    REQUIRE(mailbox.push(*item) == Pushed::Activate);
    REQUIRE(take_all(mailbox) == std::vector<int>{round});
    Link* freed = nullptr;
    REQUIRE(mailbox.try_rest(false, freed) == Rest::Idle);
    REQUIRE(freed == item.get());
    item.reset();  // AddressSanitizer sees it when the mailbox looks at it again
  }
  CHECK(mailbox.depth() == 0);
}

TEST_CASE("each idle period ends with exactly one activation") {  // [M1]
  Mailbox mailbox;
  int activations = 0;
  std::vector<Item> items(60);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (mailbox.push(items[i]) == Pushed::Activate) ++activations;
    Signal signal;
    if (mailbox.push_signal(signal) == Pushed::Activate) ++activations;
    CHECK(activations == static_cast<int>(i / 6) + 1);
    if (i % 6 == 5) {
      REQUIRE(mailbox.take_signals() != nullptr);
      static_cast<void>(take_all(mailbox));
      REQUIRE(rest(mailbox) == Rest::Idle);
    } else {
      while (mailbox.take_signals() != nullptr) {
      }
    }
  }
}

TEST_CASE("an owner cannot rest over a waiting message") {  // [M2]
  Mailbox mailbox;
  Item first;
  Item second;
  static_cast<void>(mailbox.push(first));
  CHECK(rest(mailbox) == Rest::Messages);
  static_cast<void>(mailbox.take(mailbox.next()));
  static_cast<void>(mailbox.push(second));
  CHECK(rest(mailbox) == Rest::Messages);
  static_cast<void>(mailbox.take(mailbox.next()));
  CHECK(rest(mailbox) == Rest::Idle);
}

TEST_CASE("an owner cannot rest over a waiting signal even when it is held") {  // [M2]
  Mailbox mailbox{Mailbox::Busy{}};
  Signal signal;
  CHECK(mailbox.push_signal(signal) == Pushed::Queued);
  CHECK(rest(mailbox, false) == Rest::Signals);
  CHECK(rest(mailbox, true) == Rest::Signals);
  CHECK(mailbox.take_signals() == &signal);
  CHECK(rest(mailbox, true) == Rest::Idle);
}

TEST_CASE("a mark whose signal has been taken already does not keep the owner awake") {
  // push_signal() takes two steps, the lane and then the mark. Here the owner takes the signal between them.
  constexpr std::uintptr_t kSignals = 2;
  MailboxInlet inlet;
  MailboxLane lane;
  alignas(16) MailboxOutlet outlet;
  MailboxRef mailbox{inlet, lane, outlet};
  mailbox.open(true);
  Signal signal;
  CHECK(mailbox.push_signal(signal) == Pushed::Queued);
  CHECK(mailbox.take_signals() == &signal);
  const bool held = GENERATE(false, true);
  inlet.head.fetch_or(kSignals);
  CHECK_FALSE(mailbox.has_signals());
  Link* freed = nullptr;
  CHECK(mailbox.try_rest(held, freed) == Rest::Idle);
  Signal next;
  CHECK(mailbox.push_signal(next) == Pushed::Activate);
  CHECK(mailbox.try_rest(held, freed) == Rest::Signals);
}

TEST_CASE("signals come out in the order in which they went in and past the messages") {  // [M4]
  Mailbox mailbox;
  std::vector<Item> items(1'000);
  for (Item& item : items) static_cast<void>(mailbox.push(item));
  Signal signals[3];
  CHECK_FALSE(mailbox.has_signals());
  for (Signal& signal : signals) CHECK(mailbox.push_signal(signal) == Pushed::Queued);
  CHECK(mailbox.has_signals());
  Signal* signal = mailbox.take_signals();
  for (Signal& expected : signals) {
    REQUIRE(signal == &expected);
    signal = signal->next_signal;
  }
  CHECK(signal == nullptr);
  CHECK_FALSE(mailbox.has_signals());
  CHECK(mailbox.take_signals() == nullptr);
  CHECK(mailbox.depth() == items.size());
}

TEST_CASE("a signal wakes an idle mailbox once") {
  Mailbox mailbox;
  Signal first;
  Signal second;
  Item item;
  CHECK(mailbox.push_signal(first) == Pushed::Activate);
  CHECK(mailbox.push_signal(second) == Pushed::Queued);
  CHECK(mailbox.push(item) == Pushed::Queued);
}

TEST_CASE("a held mailbox lets messages wait and wakes for a signal only") {
  Mailbox mailbox{Mailbox::Busy{}};
  Item waiting{1};
  static_cast<void>(mailbox.push(waiting));
  CHECK(rest(mailbox, true) == Rest::Idle);
  Item more[2]{Item{2}, Item{3}};
  CHECK(mailbox.push(more[0]) == Pushed::Queued);
  CHECK(mailbox.push(more[1]) == Pushed::Queued);
  Signal signal;
  CHECK(mailbox.push_signal(signal) == Pushed::Activate);
  CHECK(mailbox.take_signals() == &signal);

  SECTION("the owner may stay held") {
    CHECK(rest(mailbox, true) == Rest::Idle);
    Item late{4};
    CHECK(mailbox.push(late) == Pushed::Queued);
    Signal again;
    CHECK(mailbox.push_signal(again) == Pushed::Activate);
  }
  SECTION("the owner may end the hold and finds every message in order") {
    mailbox.release_hold();
    CHECK(rest(mailbox, false) == Rest::Messages);
    CHECK(take_all(mailbox) == std::vector<int>{1, 2, 3});
    CHECK(rest(mailbox, false) == Rest::Idle);
    Item late{4};
    CHECK(mailbox.push(late) == Pushed::Activate);
  }
}

TEST_CASE("a hold that ends with nothing waiting leaves an ordinary mailbox") {
  Mailbox mailbox{Mailbox::Busy{}};
  REQUIRE(rest(mailbox, true) == Rest::Idle);
  Signal signal;
  REQUIRE(mailbox.push_signal(signal) == Pushed::Activate);
  REQUIRE(mailbox.take_signals() == &signal);
  mailbox.release_hold();
  CHECK(rest(mailbox, false) == Rest::Idle);
  Item item;
  CHECK(mailbox.push(item) == Pushed::Activate);
}

TEST_CASE("a closed mailbox refuses messages and keeps what it had accepted") {  // [M3]
  Mailbox mailbox;
  Item before{1};
  Item after{2};
  static_cast<void>(mailbox.push(before));
  CHECK_FALSE(mailbox.is_closed());
  mailbox.close();
  CHECK(mailbox.is_closed());
  CHECK(mailbox.push(after) == Pushed::Refused);
  CHECK_FALSE(mailbox.is_drained());
  CHECK(take_all(mailbox) == std::vector<int>{1});
  CHECK(mailbox.is_drained());
  CHECK(mailbox.strip() == &before);
  CHECK(mailbox.last_taken() == nullptr);
}

TEST_CASE("a closed mailbox still takes signals until it has ended") {
  Mailbox mailbox{Mailbox::Busy{}};
  mailbox.close();
  Signal first;
  CHECK(mailbox.push_signal(first) == Pushed::Queued);
  CHECK_FALSE(mailbox.end());  // a signal came first
  CHECK(mailbox.take_signals() == &first);
  CHECK(mailbox.end());
  Signal late;
  CHECK(mailbox.push_signal(late) == Pushed::Refused);
  Item item;
  CHECK(mailbox.push(item) == Pushed::Refused);
}

TEST_CASE("a mailbox that ends now gives back its signals and takes no more") {
  Mailbox mailbox{Mailbox::Busy{}};
  mailbox.close();
  Signal signals[2];
  for (Signal& signal : signals) static_cast<void>(mailbox.push_signal(signal));
  Signal* const first = mailbox.end_now();
  REQUIRE(first == &signals[0]);
  CHECK(first->next_signal == &signals[1]);
  CHECK(signals[1].next_signal == nullptr);
  CHECK(mailbox.has_signals());  // an owner that is being replaced must look, and find out
  Signal late;
  CHECK(mailbox.push_signal(late) == Pushed::Refused);
}

TEST_CASE("a closed mailbox may rest and wakes for a signal") {
  Mailbox mailbox{Mailbox::Busy{}};
  mailbox.close();
  CHECK(rest(mailbox) == Rest::Idle);
  Item item;
  CHECK(mailbox.push(item) == Pushed::Refused);
  Signal signal;
  CHECK(mailbox.push_signal(signal) == Pushed::Activate);
}

TEST_CASE("a mailbox that is reopened accepts again") {
  Mailbox mailbox{Mailbox::Busy{}};
  Item items[2]{Item{1}, Item{2}};
  mailbox.close();
  CHECK(mailbox.push(items[0]) == Pushed::Refused);
  mailbox.reopen();
  CHECK_FALSE(mailbox.is_closed());
  CHECK(mailbox.push(items[1]) == Pushed::Queued);
  CHECK(take_all(mailbox) == std::vector<int>{2});
  CHECK(rest(mailbox) == Rest::Idle);
}

}  // namespace
}  // namespace coppice::detail
