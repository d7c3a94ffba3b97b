#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "coppice/mailbox/mailbox.hpp"
#include "interleave/engine/engine.hpp"

namespace coppice::interleave {

using namespace coppice::detail;

/// A message whose block has a life of its own: whoever touches it after it was freed is found out.
struct alignas(16) Item : Link {
  Item(unsigned s, unsigned n) : sender{s}, number{n} {}
  unsigned sender;
  unsigned number;
  Plain<bool> is_free{false};

  static Link* poison() noexcept { return reinterpret_cast<Link*>(std::uintptr_t{0xdead0}); }
};

struct Note : Signal {
  Plain<bool> is_read{false};
};

/// A mailbox, the loop of its owner, and what must hold of both. Whoever is told Activate runs the loop itself, so
/// that nothing but the mailbox hands the owner's state over.
class Place {
 public:
  struct Ways {
    unsigned close_after = kUnbounded;  // messages taken
    bool reopens = false;               // … and then goes on
    bool ends_at_once = false;          // end_now() instead of end()
    bool is_held = false;               // takes no message until a signal comes
    bool puts_in_front = false;         // two messages of its own, when it takes the first one
    bool pushes_own = false;            // a message of its own, in the first turn
  };
  Place() : Place{Ways{}} {}
  explicit Place(const Ways& ways) : ways_{ways}, is_held_{ways.is_held} {}

  void push(unsigned sender, unsigned number) { push(make(sender, number)); }
  void push(Item& item) {
    switch (mailbox.push(item)) {
      case Pushed::Activate: run(); return;
      case Pushed::Queued: return;
      case Pushed::Refused: break;
    }
    free(&item);
    refused_.fetch_add(1, kRelaxed);
  }
  void push_signal(bool light = false) {
    Note& note = notes_.emplace_back();
    note.is_read.write() = false;
    switch (mailbox.push_signal(note, light)) {
      case Pushed::Activate: run(); return;
      case Pushed::Queued: return;
      case Pushed::Refused: break;
    }
    signals_refused_.fetch_add(1, kRelaxed);
  }

  Item& make(unsigned sender, unsigned number) {
    Item& item = items_.emplace_back(sender, number);
    item.is_free.write() = false;
    item.next.store(Item::poison(), kRelaxed);  // as in a block that had another life
    return item;
  }

  /// After all fibers have ended: nothing is lost, nothing waits, nobody touched what was freed.
  void check_end() {
    expect(!is_running_, "the owner rests");
    const unsigned refused = refused_.peek();
    expect(taken_.read() + refused == items_.size(), "each message is taken or refused");
    expect(signals_.read() + signals_refused_.peek() == notes_.size(), "each signal is taken or refused");
    if (is_closed_.peek()) {
      expect(ways_.close_after <= taken_.read(), "it closed when it should");
    } else {
      expect(ways_.reopens || (refused == 0 && signals_refused_.peek() == 0), "an open place refuses nothing");
      expect(mailbox.is_idle(), "an owner with nothing to do rests");
    }
    for (Item& item : items_) {
      expect(item.is_free.read(), "each block is given back");
      expect(item.next.peek() == Item::poison(), "nobody writes to a block that was given back");
    }
  }

  Mailbox mailbox;

  /// What another thread may ask at any time.
  void look() {
    static_cast<void>(mailbox.is_idle());
    if (mailbox.is_closed()) expect(is_closed_.peek(), "closed is who closed");
  }

 private:
  void enter() {
    expect(!is_running_, "[M1] one owner at a time");
    is_running_ = true;
    ++turns_.write();
  }
  void leave() { is_running_ = false; }

  void run() {
    enter();
    if (ways_.pushes_own && turns_.read() == 1) mailbox.push_own(make(4, 1));
    for (;;) {
      take_signals();
      if (!is_held_.read()) take_messages();
      if (!is_closed_.peek() && taken_.read() >= ways_.close_after) {
        finish();
        if (!ways_.reopens) return;
      }
      const bool held = is_held_.read();
      leave();
      Link* freed = nullptr;
      if (!held && mailbox.rest_quickly(freed)) return free(freed);
      const Rest rest = mailbox.try_rest(held, freed);
      if (rest == Rest::Idle) return free(freed);
      enter();
      if (rest == Rest::InFlight) interleave::yield();
    }
  }

  void take_signals() {
    for (Signal* signal = mailbox.take_signals(); signal != nullptr; signal = signal->next_signal) read(*signal);
  }
  void read(Signal& signal) {
    Note& note = static_cast<Note&>(signal);
    expect(!note.is_read.read(), "a signal is taken once");
    note.is_read.write() = true;
    ++signals_.write();
    if (!is_held_.read()) return;
    is_held_.write() = false;
    mailbox.release_hold();
  }

  void take_messages() {
    while (!mailbox.has_signals() && (is_closed_.peek() || taken_.read() < ways_.close_after)) {
      if (Signal* const light = mailbox.take_light()) read(*light);
      Link* const link = mailbox.next();
      if (link == nullptr) return;
      take(*link);
    }
  }
  void take(Link& link) {
    free(mailbox.take(&link));
    Item& item = static_cast<Item&>(link);
    expect(!item.is_free.read(), "a message is taken once");
    unsigned& last = last_number_[item.sender].write();
    expect(item.number > last, "messages of one sender come in order");
    last = item.number;
    ++taken_.write();
    if (std::exchange(ways_.puts_in_front, false)) put_in_front();
  }
  void put_in_front() {
    Item& first = make(3, 1);
    Item& second = make(3, 2);
    first.next.store(&second, kRelaxed);
    while (!mailbox.prepend(first, second)) interleave::yield();
  }

  /// As a place ends: what was accepted is taken, late signals too, and then everything is refused.
  void finish() {
    mailbox.close();
    is_closed_.store(true, kRelaxed);
    for (;;) {
      while (Link* const link = mailbox.next()) take(*link);
      if (mailbox.is_drained()) break;
      interleave::yield();
    }
    if (ways_.reopens) {
      is_closed_.store(false, kRelaxed);
      ways_.close_after = kUnbounded;
      mailbox.reopen();
      return;
    }
    if (ways_.ends_at_once) {
      for (Signal* signal = mailbox.end_now(); signal != nullptr; signal = signal->next_signal) read(*signal);
    } else {
      do {
        take_signals();
      } while (!mailbox.end());
    }
    free(mailbox.strip());
    leave();
  }

  void free(Link* link) {
    if (link == nullptr) return;
    Item& item = static_cast<Item&>(*link);
    expect(!item.is_free.read(), "a block is given back once");
    item.is_free.write() = true;
    item.next.store(Item::poison(), kRelaxed);
  }

 private:
  Ways ways_;
  std::deque<Item> items_;
  std::deque<Note> notes_;
  bool is_running_ = false;
  Atomic<bool> is_closed_{false};
  Atomic<unsigned> refused_{0};
  Atomic<unsigned> signals_refused_{0};
  // The owner's, plain: M1 is what makes them safe.
  Plain<bool> is_held_;
  Plain<unsigned> turns_{0};
  Plain<unsigned> taken_{0};
  Plain<unsigned> signals_{0};
  Plain<unsigned> last_number_[5];
};

}  // namespace coppice::interleave
