#pragma once

#include <chrono>

#include "../support/interrupt.hpp"
#include "coordinator.hpp"
#include "progress_bar.hpp"

/// Ten times a second: passes Ctrl-C on to the coordinator, and draws how far it is if stderr is a terminal.
class Display : public coppice::Actor<Display> {
 public:
  explicit Display(coppice::ActorRef<Coordinator> coordinator) : coordinator_{std::move(coordinator)} {}

  struct Tick {};
  void handle(Tick) {
    if (was_interrupted()) {
      coordinator_.send(Cancel{});
    } else if (draws_) {
      ask(coordinator_, HowFar{}, std::chrono::seconds{1}).then([this](const auto& progress) {
        if (progress) bar_.draw(*progress);
      });
    }
  }
  void on_stop(const coppice::ExitReason&) { bar_.clear(); }

 private:
  coppice::ActorRef<Coordinator> coordinator_;
  const bool draws_ = ProgressBar::is_possible();
  ProgressBar bar_;
  coppice::TimerHandle tick_ = send_every(std::chrono::milliseconds{100}, Tick{});
};
