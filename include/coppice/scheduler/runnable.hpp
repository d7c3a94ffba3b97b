#pragma once

namespace coppice::detail {

struct Runnable;

/// How the runnables of one system are run; each points at its system's.
struct RunTable {
  using Run = void (*)(Runnable&) noexcept;
  Run run = nullptr;
  Run run_one = nullptr;  // the same, for one message at most
};

/// What a scheduler runs: one activation of one actor.
///
/// [S1] A runnable is submitted only by whoever owns its activation, hence it is in at most one queue and runs on one
/// thread.
struct Runnable {
  explicit Runnable(RunTable& t) noexcept : table{&t} {}
  RunTable* table;
};

/// The one virtual call. After it the runnable may be gone.
inline void run(Runnable& runnable) noexcept { runnable.table->run(runnable); }

}  // namespace coppice::detail
