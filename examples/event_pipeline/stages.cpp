#include "stages.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "../support/interrupt.hpp"
#include "../support/report_file.hpp"

// ---- ingest ----

Ingest::Ingest(coppice::InMemoryBroker* broker, std::shared_ptr<Chaos> chaos, std::shared_ptr<Journal> journal,
               std::string path, std::size_t window)
    : Stage{broker, std::move(chaos)}, journal_{std::move(journal)}, file_{path, std::ios::binary}, window_{window} {
  file_.seekg(static_cast<std::streamoff>(journal_->offset));
}

void Ingest::handle(Begin) { read_on(); }

void Ingest::handle(const Stored& stored) {
  work_on(stored.line, [&] {
    if (journal_->under_way.erase(stored.line) > 0) read_on();
  });
}

void Ingest::handle(const Lost& lost) {
  work_on(lost.line, [&] {
    const auto line = journal_->under_way.find(lost.line);
    if (line == journal_->under_way.end()) return;
    ++journal_->sent_again;
    send(line->second);
  });
}

coppice::Later<bool> Ingest::handle(WhenDone) {
  auto [promise, later] = reply_later<bool>();
  waiting_.emplace(std::move(promise));
  if (is_done()) waiting_->set(true);
  return std::move(later);
}

bool Ingest::is_done() const { return journal_->is_at_end && journal_->under_way.empty(); }

void Ingest::read_on() {
  if (was_interrupted()) journal_->is_at_end = true;  // what is under way comes to its end
  while (!journal_->is_at_end && journal_->under_way.size() < window_) {
    RawLine line;
    if (!read_line(line)) {
      journal_->is_at_end = true;
      break;
    }
    // First written down, then sent: after a crash between the two it is sent once more rather than never.
    send(journal_->under_way.emplace(line.number, std::move(line)).first->second);
  }
  if (is_done() && waiting_) std::exchange(waiting_, std::nullopt)->set(true);
}

bool Ingest::read_line(RawLine& line) {
  line = {.number = journal_->read + 1, .text = {}, .is_cut = false};
  std::uint64_t bytes = 0;
  for (int c = file_.get(); c != EOF; c = file_.get()) {
    ++bytes;
    if (c == '\n') break;
    if (line.text.size() < kLineMax) {
      line.text.push_back(static_cast<char>(c));
    } else {
      line.is_cut = true;
    }
  }
  if (file_.bad()) journal_->problem = fmt::format("it cannot be read after line {}", journal_->read);
  if (bytes == 0 || file_.bad()) return false;
  journal_->offset += bytes;
  ++journal_->read;
  return true;
}

// ---- validate ----

namespace {

using Fields = std::array<std::string_view, 4>;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// How many there are; the first four.
std::size_t split(std::string_view text, Fields& fields) {
  std::size_t count = 0;
  for (;;) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    if (text.empty()) return count;
    const auto* const end = std::ranges::find_if(text, is_blank);
    const std::string_view field{text.data(), static_cast<std::size_t>(end - text.data())};
    if (count < fields.size()) fields[count] = field;
    ++count;
    text.remove_prefix(field.size());
  }
}

/// Of one to so many digits.
bool read_number(std::string_view text, std::size_t digits_max, std::uint64_t& number) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || text.size() > digits_max || !std::ranges::all_of(text, is_digit)) return false;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return true;
}

bool is_level(std::string_view text) { return text == "DEBUG" || text == "INFO" || text == "WARN" || text == "ERROR"; }
bool is_service(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
}

/// The event, or what is wrong with the line.
std::variant<LogEvent, std::string> parse(const RawLine& line) {
  if (line.is_cut) return fmt::format("it has more than {} bytes", kLineMax);
  Fields fields;
  const std::size_t count = split(line.text, fields);
  if (count != fields.size()) return fmt::format("it has {} fields instead of {}", count, fields.size());
  const auto wrong = [](std::string_view what, std::string_view text, std::string_view should) {
    return fmt::format("its {} is \"{}\", not {}", what, examples::printable(text.substr(0, 40)), should);
  };
  std::uint64_t seconds = 0;
  std::uint64_t milliseconds = 0;
  if (!read_number(fields[0], 18, seconds)) return wrong("time", fields[0], "whole seconds");
  if (!is_level(fields[1])) return wrong("level", fields[1], "DEBUG, INFO, WARN or ERROR");
  if (!is_service(fields[2])) return wrong("service", fields[2], "small letters");
  if (!read_number(fields[3], 9, milliseconds)) return wrong("duration", fields[3], "whole milliseconds");
  return LogEvent{line.number, std::string{fields[1]}, std::string{fields[2]}, milliseconds};
}

}  // namespace

void Validate::handle(const RawLine& line) {
  work_on(line.number, [&] {
    auto parsed = parse(line);
    if (auto* const event = std::get_if<LogEvent>(&parsed)) {
      broker().publish("events.valid", std::move(*event));
    } else {
      broker().publish("events.invalid", InvalidLine{line.number, std::get<std::string>(std::move(parsed))});
    }
  });
}

// ---- process ----

void Process::handle(const LogEvent& event) {
  work_on(event.line, [&] {
    broker().publish("events.processed." + event.level,
                     ProcessedEvent{event.line, event.level, event.service, event.milliseconds,
                                    event.milliseconds >= kSlowMilliseconds});
  });
}

// ---- store ----

void Store::handle(const ProcessedEvent& event) {
  work_on(event.line, [&] {
    if (counts_->stored.add(event.line)) {
      ++counts_->valid;
      ++counts_->levels[event.level];
      Counts::Service& service = counts_->services[event.service];
      ++service.events;
      service.milliseconds += event.milliseconds;
      if (event.is_slow) ++counts_->slow;
    } else {
      ++counts_->came_again;
    }
    broker().publish("lines.stored", Stored{event.line});
  });
}

void Store::handle(const InvalidLine& line) {
  constexpr std::size_t kTold = 10;
  work_on(line.line, [&] {
    if (counts_->stored.add(line.line)) {
      ++counts_->invalid;
      if (counts_->told.size() < kTold) counts_->told.push_back(line);
    } else {
      ++counts_->came_again;
    }
    broker().publish("lines.stored", Stored{line.line});
  });
}
