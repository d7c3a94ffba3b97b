// Keys are compared under the mailbox's lock, where no code of a user's runs.
// expect: KeepLatestBy takes a data member that is a number, an enum, a string or a string_view
#include <string>

#include <coppice/coppice.hpp>

struct Symbol {
  std::string text;
  bool operator==(const Symbol&) const = default;
};
#ifdef WRONG
using Key = Symbol;
#else
using Key = std::string;
#endif
struct Tick {
  Key symbol;
};
struct Feed : coppice::Actor<Feed> {
  void handle(const Tick&) {}
};
void use(coppice::System& system) {
  system.spawn<Feed>({.mailbox = coppice::Bounded{100, coppice::KeepLatestBy<&Tick::symbol>}});
}
