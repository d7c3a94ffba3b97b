#pragma once

#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <coppice/coppice.hpp>

#include "journal.hpp"

/// What the stages have in common: a broker, crashes on purpose, and that a crash tells which line it had in hand.
class Stage {
 public:
  Stage(coppice::InMemoryBroker* broker, std::shared_ptr<Chaos> chaos) : broker_{broker}, chaos_{std::move(chaos)} {}

 protected:
  /// Does the work of one event, and crashes before it or after it when it is time to.
  template <class Work>
  void work_on(std::uint64_t line, Work&& work) {
    in_hand_ = line;
    const Chaos::Blow blow = chaos_->next(line);
    if (blow == Chaos::Blow::Before) throw std::runtime_error{"injected before the work"};
    work();
    if (blow == Chaos::Blow::After) throw std::runtime_error{"injected after the work"};
  }
  /// For on_error(): the event in hand is consumed by the crash, so somebody has to send the line again.
  coppice::OnError tell_loss() {
    broker_->publish("lines.lost", Lost{in_hand_});
    return coppice::OnError::Supervise;
  }
  [[nodiscard]] coppice::InMemoryBroker& broker() { return *broker_; }

 private:
  coppice::InMemoryBroker* broker_;
  std::shared_ptr<Chaos> chaos_;
  std::uint64_t in_hand_ = 0;
};

struct Begin {};
struct WhenDone {};

/// Reads the file, keeps so many lines under way, and sends again those that are lost.
class Ingest : public coppice::Actor<Ingest>, private Stage {
 public:
  Ingest(coppice::InMemoryBroker* broker, std::shared_ptr<Chaos> chaos, std::shared_ptr<Journal> journal,
         const std::string& path, std::size_t window);
  void handle(Begin begin);
  void handle(const Stored& stored);
  void handle(const Lost& lost);
  /// Answers when no line is under way and none is left to read, or the program was interrupted.
  coppice::Later<bool> handle(WhenDone when);
  coppice::OnError on_error(const coppice::ExitReason&) { return tell_loss(); }

 private:
  void read_on();
  bool read_line(RawLine& line);
  void send(const RawLine& line) { broker().publish("lines.raw", line); }
  [[nodiscard]] bool is_done() const;

  std::shared_ptr<Journal> journal_;
  std::ifstream file_;
  std::size_t window_;
  std::optional<coppice::ReplyPromise<bool>> waiting_;
};

class Validate : public coppice::Actor<Validate>, private Stage {
 public:
  using Stage::Stage;
  void handle(const RawLine& line);
  coppice::OnError on_error(const coppice::ExitReason&) { return tell_loss(); }
};

class Process : public coppice::Actor<Process>, private Stage {
 public:
  using Stage::Stage;
  void handle(const LogEvent& event);
  coppice::OnError on_error(const coppice::ExitReason&) { return tell_loss(); }
};

class Store : public coppice::Actor<Store>, private Stage {
 public:
  Store(coppice::InMemoryBroker* broker, std::shared_ptr<Chaos> chaos, std::shared_ptr<Counts> counts)
      : Stage{broker, std::move(chaos)}, counts_{std::move(counts)} {}
  void handle(const ProcessedEvent& event);
  void handle(const InvalidLine& line);
  coppice::OnError on_error(const coppice::ExitReason&) { return tell_loss(); }

 private:
  std::shared_ptr<Counts> counts_;
};
