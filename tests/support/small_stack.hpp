#pragma once

#include <pthread.h>

#include <functional>

#include "catch.hpp"

namespace coppice::testing {

/// Runs it on a thread whose stack holds half a megabyte, where what recurses over much data does not come far.
inline void on_small_stack(std::function<void()> work) {
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, std::size_t{512} * 1024) == 0);
  pthread_t thread;
  const auto run = [](void* w) -> void* {
    (*static_cast<std::function<void()>*>(w))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, run, &work) == 0);
  pthread_attr_destroy(&attributes);
  REQUIRE(pthread_join(thread, nullptr) == 0);
}

}  // namespace coppice::testing
