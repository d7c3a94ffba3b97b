#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// A shard's log, as bytes: a header, the frames of a snapshot, and then a frame for each time something was written.
///
///     header     whose it is; how long the snapshot is, and up to which frame it stands for all before it; a salt
///     snapshot   written whole before the file had its name: damage in it is never a torn tail
///     frames     numbered without a gap. Each has a checksum, and says up to which one the disk had all for certain when
///                it was written. Half of the salt is its first bytes, the other half is in its checksum: so what a client
///                has put into a value is never taken for a frame
///
/// A frame is what one write brought: it is there as a whole or not at all, so a transaction is too.
///
/// Source     write-ahead logs: the end may be torn by a crash, all that was synchronized may not. A frame that is no good
///            is damage, if a later one says that it was on the disk; else it is the tail.
namespace log_format {

struct Header {
  std::uint32_t shard = 0;
  std::uint32_t shards = 1;
  std::uint64_t base = 0;            ///< the last frame that the snapshot stands for
  std::uint64_t snapshot_bytes = 0;  ///< of frames behind the header
  std::uint64_t salt = 0;            ///< random; of all frames of the file, and of those that take its place
};
inline constexpr std::size_t kHeaderBytes = 52;
inline constexpr std::size_t kFrameBytes = 32;  ///< in front of what a frame holds

[[nodiscard]] std::string header(const Header& header);
/// Room for a frame's front; what it holds is appended to it, and then it is closed.
[[nodiscard]] std::string open_frame();
void close_frame(std::string& frame, std::uint64_t salt, std::uint64_t number, std::uint64_t synced);

/// What there is in a file. `error` says that it is no log, or not that of this shard, or damaged.
struct Reading {
  std::string error;
  Header header;
  std::uint64_t last = 0;      ///< the last good frame's number
  std::size_t good_bytes = 0;  ///< what comes behind them is a torn tail
};

/// Calls `apply(payload)` for each frame in turn; false: what it holds is nonsense, and the file is damaged.
template <class Apply>
[[nodiscard]] Reading read(std::string_view file, Apply&& apply);

// ---- the steps of read() ----

struct Frame {
  std::uint64_t number = 0;
  std::uint64_t synced = 0;
  std::string_view payload;
};
[[nodiscard]] bool frame_at(std::string_view file, std::uint64_t salt, std::size_t at, Frame& frame);
[[nodiscard]] Reading read_header(std::string_view file);
/// What the bytes behind the good ones are: a tail, or damage, which it says.
void judge_rest(std::string_view file, Reading& reading);

template <class Apply>
Reading read(std::string_view file, Apply&& apply) {
  Reading reading = read_header(file);
  if (!reading.error.empty()) return reading;
  Frame frame;
  const std::size_t snapshot_end = kHeaderBytes + reading.header.snapshot_bytes;
  while (reading.good_bytes < file.size() && frame_at(file, reading.header.salt, reading.good_bytes, frame)) {
    const bool is_snapshot = reading.good_bytes < snapshot_end;
    if (frame.number != (is_snapshot ? reading.header.base : reading.last + 1)) break;
    if (!apply(frame.payload)) {
      reading.error = "it is damaged: a frame with a good checksum holds nonsense";
      return reading;
    }
    reading.last = frame.number;
    reading.good_bytes += kFrameBytes + frame.payload.size();
  }
  judge_rest(file, reading);
  return reading;
}

}  // namespace log_format
