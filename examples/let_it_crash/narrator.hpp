#pragma once

#include <array>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <coppice/actor/monitor.hpp>

/// The way of a message that ends a life, in seven hops.
enum class Hop : unsigned char { Send, Push, Submit, Run, Handle, Fail, Restart };
inline constexpr std::array<std::string_view, 7> kHops{"send", "push", "submit", "run", "handle", "fail", "restart"};

/// A monitor that keeps a line for each hop. The runtime reports the last two; the first five have no event of their
/// own (they are a few nanoseconds each), so those who stand there say what they saw.
///
/// Threads    every function: any.
class Narrator {
 public:
  static constexpr bool kRecords = true;
  using Event = coppice::Event;

  void record(const Event& event) {
    if (event.kind == coppice::EventKind::ActorFailed && event.path == "tower/bell") {
      happened(Hop::Fail, fmt::format("life {} of {} is destroyed: {}", event.incarnation, event.path, event.text));
    }
    if (event.kind == coppice::EventKind::ChildRestarted && event.subject == "bell") {
      happened(Hop::Restart, fmt::format("{} starts life {} of {}", event.path, event.incarnation, event.subject));
    }
  }

  /// The first line for a hop counts.
  void happened(Hop hop, std::string line) {
    const std::lock_guard lock{mutex_};
    std::string& kept = lines_[static_cast<std::size_t>(hop)];
    if (kept.empty()) kept = std::move(line);
  }

  /// Prints the hops that happened; whether all did.
  [[nodiscard]] bool print() const {
    const std::lock_guard lock{mutex_};
    bool all = true;
    for (std::size_t i = 0; i < kHops.size(); ++i) {
      all = all && !lines_[i].empty();
      if (!lines_[i].empty()) fmt::print("{:<9}{}\n", kHops[i], lines_[i]);
    }
    return all;
  }

  /// The thread that made the system.
  [[nodiscard]] std::thread::id main_thread() const { return main_thread_; }

 private:
  const std::thread::id main_thread_ = std::this_thread::get_id();
  mutable std::mutex mutex_;
  std::array<std::string, kHops.size()> lines_;
};
