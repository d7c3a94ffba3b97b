#include "shard.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;  // of answers; then somebody else has a turn
constexpr std::size_t kTransactionBytesMost = std::size_t{512} << 20;
constexpr auto kTriedAgainAfter = 1s;

}  // namespace

Shard::Shard(const std::optional<ShardDisk>& disk) : TickingActor{100ms}, disk_{disk} {
  if (!disk_) return;
  store_.keep_operations();
  watch(disk_->log);
  load();
}

void Shard::load() {
  loads_ = true;
  ask(disk_->log, LoadLog{self()}, coppice::kForever).then([this](auto loaded) { take(std::move(loaded)); });
}

void Shard::take(coppice::Result<LoadedLog, coppice::AskError> loaded) {
  loads_ = false;
  if (!loaded) {
    damage_ = "the log has failed: " + std::string{to_string(loaded.error())};
  } else if (!loaded->error.empty()) {
    damage_ = loaded->error;
  } else {
    store_ = std::move(*loaded->keys);
    store_.keep_operations();
    sent_ = written_ = loaded->number;
    damage_.clear();
  }
  if (crashes_) throw std::runtime_error{"DEBUG CRASH-SHARD"};
  unstash();
}

coppice::Later<std::string> Shard::handle(GetReady question) {
  if (loads_) {
    stash(GetReady{question});
    return already_answered<std::string>();
  }
  auto [promise, later] = reply_later<std::string>();
  promise.set(damage_);
  return std::move(later);
}

coppice::Later<Answers> Shard::handle(Batch batch) {
  if (loads_) {
    stash(std::move(batch));
    return already_answered<Answers>();
  }
  Answers answers = execute(batch);
  auto [promise, later] = reply_later<Answers>();
  if (disk_) {
    if (std::string operations = store_.take_operations(); !operations.empty())
      disk_->log.send(Append{++sent_, std::move(operations)});
    if (disk_->waits && written_ != sent_) {
      waiting_.push_back({sent_, std::move(promise), std::move(answers)});
      return std::move(later);
    }
  }
  promise.set(std::move(answers));
  return std::move(later);
}

Answers Shard::execute(Batch& batch) {
  Answers answers;
  answers.all.reserve(batch.parts.size());
  const coppice::TimePoint at = now();
  if (at >= refused_until_) {  // it is tried
    refusal_.clear();
    refused_until_ = coppice::TimePoint::max();
  }
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < batch.parts.size(); ++i) {
    const Batch::Part& part = batch.parts[i];
    if (bytes > kPieceBytes && !part.is_joined) {
      const auto rest = batch.parts.begin() + static_cast<std::ptrdiff_t>(i);
      answers.rest.assign(std::make_move_iterator(rest), std::make_move_iterator(batch.parts.end()));
      break;
    }
    answers.all.push_back(bytes > kTransactionBytesMost ? Answer{reply::error("too large an answer; it was not done")}
                                                        : execute(part, at));
    bytes += answers.all.back().text.size();
  }
  return answers;
}

Answer Shard::execute(const Batch::Part& part, coppice::TimePoint at) {
  const std::string* wrong = nullptr;
  if (!damage_.empty()) wrong = &damage_;
  if (!refusal_.empty() && part.command->writes) wrong = &refusal_;
  if (wrong != nullptr) return {"-MISCONF " + *wrong + "\r\n"};
  return store_.execute(part.command->command, part.words, at, part.resp3);
}

void Shard::handle(Written written) {
  if (written.error.empty()) {
    written_ = std::max(written_, written.number);
    if (refused_until_ == coppice::TimePoint::max()) refusal_.clear();
  } else {
    refusal_ = std::move(written.error);
    if (written.is_lost) refused_until_ = coppice::detail::saturating_add(now(), kTriedAgainAfter);
  }
  while (!waiting_.empty() && waiting_.front().number <= written.number) {
    Waiting done = std::move(waiting_.front());
    waiting_.pop_front();
    if (!refusal_.empty() && written.is_lost)
      done.answers.all.assign(done.answers.all.size(), {"-MISCONF " + refusal_ + "\r\n"});
    done.promise.set(std::move(done.answers));
  }
  if (written.is_lost && !loads_) load();
}

/// Its log is gone until the next start: nothing of this shard is to be had, or it would be acknowledged and lost.
void Shard::handle(const coppice::Down& down) {
  damage_ = "the log has failed: " + down.reason.to_string();
  for (Waiting& each : std::exchange(waiting_, {})) {
    each.answers.all.assign(each.answers.all.size(), {"-MISCONF " + damage_ + "\r\n"});
    each.promise.set(std::move(each.answers));
  }
}

/// One that comes while it loads waits for that, and all that come meanwhile are one: so a flood of them is no more than
/// the supervisor bears.
void Shard::handle(CrashShard) {
  crashes_ = true;
  if (!loads_) throw std::runtime_error{"DEBUG CRASH-SHARD"};
}
