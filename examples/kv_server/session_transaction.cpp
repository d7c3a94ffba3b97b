#include <utility>

#include "session.hpp"

// MULTI, EXEC, DISCARD. A transaction is done in one turn of one shard, and is one frame of its log: nobody sees a part of
// it, and no crash leaves one. So all its keys have to be in one shard, as in Redis Cluster; a {hash tag} brings them there.

bool Session::run_transaction(const CommandInfo& info, Words& words) {
  switch (info.command) {
    case Command::Multi:
      if (transaction_) {
        answer(reply::error("MULTI calls can not be nested"));
      } else {
        transaction_ = std::make_unique<Transaction>();
        answer(reply::kOk);
      }
      return true;
    case Command::Discard:
      answer(transaction_ ? reply::kOk : reply::error("DISCARD without MULTI"));
      transaction_.reset();
      return true;
    case Command::Exec:
      if (transaction_) {
        execute();
      } else {
        answer(reply::error("EXEC without MULTI"));
      }
      return true;
    case Command::Quit:
    case Command::Reset: return false;
    default: break;
  }
  if (!transaction_) return false;
  queue(info, words);
  return true;
}

void Session::queue(const CommandInfo& info, Words& words) {
  const auto refuse = [&](std::string why) {
    transaction_->is_spoilt = true;
    answer(std::move(why));
  };
  switch (info.command) {
    case Command::Debug:
    case Command::Hello:
    case Command::Keys:
    case Command::Psubscribe:
    case Command::Punsubscribe:
    case Command::Scan:
    case Command::Subscribe:
    case Command::Unsubscribe: return refuse(reply::error("Command not allowed inside a transaction"));
    default: break;
  }
  if (info.keys != Keys::None) {
    auto shard = info.keys == Keys::Shards ? std::optional<std::size_t>{0} : common_shard(info, words);
    if (info.keys == Keys::Shards && server_->shards.size() > 1) shard.reset();
    if (!shard || (transaction_->shard && transaction_->shard != shard))
      return refuse("-CROSSSLOT Keys in a transaction have to be in one shard: give them the same {hash tag}\r\n");
    transaction_->shard = shard;
  }
  for (const std::string& word : words) transaction_->bytes += sizeof(std::string) + word.size();
  if (transaction_->bytes > server_->limits.command_bytes_max)
    return refuse(reply::error("the transaction is too large"));
  transaction_->queued.push_back({&info, std::move(words)});
  answer("+QUEUED\r\n");
}

void Session::execute() {
  const std::unique_ptr<Transaction> transaction = std::move(transaction_);
  if (transaction->is_spoilt) return answer("-EXECABORT Transaction discarded because of previous errors.\r\n");
  auto& queued = transaction->queued;
  if (queued.empty()) return answer(reply::array(0));
  Pending& pending = pending_.push(Sum::Transaction, queued.size());
  bool is_joined = false;  // to one before it
  for (std::size_t i = 0; i < queued.size(); ++i) {
    auto& [info, words] = queued[i];
    if (info->keys != Keys::None) {
      add_part(*info, std::move(words), *transaction->shard, i, std::exchange(is_joined, true));
      continue;
    }
    --pending.left;
    if (info->command == Command::Publish) {
      pending.publishings.push_back({i, std::move(words[1]), std::move(words[2])});
    } else {
      pending.part(i).text = *reply_here(info->command, words);
    }
  }
}
