#include "shard_log.hpp"

#include <algorithm>
#include <asio/post.hpp>
#include <cstdio>
#include <utility>

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kFrameMost = std::size_t{8} << 20;  // then it is written, whatever else waits

}  // namespace

void ShardLog::on_stop(const coppice::ExitReason&) {
  write_waiting();
  if (frame_.size() > log_format::kFrameBytes)
    report(file_.place().path + ": some of what was acknowledged could not be written, and is lost");
  if (options_.fsync != Fsync::No) static_cast<void>(file_.sync());
}

void ShardLog::handle(const Append& append) {
  number_ = append.number;
  if (!refused_.empty()) return tell(refused_, true);
  frame_ += append.operations;
  if (frame_.size() >= kFrameMost) return write_waiting();
  if (!std::exchange(commits_, true)) self().send(Commit{});
}

/// It came behind all that was in the mailbox when the first of them was handled.
void ShardLog::handle(Commit) {
  commits_ = false;
  write_waiting();
}

void ShardLog::write_waiting() {
  if (frame_.size() == log_format::kFrameBytes) return;
  if (std::string error = file_.append(frame_); !error.empty()) return fail(std::move(error), false);
  frame_ = log_format::open_frame();
  if (options_.fsync == Fsync::Always) {
    if (std::string error = file_.sync(); !error.empty()) return fail(std::move(error), true);
  } else {
    sync_soon();
  }
  tell({}, false);
  compact_if_grown();
}

void ShardLog::fail(std::string error, bool is_of_sync) {
  if (error != std::exchange(reported_, error)) report(error);
  if (options_.fsync == Fsync::Always) {
    frame_ = log_format::open_frame();
    file_.drop_unsynced();
    refused_ = error;
    return tell(std::move(error), true);
  }
  if (!is_of_sync) sync_soon();  // to try again
  tell(std::move(error), false);
}

void ShardLog::tell(std::string error, bool is_lost) { reader_.send(Written{number_, std::move(error), is_lost}); }

void ShardLog::sync_soon() {
  if (!sync_timer_.is_active()) sync_timer_ = send_after(1s, SyncNow{});
}

void ShardLog::handle(SyncNow) {
  write_waiting();
  if (options_.fsync != Fsync::EverySecond) return;
  if (std::string error = file_.sync(); !error.empty()) fail(std::move(error), true);
}

LoadedLog ShardLog::handle(LoadLog load) {
  reader_ = std::move(load.reader);
  write_waiting();
  refused_.clear();
  LogFile::Loaded loaded = file_.load();
  if (!loaded.error.empty()) report(loaded.error);
  if (loaded.cut_bytes != 0)
    report(file_.place().path + ": " + std::to_string(loaded.cut_bytes) + " bytes of a torn tail are cut off");
  if (!loaded.error.empty()) return {.error = std::move(loaded.error), .keys = nullptr};
  // What has been acknowledged, and waits for room on the disk, is no less the shard's.
  if (!loaded.keys->apply(std::string_view{frame_}.substr(log_format::kFrameBytes)))
    return {.error = file_.place().path + ": what waits for it is nonsense", .keys = nullptr};
  compact_at_ = std::max(options_.compact_bytes, 2 * file_.snapshot_bytes());
  return {.error = {}, .keys = std::move(loaded.keys), .number = number_};
}

// ---- what grows ----

void ShardLog::compact_if_grown() {
  if (compacts_ || file_.bytes() < compact_at_) return;
  compacts_ = true;
  // It reads what is in the file already, which does not change any more, while this one goes on writing.
  asio::post(*disk_,
             [place = file_.place(), end = file_.bytes(),
              done = pipe_to_self(Compacted{{.error = file_.place().path + ": its snapshot was given up"}})]() mutable {
               done(Compacted{LogFile::write_snapshot(place, end)});
             });
}

void ShardLog::handle(Compacted compacted) {
  compacts_ = false;
  std::string error = std::move(compacted.snapshot.error);
  if (error.empty()) error = file_.adopt(compacted.snapshot);
  compact_at_ = std::max(options_.compact_bytes, 2 * file_.bytes());
  if (!error.empty()) report(error);
}

void ShardLog::report(const std::string& text) const {
  std::fprintf(stderr, "kv_server: %s\n", text.c_str());
  std::fflush(stderr);
}
