#pragma once

#include <condition_variable>
#include <mutex>

namespace coppice::detail {

/// The one spelling of locks in coppice. Nothing of a user's runs while one is held.
using Mutex = std::mutex;
using Lock = std::unique_lock<Mutex>;

}  // namespace coppice::detail
