#pragma once

#include <coppice/asio.hpp>
#include <coppice/coppice.hpp>
// After it: asio.hpp sets Asio's switches.
#include <asio/thread_pool.hpp>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "log_file.hpp"

/// When what is written is synchronized.
enum class Fsync : unsigned char {
  Always,       ///< before it is acknowledged
  EverySecond,  ///< a second later: a power cut may lose so much
  No,           ///< when the kernel likes
};

/// What a shard hears of what it has sent to its log.
struct Written {
  std::uint64_t number = 0;  ///< all up to this Append is in the log, or has failed
  std::string error;         ///< why, for a client to read
  bool is_lost = false;      ///< it is not in the log, and never will be: what is there has to be loaded again
};
using LogReader = coppice::ActorRef<coppice::Protocol<void(Written)>>;

/// Operations of a shard, numbered in turn.
struct Append {
  std::uint64_t number = 0;
  std::string operations;
};

/// Asks for all that the log holds, and that `reader` is told from now on.
struct LoadLog {
  LogReader reader;
};
struct LoadedLog {
  std::string error;
  std::unique_ptr<Store> keys;
  std::uint64_t number = 0;  ///< of the last Append that is in it
};

struct ShardLogOptions {
  Fsync fsync = Fsync::EverySecond;
  std::uint64_t compact_bytes = std::uint64_t{16} << 20;  ///< a smaller log is left alone
};

/// The actor that has one shard's log. It blocks, and so runs on a thread of `disk` and not on the system's workers. What
/// comes while it writes and synchronizes waits in its mailbox and then goes in one frame, with one fsync for all.
///
/// It outlives the shard's lives: what a life has sent is in the log before the next one's LoadLog is answered.
///
/// With Fsync::Always what cannot be written is refused, and the log is as it was before. Otherwise it has been
/// acknowledged already: it is kept, and tried again every second.
class ShardLog : public coppice::Actor<ShardLog> {
 public:
  ShardLog(LogFile file, ShardLogOptions options, std::shared_ptr<asio::thread_pool> disk)
      : file_{std::move(file)}, options_{options}, disk_{std::move(disk)}, compact_at_{options.compact_bytes} {}
  void on_stop(const coppice::ExitReason& reason);

  void handle(const Append& append);
  LoadedLog handle(LoadLog load);
  struct Commit {};
  void handle(Commit);
  struct SyncNow {};
  void handle(SyncNow);
  struct Compacted {
    LogFile::Snapshot snapshot;
  };
  void handle(Compacted compacted);

 private:
  void write_waiting();
  void fail(std::string error, bool is_of_sync);
  void tell(std::string error, bool is_lost);
  void sync_soon();
  void compact_if_grown();
  void report(const std::string& text) const;

  LogFile file_;
  ShardLogOptions options_;
  std::shared_ptr<asio::thread_pool> disk_;
  LogReader reader_;
  std::string frame_ = log_format::open_frame();  // what waits to be written
  std::uint64_t number_ = 0;                      // of the last Append in it, or before it
  std::uint64_t compact_at_;
  std::string refused_;   // Always: why nothing is taken until the next LoadLog
  std::string reported_;  // the last failure
  coppice::TimerHandle sync_timer_;
  bool commits_ = false;  // a Commit is in the mailbox
  bool compacts_ = false;
};
