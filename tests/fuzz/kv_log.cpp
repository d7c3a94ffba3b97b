#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "examples/kv_server/log_format.hpp"
#include "examples/kv_server/operations.hpp"
#include "fuzz/input.hpp"

// The key-value server's log. One that was written is read as it was; one that was torn, damaged or lengthened after that
// is read up to where that was, or refused, and never as something else. Where frames behind the damage say that the disk
// had what is damaged, it is refused. Bytes that nobody has written are read as well; and so are operations.

namespace {

using coppice::fuzz::expect;
using coppice::fuzz::Input;

/// A log, and what is known of it.
struct Log {
  struct Frame {
    std::size_t begin;
    std::size_t end;
    std::uint64_t number;
    std::uint64_t synced;
    std::string payload;
  };
  log_format::Header header;
  std::string bytes;
  std::vector<Frame> frames;  // those of the snapshot first
  std::size_t snapshot_end = 0;
};

std::string drawn_text(Input& input) {
  std::string text;
  for (std::size_t left = input.below(16); left != 0 && !input.is_over(); --left)
    text += static_cast<char>(input.byte());
  return text;
}

std::string drawn_operation(Input& input) {
  const auto kind = static_cast<Operation::Kind>(1 + input.below(5));
  const std::string key = drawn_text(input);
  const std::string value = drawn_text(input);
  std::string bytes;
  put(bytes, {kind, key, value, input.one_in(2) ? Operation::kNever : static_cast<std::int64_t>(input.number())});
  return bytes;
}

std::string closed_frame(std::string_view payload, std::uint64_t salt, std::uint64_t number, std::uint64_t synced) {
  std::string frame = log_format::open_frame();
  frame += payload;
  log_format::close_frame(frame, salt, number, synced);
  return frame;
}

/// What a client may put into a value, to be taken for a frame: one that says that all before it was on the disk. But for
/// the salt, which no client knows; two bits of it, or one that is damaged would make it good.
std::string forged_frame(Input& input, const Log& log) {
  const std::uint64_t salt = log.header.salt ^ (std::uint64_t{3} << input.below(63));
  return closed_frame(drawn_operation(input), salt, log.header.base + 1 + input.below(8), ~std::uint64_t{0});
}

Log drawn_log(Input& input) {
  Log log;
  log.header.shards = 1 + static_cast<std::uint32_t>(input.below(8));
  log.header.shard = static_cast<std::uint32_t>(input.below(log.header.shards));
  log.header.base = input.one_in(4) ? input.number() >> 1 : 0;
  log.header.salt = input.number();
  const std::size_t in_snapshot = input.below(3);
  const std::size_t count = in_snapshot + input.below(5);
  std::string body;
  std::uint64_t synced = log.header.base;
  for (std::size_t i = 0; i < count; ++i) {
    const bool is_snapshot = i < in_snapshot;
    const std::uint64_t number = log.header.base + (is_snapshot ? 0 : i - in_snapshot + 1);
    // The disk has at most what was there before this one.
    if (!is_snapshot && input.one_in(2)) synced = number - 1;
    std::string payload = input.one_in(4) ? forged_frame(input, log) : drawn_operation(input);
    const std::size_t begin = log_format::kHeaderBytes + body.size();
    body += closed_frame(payload, log.header.salt, number, synced);
    log.frames.push_back({begin, log_format::kHeaderBytes + body.size(), number, synced, std::move(payload)});
    if (is_snapshot) log.header.snapshot_bytes = body.size();
  }
  log.snapshot_end = log_format::kHeaderBytes + log.header.snapshot_bytes;
  log.bytes = log_format::header(log.header) + body;
  return log;
}

struct Read {
  log_format::Reading reading;
  std::vector<std::string> payloads;
};
Read read(std::string_view bytes) {
  Read all;
  all.reading = log_format::read(bytes, [&](std::string_view payload) {
    all.payloads.emplace_back(payload);
    return true;
  });
  expect(all.reading.good_bytes <= bytes.size(), "more is good than there is");
  return all;
}

/// Exactly the first `count` frames, without an error.
void expect_frames(const Read& got, const Log& log, std::size_t count) {
  expect(got.reading.error.empty(), "it is refused");
  expect(got.payloads.size() == count, "other frames are read");
  for (std::size_t i = 0; i < count; ++i) expect(got.payloads[i] == log.frames[i].payload, "a frame is another one");
  expect(got.reading.good_bytes == (count == 0 ? log_format::kHeaderBytes : log.frames[count - 1].end),
         "it is good up to somewhere else");
  expect(got.reading.last == (count == 0 ? log.header.base : log.frames[count - 1].number), "another one is the last");
}

/// The frame that a byte is in. The bytes of a header are in none.
std::optional<std::size_t> frame_of(const Log& log, std::size_t at) {
  for (std::size_t i = 0; i < log.frames.size(); ++i) {
    if (at >= log.frames[i].begin && at < log.frames[i].end) return i;
  }
  return {};
}

void check_torn(const Log& log, std::size_t bytes) {
  const Read got = read(std::string_view{log.bytes}.substr(0, bytes));
  if (bytes < log.snapshot_end) return expect(!got.reading.error.empty(), "half a snapshot is taken for a whole one");
  const auto whole = std::count_if(log.frames.begin(), log.frames.end(), [&](const auto& f) { return f.end <= bytes; });
  expect_frames(got, log, static_cast<std::size_t>(whole));
}

void check_damaged(const Log& log, std::size_t at, std::uint8_t by) {
  std::string bytes = log.bytes;
  bytes[at] = static_cast<char>(static_cast<std::uint8_t>(bytes[at]) ^ by);
  const Read got = read(bytes);
  const auto frame = frame_of(log, at);
  if (!frame || at < log.snapshot_end) return expect(!got.reading.error.empty(), "damage is not noticed");
  const bool was_on_disk = std::any_of(log.frames.begin() + static_cast<std::ptrdiff_t>(*frame) + 1, log.frames.end(),
                                       [&](const auto& later) { return later.synced >= log.frames[*frame].number; });
  if (was_on_disk) return expect(!got.reading.error.empty(), "what was on the disk is cut off as a tail");
  expect_frames(got, log, *frame);
}

/// Behind a log, what a crash may leave of a value: with a whole frame in it, as far as a client can make one.
void check_lengthened(const Log& log, const std::string& tail) {
  const Read got = read(log.bytes + tail);
  expect_frames(got, log, log.frames.size());
}

void check_operations(std::string_view bytes) {
  std::string_view rest = bytes;
  std::string again;
  Operation operation;
  while (take(rest, operation)) {
    put(again, operation);
    expect(again == bytes.substr(0, bytes.size() - rest.size()), "an operation is written down as another");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  const std::size_t kind = input.below(6);
  if (kind == 0) {
    const std::string_view rest{reinterpret_cast<const char*>(data) + std::min<std::size_t>(size, 1),
                                size - std::min<std::size_t>(size, 1)};
    check_operations(rest);
    static_cast<void>(read(rest));
    return 0;
  }
  const Log log = drawn_log(input);
  switch (kind) {
    case 1: expect_frames(read(log.bytes), log, log.frames.size()); break;
    case 2: check_torn(log, input.number() % (log.bytes.size() + 1)); break;
    case 3:
      check_damaged(log, input.number() % log.bytes.size(), static_cast<std::uint8_t>(1U << input.below(8)));
      break;
    case 4: check_lengthened(log, drawn_text(input) + forged_frame(input, log) + drawn_text(input)); break;
    default: {  // damage that a checksum may or may not be made for
      std::string bytes = log.bytes;
      for (std::size_t left = input.below(8); left != 0; --left)
        bytes[input.number() % bytes.size()] = static_cast<char>(input.byte());
      static_cast<void>(read(bytes));
    }
  }
  return 0;
}
