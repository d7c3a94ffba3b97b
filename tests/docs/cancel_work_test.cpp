// Work that is called off, and a value that all may see. docs/how-to/cancel_work.md and share_a_value.md quote this file.

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <coppice/coppice.hpp>
#include <coppice/patterns/cancel_token.hpp>
#include <coppice/patterns/state_cell.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

/// Something that somebody else does for us, and would go on doing.
struct Download {
  explicit Download(const CancelToken& token) : registration{token.on_cancel([this] { running = false; })} {}
  bool running = true;
  CancelRegistration registration;
};
using Downloads = std::vector<std::unique_ptr<Download>>;

struct Load {};

/// Its downloads end with it, and with whoever stands above it.
struct Fetcher : Actor<Fetcher> {
  Fetcher(Downloads* d, const CancelToken& above) : downloads{d}, token{cancel_with(*this, above)} {}
  void handle(Load) {
    const CancelSource one{token};
    one.cancel_after(10s);  // a deadline of its own
    downloads->push_back(std::make_unique<Download>(one.token()));
  }
  Downloads* downloads;
  CancelToken token;
};

struct Prices {
  double bid;
  double ask;
};
struct Quote {
  double bid;
  double ask;
};

/// Knows the latest prices; who is in a hurry looks at them without asking.
struct Market : Actor<Market> {
  explicit Market(StateCell<Prices>* l) : latest{l} {}
  void handle(Quote quote) { latest->set({quote.bid, quote.ask}); }
  StateCell<Prices>* latest;
};

}  // namespace

TEST_CASE("downloads end with whoever wanted them") {
  testing::TestSystem system{{.seed = 42}};
  const CancelSource user{system};
  Downloads downloads;
  const auto fetcher = system.spawn<Fetcher>(&downloads, user.token());
  for (int i = 0; i < 3; ++i) {
    fetcher.send(Load{});
    system.advance(6s);
  }
  CHECK_FALSE(downloads[0]->running);  // after ten seconds
  CHECK_FALSE(downloads[1]->running);
  CHECK(downloads[2]->running);
  static_cast<void>(system.stop(fetcher).get());
  CHECK_FALSE(downloads[2]->running);
  CHECK_FALSE(user.is_cancelled());
}

TEST_CASE("whoever looks sees the latest prices") {
  testing::TestSystem system{{.seed = 42}};
  StateCell<Prices> latest{{0.0, 0.0}};
  const auto market = system.spawn<Market>(&latest);
  std::uint64_t seen = latest.sequence();
  CHECK_FALSE(latest.changed_since(seen));
  market.send(Quote{1.0, 1.2});
  market.send(Quote{1.1, 1.3});
  system.run_until_idle();
  if (const auto now = latest.changed_since(seen)) {
    CHECK((*now)->bid == 1.1);
    seen = now->sequence();
  }
  CHECK(seen == 3);
}
