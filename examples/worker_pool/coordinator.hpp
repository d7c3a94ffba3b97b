#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "messages.hpp"

/// A job is begun at most so many times: once, and three retries.
inline constexpr unsigned kAttempts = 4;

/// Which crashes to inject.
struct Injection {
  std::optional<std::uint64_t> every;  ///< the first attempt at each so-manieth file that is not empty
  std::string poison;                  ///< every attempt at a file whose path contains this; empty: none
};

/// Has the queue. Workers ask it for work; it watches them, and puts the job of one that crashes back in front.
class Coordinator : public coppice::Actor<Coordinator> {
 public:
  Coordinator(Found found, std::size_t workers, Injection injection);

  coppice::Later<Outcome> handle(Run&& run);
  void handle(const Cancel&);
  [[nodiscard]] Progress handle(HowFar) const;

  void handle(const Ready& ready);
  void handle(const Read& read);
  void handle(const Counted& counted);
  void handle(Unreadable&& unreadable);
  void handle(Crashing);
  void handle(const coppice::Down& down);

 private:
  /// What is known of one worker's place.
  struct Desk {
    WorkerRef worker;
    std::optional<Job> job;
    bool up = false;
    std::uint64_t jobs = 0;
    std::uint64_t bytes = 0;  ///< of the job in hand
  };

  [[nodiscard]] bool crashes(const Job& job);
  void note(const std::string& path, const Counted& counted);
  void job_done(Desk& desk);
  void give_work();
  void finish_if_done();
  void finish();

  std::deque<Job> queue_;
  const std::size_t workers_;
  const Injection injection_;
  std::uint64_t not_empty_ = 0;
  std::uint64_t bytes_done_ = 0;
  std::uint64_t bytes_all_ = 0;
  std::uint64_t crashes_ = 0;
  coppice::AnyRef pool_;
  std::map<coppice::AnyRef, Desk> desks_;
  Outcome outcome_;
  std::optional<coppice::ReplyPromise<Outcome>> waiting_;
};
