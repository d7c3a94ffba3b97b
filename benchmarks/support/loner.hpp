#pragma once

/// An actor that sends itself messages: the shortest way there is.

#include <cstdint>

#include "coppice/coppice.hpp"
#include "harness.hpp"

namespace coppice::bench {

struct Again {
  std::int64_t left;
};
struct Loner : Actor<Loner> {
  explicit Loner(Finish* f) : finish{f} {}
  void handle(Again again) {
    if (again.left == 0) return finish->reach();
    self().send(Again{again.left - 1});
  }
  Finish* finish;
};

template <class S = ActorSystem>
class ToItself {
 public:
  explicit ToItself(unsigned workers)
      : system_{default_options(workers)}, loner_{system_.template spawn<Loner>(&finish_)} {}
  Nanoseconds run(std::int64_t n) {
    const Nanoseconds begun = now_ns();
    loner_.send(Again{n - 1});
    messages_ += static_cast<std::uint64_t>(n);
    return finish_.wait() - begun;
  }
  void finish() { expect_all_handled(system_, messages_); }
  [[nodiscard]] S& system() noexcept { return system_; }

 private:
  Finish finish_;
  S system_;
  ActorRef<Loner> loner_;
  std::uint64_t messages_ = 0;
};

}  // namespace coppice::bench
