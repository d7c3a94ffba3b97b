#include "coordinator.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

Coordinator::Coordinator(Found found, std::size_t workers, Injection injection)
    : queue_{std::make_move_iterator(found.jobs.begin()), std::make_move_iterator(found.jobs.end())},
      workers_{workers},
      injection_{std::move(injection)},
      bytes_all_{found.bytes} {
  outcome_.found = queue_.size();
  outcome_.failures = std::move(found.failures);
}

coppice::Later<Outcome> Coordinator::handle(Run&& run) {
  auto [promise, later] = reply_later<Outcome>();
  waiting_ = std::move(promise);
  pool_ = std::move(run.pool);
  watch(pool_);
  finish_if_done();
  return std::move(later);
}

void Coordinator::handle(const Cancel&) { finish(); }

Progress Coordinator::handle(HowFar) const {
  Progress progress{.files = outcome_.found - queue_.size(),
                    .files_all = outcome_.found,
                    .bytes = bytes_done_,
                    .bytes_all = bytes_all_,
                    .crashes = crashes_};
  for (const auto& [ref, desk] : desks_) {
    if (!desk.job) continue;
    --progress.files;
    progress.bytes += desk.bytes;
  }
  return progress;
}

void Coordinator::handle(const Ready& ready) {
  Desk& desk = desks_[ready.worker];
  desk.worker = ready.worker;
  desk.up = true;
  watch(desk.worker);
  give_work();
}

void Coordinator::handle(const Read& read) { desks_[read.worker].bytes += read.bytes; }

void Coordinator::handle(const Counted& counted) {
  Desk& desk = desks_[counted.worker];
  outcome_.totals += counted.counts;
  ++outcome_.files;
  note(desk.job->path, counted);
  job_done(desk);
}

/// What is worth a word of its own.
void Coordinator::note(const std::string& path, const Counted& counted) {
  const std::uint64_t bytes = counted.counts.bytes;
  if (bytes == 0) {
    ++outcome_.empty;
    if (outcome_.empty_named.size() < kEmptyNamed) outcome_.empty_named.push_back(path);
  }
  if (bytes > outcome_.largest_bytes) {
    outcome_.largest = path;
    outcome_.largest_bytes = bytes;
  }
  if (counted.size_before != counted.size_after) {
    outcome_.changed.push_back(
        {.path = path, .size_before = counted.size_before, .size_after = counted.size_after, .counted = bytes});
  }
}

void Coordinator::handle(Unreadable&& unreadable) {
  Desk& desk = desks_[unreadable.worker];
  outcome_.failures.push_back(
      {.path = desk.job->path, .reason = std::move(unreadable.reason), .attempts = desk.job->attempts});
  job_done(desk);
}

void Coordinator::job_done(Desk& desk) {
  ++desk.jobs;
  bytes_done_ += desk.bytes;
  desk.bytes = 0;
  desk.job.reset();
  give_work();
}

void Coordinator::handle(Crashing) { ++outcome_.injected; }

/// A worker crashed, and its next life will say Ready; or the pool has given up, and nobody will.
void Coordinator::handle(const coppice::Down& down) {
  if (down.actor == pool_) {
    outcome_.gave_up = down.reason.to_string();
    finish();
    return;
  }
  Desk& desk = desks_[down.actor];
  desk.up = false;
  outcome_.in_vain += std::exchange(desk.bytes, 0);
  ++crashes_;
  if (!desk.job) return;
  Job job = *std::exchange(desk.job, std::nullopt);
  if (job.attempts < kAttempts) {
    ++outcome_.retries;
    queue_.push_front(std::move(job));
  } else {
    const std::string reason = fmt::format("crashed its worker {} times: {}", job.attempts, down.reason.text());
    outcome_.failures.push_back({.path = std::move(job.path), .reason = reason, .attempts = job.attempts});
  }
  give_work();
}

/// Whether this attempt is to crash. A retry does not, so that a job is hit once and not by chance four times.
bool Coordinator::crashes(const Job& job) {
  if (!injection_.poison.empty() && job.path.find(injection_.poison) != std::string::npos) return job.size > 0;
  if (!injection_.every || job.attempts > 1 || job.size == 0) return false;
  return ++not_empty_ % *injection_.every == 0;
}

void Coordinator::give_work() {
  for (auto& [ref, desk] : desks_) {
    if (queue_.empty()) break;
    if (!desk.up || desk.job) continue;
    desk.job = std::move(queue_.front());
    queue_.pop_front();
    ++desk.job->attempts;
    desk.worker.send(Count{.job = *desk.job, .crash = crashes(*desk.job)});
  }
  finish_if_done();
}

/// Done is when every worker is back with nothing to do: then every crash has had its restart.
void Coordinator::finish_if_done() {
  const auto idle = [](const auto& entry) { return entry.second.up && !entry.second.job; };
  if (queue_.empty() && desks_.size() == workers_ && std::ranges::all_of(desks_, idle)) finish();
}

void Coordinator::finish() {
  if (!waiting_) return;
  queue_.clear();
  std::ranges::sort(outcome_.failures, {}, &Failure::path);
  std::ranges::sort(outcome_.empty_named);
  std::ranges::sort(outcome_.changed, {}, &Changed::path);
  for (const auto& [ref, desk] : desks_) {
    outcome_.workers.push_back({.name = desk.worker.path(), .jobs = desk.jobs});
  }
  std::exchange(waiting_, std::nullopt)->set(std::move(outcome_));
}
