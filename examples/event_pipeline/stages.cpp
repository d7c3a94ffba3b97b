#include "stages.hpp"

#include <utility>
#include <variant>

#include <fmt/format.h>

#include "../support/interrupt.hpp"
#include "lines.hpp"

// ---- ingest ----

Ingest::Ingest(coppice::InMemoryBroker* broker, std::shared_ptr<Chaos> chaos, std::shared_ptr<Journal> journal,
               const std::string& path, std::size_t window)
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

void Validate::handle(const RawLine& line) {
  work_on(line.number, [&] {
    auto parsed = parse_line(line);
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
