#pragma once

#include <coppice/coppice.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>

/// The keys of one shard, with JSON texts. They outlive the lives of the shard, which never overlap: a crash takes a
/// life, and nothing that was answered.
using Keys = std::unordered_map<std::string, std::string>;

struct GetKey {
  std::string key;
};
struct PutKey {
  std::string key;
  std::string value;  ///< JSON
};
struct DeleteKey {
  std::string key;
};
struct IncrementKey {
  std::string key;
  std::int64_t by = 1;
};
struct CountKeys {};
/// Crashes whoever handles it; who asked hears that.
struct CrashOnKey {
  std::string key;
};
struct CrashShard {};

/// What a shard answers: a status of HTTP, and a value where there is one.
struct Answer {
  int status = 200;
  std::string value = {};
};

class Shard : public coppice::Actor<Shard> {
 public:
  explicit Shard(std::shared_ptr<Keys> keys) : keys_{std::move(keys)} {}
  Answer handle(const GetKey& get) const {
    const auto found = keys_->find(get.key);
    return found == keys_->end() ? Answer{404} : Answer{200, found->second};
  }
  Answer handle(const PutKey& put) {
    const bool is_new = keys_->insert_or_assign(put.key, put.value).second;
    return {is_new ? 201 : 200, put.value};
  }
  Answer handle(const DeleteKey& gone) { return {keys_->erase(gone.key) == 0 ? 404 : 200}; }
  /// A key that is not there counts from 0. 409: it is no whole number, or would not fit.
  Answer handle(const IncrementKey& increment);
  std::size_t handle(CountKeys) const { return keys_->size(); }
  Answer handle(const CrashOnKey&) { throw std::runtime_error{"POST /keys/K/crash"}; }
  void handle(CrashShard) { throw std::runtime_error{"POST /crash/shard"}; }

 private:
  std::shared_ptr<Keys> keys_;
};

/// The whole number that a text is, if it is one.
[[nodiscard]] std::optional<std::int64_t> whole_number(const std::string& text);
