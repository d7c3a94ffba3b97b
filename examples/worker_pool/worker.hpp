#pragma once

#include <memory>
#include <vector>

#include "messages.hpp"

/// Counts one file at a time, a piece a message, so that a big file does not keep others from the thread. What it has
/// counted is its own until the file is done: a crash takes the part with it.
class Worker : public coppice::Actor<Worker> {
 public:
  explicit Worker(CoordinatorRef coordinator) : coordinator_{std::move(coordinator)} {}
  ~Worker() { close(); }

  void on_start();
  struct Hello {};
  void handle(Hello);
  void handle(Count&& count);
  struct Next {};
  void handle(Next);

 private:
  [[nodiscard]] bool open();
  void read_piece();
  void finish();
  void give_up(std::string reason);
  void close() noexcept;

  CoordinatorRef coordinator_;
  Count work_;
  int file_ = -1;
  std::uint64_t size_ = 0;  // of the file, when it was opened
  WordCounter counter_;
  std::vector<char> buffer_;
};
