#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <coppice/coppice.hpp>

#include "count.hpp"
#include "files.hpp"

// What coordinator and workers say to each other. Each knows the other through a Protocol only, so neither needs the
// other's class.

/// To a worker: count this file.
struct Count {
  Job job;
  bool crash = false;  ///< throw in the middle
};
using WorkerRef = coppice::ActorRef<coppice::Protocol<void(Count)>>;

/// From a worker: a new life of it is up and has nothing to do.
struct Ready {
  WorkerRef worker;
};
/// From a worker: so many bytes more of its file have been counted.
struct Read {
  WorkerRef worker;
  std::uint64_t bytes;
};
/// From a worker: its file is counted, and it has nothing to do.
struct Counted {
  WorkerRef worker;
  Counts counts;
  std::uint64_t size_before;  ///< the file's, when it was opened
  std::uint64_t size_after;   ///< and when it was read
};
/// From a worker: its file cannot be read, and it has nothing to do.
struct Unreadable {
  WorkerRef worker;
  std::string reason;
};
/// From a worker: the injected crash comes now.
struct Crashing {};

using CoordinatorRef =
    coppice::ActorRef<coppice::Protocol<void(Ready), void(Read), void(Counted), void(Unreadable), void(Crashing)>>;

/// To the coordinator: begin, and answer when nothing is left to do. `pool` supervises the workers.
struct Run {
  coppice::AnyRef pool;
};
/// To the coordinator: end now, with what there is.
struct Cancel {};
/// To the coordinator: how far is it?
struct HowFar {};

struct Progress {
  std::uint64_t files = 0;
  std::uint64_t files_all = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_all = 0;
  std::uint64_t crashes = 0;
};

struct WorkerShare {
  std::string name;  ///< its path: "pool/worker-1"
  std::uint64_t jobs = 0;
};

/// Empty files that are named one by one; of the others the report says how many there are.
inline constexpr std::size_t kEmptyNamed = 10;

/// A file that was written to while it was counted.
struct Changed {
  std::string path;
  std::uint64_t size_before = 0;
  std::uint64_t size_after = 0;
  std::uint64_t counted = 0;
};

/// What came out.
struct Outcome {
  Counts totals = {};
  std::uint64_t files = 0;  ///< counted
  std::uint64_t found = 0;  ///< to count
  std::uint64_t retries = 0;
  std::uint64_t injected = 0;  ///< crashes that workers were told to have, and had
  std::uint64_t in_vain = 0;   ///< bytes that workers had counted of files when they crashed
  std::uint64_t empty = 0;     ///< files without a byte
  std::vector<std::string> empty_named = {};
  std::vector<Changed> changed = {};
  std::string largest = {};
  std::uint64_t largest_bytes = 0;
  std::vector<WorkerShare> workers = {};
  std::vector<Failure> failures = {};
  std::string gave_up = {};  ///< why the pool ended before the work did; empty: it did not
};
