#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "coppice/coppice.hpp"
#include "coppice/system/process_groups.hpp"
#include "support/log.hpp"

namespace coppice::testing {

/// An actor that runs what the test gives it on its own turn, and writes down what it hears of others.
struct Scripted : Actor<Scripted> {
  using Script = UniqueFunction<void(Scripted&)>;
  explicit Scripted(Log* l = nullptr, std::string called = {}) : log{l}, tag{std::move(called)} {}
  void handle(Script script) { script(*this); }
  void handle(const Down& down) { note("down " + down.reason.to_string()); }
  void handle(const ExitSignal& exit) { note("exit " + exit.reason.to_string()); }
  void handle(const GroupEvent& event) {
    note(std::string{event.kind == GroupEvent::Kind::Joined ? "joined " : "left "} + event.group + " " +
         event.member.name());
  }
  void handle(int number) { note(std::to_string(number)); }
  int handle(std::string text) { return static_cast<int>(text.size()); }
  void on_stop(const ExitReason& why) { note("stop " + why.to_string()); }

  void note(const std::string& what) {
    if (log != nullptr) log->add(tag.empty() ? what : tag + ": " + what);
  }
  [[noreturn]] static void crash(Scripted&) { throw std::runtime_error{"boom"}; }

  using Actor<Scripted>::ask;
  using Actor<Scripted>::link;
  using Actor<Scripted>::self;
  using Actor<Scripted>::send_exit;
  using Actor<Scripted>::spawn;
  using Actor<Scripted>::spawn_link;
  using Actor<Scripted>::stop;
  using Actor<Scripted>::system;
  using Actor<Scripted>::trap_exits;
  using Actor<Scripted>::try_spawn_link;
  using Actor<Scripted>::unlink;
  using Actor<Scripted>::unwatch;
  using Actor<Scripted>::watch;
  Log* log;
  std::string tag;
};

/// Has the actor run a script.
template <class F>
void run(const ActorRef<Scripted>& actor, F&& script) {
  actor.send(Scripted::Script{std::forward<F>(script)});
}

}  // namespace coppice::testing
