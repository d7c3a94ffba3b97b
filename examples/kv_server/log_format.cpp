#include "log_format.hpp"

#include <zlib.h>

#include "operations.hpp"

namespace log_format {
namespace {

constexpr std::string_view kFileMagic = "coppice kv log 2";
constexpr std::string_view kAnyVersion = kFileMagic.substr(0, kFileMagic.size() - 1);
constexpr std::size_t kMarkBytes = 4;
constexpr std::size_t kChecksumBytes = 4;

[[nodiscard]] std::uint32_t checksum(std::string_view bytes, std::uint32_t salt = 0) {
  return static_cast<std::uint32_t>(::crc32_z(salt, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

/// What a frame begins with.
[[nodiscard]] std::string mark(std::uint64_t salt) {
  std::string bytes;
  put_number(bytes, salt >> 32, kMarkBytes);
  return bytes;
}

/// Of a frame, what its checksum covers: all but the mark and itself.
constexpr std::size_t kCovered = kMarkBytes + kChecksumBytes;

[[nodiscard]] std::uint32_t checksum_of(std::string_view covered, std::uint64_t salt) {
  return checksum(covered, static_cast<std::uint32_t>(salt & 0xffff'ffff));
}

}  // namespace

std::string header(const Header& h) {
  std::string bytes{kFileMagic};
  put_number(bytes, h.shard, 4);
  put_number(bytes, h.shards, 4);
  put_number(bytes, h.base, 8);
  put_number(bytes, h.snapshot_bytes, 8);
  put_number(bytes, h.salt, 8);
  put_number(bytes, checksum(bytes), kChecksumBytes);
  return bytes;
}

std::string open_frame() { return std::string(kFrameBytes, '\0'); }

void close_frame(std::string& frame, std::uint64_t salt, std::uint64_t number, std::uint64_t synced) {
  std::string covered;
  put_number(covered, number, 8);
  put_number(covered, synced, 8);
  put_number(covered, frame.size() - kFrameBytes, 8);
  frame.replace(kCovered, covered.size(), covered);
  std::string front = mark(salt);
  put_number(front, checksum_of(std::string_view{frame}.substr(kCovered), salt), kChecksumBytes);
  frame.replace(0, front.size(), front);
}

bool frame_at(std::string_view file, std::uint64_t salt, std::size_t at, Frame& frame) {
  const std::string_view rest = file.substr(at);
  if (rest.size() < kFrameBytes || !rest.starts_with(mark(salt))) return false;
  const std::uint64_t length = number_at(rest, 24, 8);
  if (length > rest.size() - kFrameBytes) return false;
  const std::string_view covered = rest.substr(kCovered, kFrameBytes - kCovered + length);
  if (number_at(rest, kMarkBytes, kChecksumBytes) != checksum_of(covered, salt)) return false;
  frame = {number_at(rest, 8, 8), number_at(rest, 16, 8), rest.substr(kFrameBytes, length)};
  return true;
}

Reading read_header(std::string_view file) {
  Reading reading;
  if (file.starts_with(kAnyVersion) && file.size() >= kFileMagic.size() && !file.starts_with(kFileMagic)) {
    reading.error = "it is a log of another version of kv_server, or damaged";
  } else if (file.size() < kHeaderBytes || !file.starts_with(kFileMagic)) {
    reading.error = "it is no log of kv_server";
  } else if (number_at(file, kHeaderBytes - kChecksumBytes, kChecksumBytes) !=
             checksum(file.substr(0, kHeaderBytes - kChecksumBytes))) {
    reading.error = "it is damaged: its header's checksum is wrong";
  }
  if (!reading.error.empty()) return reading;
  reading.header = {static_cast<std::uint32_t>(number_at(file, 16, 4)),
                    static_cast<std::uint32_t>(number_at(file, 20, 4)), number_at(file, 24, 8), number_at(file, 32, 8),
                    number_at(file, 40, 8)};
  reading.last = reading.header.base;
  reading.good_bytes = kHeaderBytes;
  if (reading.header.snapshot_bytes > file.size() - kHeaderBytes)
    reading.error = "it is damaged: it ends within its snapshot";
  return reading;
}

void judge_rest(std::string_view file, Reading& reading) {
  if (reading.good_bytes == file.size()) return;
  if (reading.good_bytes < kHeaderBytes + reading.header.snapshot_bytes) {
    reading.error = "it is damaged in its snapshot, at byte " + std::to_string(reading.good_bytes);
    return;
  }
  Frame frame;
  std::size_t at = reading.good_bytes;
  const std::string begin = mark(reading.header.salt);
  while ((at = file.find(begin, at)) != std::string_view::npos) {
    if (frame_at(file, reading.header.salt, at, frame)) {
      if (frame.synced > reading.last) {
        reading.error = "it is damaged at byte " + std::to_string(reading.good_bytes) +
                        ", before frames that are good: this is no torn tail";
        return;
      }
      at += kFrameBytes + frame.payload.size();
    } else {
      ++at;
    }
  }
}

}  // namespace log_format
